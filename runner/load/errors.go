package load

import "fmt"

// RejectedError says that the server answered no request at all.
type RejectedError struct {
	Model string
	Tries int64
	// Reason is the first error: the status code's name and the server's message.
	Reason string
}

func (e *RejectedError) Error() string {
	return fmt.Sprintf("model %s answered none of %d requests: %s", e.Model, e.Tries, e.Reason)
}
