package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
)

// Failure is a request that is no success. It counts as such whatever the
// service thinks of it.
type Failure struct {
	kind  string
	text  string
	final bool
	err   error
}

func (f *Failure) Error() string { return f.text }

// Unwrap returns the connection's error, if it was one.
func (f *Failure) Unwrap() error { return f.err }

// Kind is what failures are counted by: "HTTP 503", "timeout", "connection",
// "answer".
func (f *Failure) Kind() string { return f.kind }

// Final is true when the service answered: asking again would show the same.
func (f *Failure) Final() bool { return f.final }

// Unreachable reports whether no answer came at all.
func (f *Failure) Unreachable() bool { return f.kind == connection || f.kind == timeout }

const (
	timeout    = "timeout"
	connection = "connection"
)

// refused is an answer of another status code than 2xx, with its beginning.
func refused(code int, beginning []byte) *Failure {
	text := fmt.Sprintf("HTTP %d %s", code, http.StatusText(code))
	if len(beginning) > 0 {
		text += ": " + short(beginning)
	}
	return &Failure{kind: fmt.Sprintf("HTTP %d", code), text: text, final: true}
}

// wrongAnswer is a success by its status code alone.
func wrongAnswer(why error, beginning []byte) *Failure {
	return &Failure{kind: "answer", text: fmt.Sprintf("the answer is no success: %v (it begins %s)", why, short(beginning)), final: true, err: why}
}

// broken is a request without an answer.
func broken(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &Failure{kind: timeout, text: "no answer in time", final: true, err: err}
	}
	if operation, ok := errors.AsType[*net.OpError](err); ok {
		return &Failure{kind: connection, text: operation.Error(), err: err}
	}
	return &Failure{kind: connection, text: err.Error(), err: err}
}
