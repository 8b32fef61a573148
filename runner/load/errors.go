package load

import (
	"errors"
	"fmt"
)

// RejectedError says that the server answered no request at all.
type RejectedError struct {
	What  string // "model NAME"
	Tries int64
	// Reason is the first error: its kind and the server's message.
	Reason string
	// Err is that error, where the single requests at the beginning met it.
	Err error
}

func (e *RejectedError) Error() string {
	return fmt.Sprintf("%s answered none of %d requests: %s", e.What, e.Tries, e.Reason)
}

func (e *RejectedError) Unwrap() error { return e.Err }

// Failure is an error of a transport that does not speak gRPC.
type Failure interface {
	error
	// Kind is what failures are counted by, for example "HTTP 503".
	Kind() string
	// Final reports that asking again with the same request cannot help.
	Final() bool
}

// kindOf names a failed call for counting.
func kindOf(err error) string {
	if f, ok := errors.AsType[Failure](err); ok {
		return f.Kind()
	}
	return statusOf(err).Code().String()
}

// describe is a failed call for people.
func describe(err error) string {
	if f, ok := errors.AsType[Failure](err); ok {
		return f.Error()
	}
	s := statusOf(err)
	return s.Code().String() + ": " + s.Message()
}
