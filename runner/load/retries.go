package load

import (
	"context"
	"fmt"
	"net/http/httptrace"
	"sync/atomic"

	"google.golang.org/grpc/stats"

	"tritonsweep/results"
)

// Resender is a Transport on whose account requests may be sent more than once: a
// library below it that tries again where a connection was lost before an answer
// began. Two attempts look like one slow request. Package wire has no such
// library, and is none.
type Resender interface {
	// Resent counts the attempts beyond the first of every request, since the
	// transport was made.
	Resent() int64
}

// resentBy asks a transport, or the one that it wraps.
func resentBy(t Transport) int64 {
	if s, wraps := t.(*sharing); wraps {
		t = s.inner
	}
	if r, able := t.(Resender); able {
		return r.Resent()
	}
	return 0
}

// retries checks that no request of the window was sent again behind our back.
func (o *outcome) retries() results.Check {
	return results.Check{
		Name: "retries", Passed: o.resent == 0,
		Detail: fmt.Sprintf("%d requests were sent again by the transport; what fails is an error, not a slow answer", o.resent),
	}
}

// Attempts counts attempts beyond the first.
type Attempts struct{ again atomic.Int64 }

// Resent implements Resender.
func (a *Attempts) Resent() int64 { return a.again.Load() }

// Watch counts the connections that one request over HTTP is written to: net/http
// takes another one when an idle one turns out to be closed.
func (a *Attempts) Watch(t *httptrace.ClientTrace) *httptrace.ClientTrace {
	var tries atomic.Int64
	t.GotConn = func(httptrace.GotConnInfo) {
		if tries.Add(1) > 1 {
			a.again.Add(1)
		}
	}
	return t
}

// The rest makes Attempts a stats.Handler, which gRPC-Go tells of every attempt,
// and whether it is a transparent retry; those cannot be turned off.
var _ stats.Handler = (*Attempts)(nil)

// TagRPC implements stats.Handler.
func (a *Attempts) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC implements stats.Handler.
func (a *Attempts) HandleRPC(_ context.Context, s stats.RPCStats) {
	if begin, ok := s.(*stats.Begin); ok && begin.IsTransparentRetryAttempt {
		a.again.Add(1)
	}
}

// TagConn implements stats.Handler.
func (a *Attempts) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (a *Attempts) HandleConn(context.Context, stats.ConnStats) {}
