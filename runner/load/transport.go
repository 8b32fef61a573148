package load

import (
	"context"
	"time"
)

// Transport carries requests to a server. The gRPC one is Client.
type Transport interface {
	// Infer sends one request on behalf of a caller (from 0; a caller has at
	// most one request under way) and waits for the answer or until ctx ends.
	// With keep, Answer.Body holds a copy of the answer. An error that comes
	// from the server or the connection has a gRPC status.
	Infer(ctx context.Context, caller int, p *Payload, keep bool) (Answer, error)
}

// recycler is a Transport that takes the bodies of answers back, for later ones.
type recycler interface{ recycle(body []byte) }

// Answer is what came back.
type Answer struct {
	// Sent is when the last byte of the request had been handed to the system.
	Sent time.Time
	// Received is when the end of the answer was read; zero means when Infer
	// returned.
	Received time.Time
	// Bytes is the size of the encoded answer.
	Bytes int
	// Body is the encoded ModelInferResponse, when asked for.
	Body []byte
}
