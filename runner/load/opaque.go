package load

import (
	"errors"
	"fmt"
)

// Opaque is a request of another protocol than inference over gRPC: bodies that
// the transport understands, sent in rotation, and a rule for the answers.
type Opaque struct {
	Name   string // of what is asked, for messages
	Bodies [][]byte
	// Answer is about how many bytes an answer has; 0 when that is not known.
	Answer int64
	// Check judges the answers that are looked at; About says what it looks for.
	Check func(answer []byte) error
	About string
}

// NewOpaqueRequest returns a request that is sent as it is.
func NewOpaqueRequest(o Opaque) (*Request, error) {
	if len(o.Bodies) == 0 || o.Check == nil {
		return nil, errors.New("an opaque request needs a body and a check")
	}
	r := &Request{batch: 1, opaque: &o}
	for _, body := range o.Bodies {
		r.payloads = append(r.payloads, Payload{Bytes: body})
	}
	return r, nil
}

// what names the receiver of the requests, for messages.
func (r *Request) what() string {
	if r.opaque != nil {
		return r.opaque.Name
	}
	return "model " + r.model.Name
}

// checked says what the decoded samples of the answers are compared with.
func (r *Request) checked() string {
	about := "names, datatypes and shapes as in the metadata"
	if r.opaque != nil {
		about = r.opaque.About
	}
	return fmt.Sprintf("one answer of %d, and of the first %d one of %d, was decoded: %s", checkEvery, checkSoon, checkSooner, about)
}
