package load

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// again is a transport whose library sends some requests twice.
type again struct {
	*fake
	sent  atomic.Int64
	twice func(n int64) bool
	more  atomic.Int64
}

func (a *again) Infer(ctx context.Context, caller int, p *Payload, keep bool) (Answer, error) {
	if a.twice(a.sent.Add(1)) {
		a.more.Add(1)
	}
	return a.fake.Infer(ctx, caller, p, keep)
}

func (a *again) Resent() int64 { return a.more.Load() }

// TestRuleRetries: a request of the window that was sent twice makes the point
// void; one before it, when connections are made, does not, nor does a transport
// that never does such a thing.
func TestRuleRetries(t *testing.T) {
	for name, c := range map[string]struct {
		twice  func(n int64) bool
		passed bool
	}{
		"never":      {func(int64) bool { return false }, true},
		"the first":  {func(n int64) bool { return n == 1 }, true},
		"in between": {func(n int64) bool { return n == 1600 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := mustRun(t, &again{fake: fixed(5 * time.Millisecond), twice: c.twice}, quickSpec(4))
				if before := int64(r.Warmup / (5 * time.Millisecond) * 4); before > 1500 || before+r.Requests < 1700 {
					t.Fatalf("%d requests and then %d: the 1600th is not in the window", before, r.Requests)
				}
				expectRule(t, r, "retries", c.passed, false)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		expectRule(t, mustRun(t, fixed(5*time.Millisecond), quickSpec(4)), "retries", true, false)
	})
}

// TestStreamRetriesAreCounted: a server that refuses a stream before it did
// anything is asked again by gRPC-Go, whatever one sets; that is counted.
func TestStreamRetriesAreCounted(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		c, err := listener.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		refuseFirst(t, c)
	}()
	transport, err := Connect(Options{Protocol: Stream, Address: listener.Addr().String(), Callers: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err = transport.Infer(ctx, 0, &Payload{Bytes: []byte("request")}, false)
	if code := status.Code(err); code != codes.DataLoss {
		t.Errorf("%v, want what the second attempt was told", err)
	}
	if n := resentBy(transport); n != 1 {
		t.Errorf("%d attempts beyond the first, want 1", n)
	}
	if n := resentBy(&sharing{inner: transport}); n != 1 {
		t.Errorf("%d behind shared memory, want 1", n)
	}
	if err := errors.Join(transport.Close(), listener.Close()); err != nil {
		t.Error(err)
	}
	<-served
}

// refuseFirst refuses the first stream of a connection and ends the second one,
// each when its request has arrived: where the answer meets the request on its way,
// gRPC-Go may forget what it was told.
func refuseFirst(t *testing.T, c net.Conn) {
	if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
		t.Error(err)
		return
	}
	framer := http2.NewFramer(c, c)
	if err := framer.WriteSettings(); err != nil {
		t.Error(err)
	}
	streams := 0
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return // the client is gone
		}
		data, ok := frame.(*http2.DataFrame)
		if !ok {
			continue
		}
		if streams++; streams == 1 {
			err = framer.WriteRSTStream(data.StreamID, http2.ErrCodeRefusedStream)
		} else {
			var block bytes.Buffer
			encoder := hpack.NewEncoder(&block)
			for _, f := range [][2]string{{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "15"}, {"grpc-message", "told"}} {
				err = errors.Join(err, encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}))
			}
			err = errors.Join(err, framer.WriteHeaders(http2.HeadersFrameParam{
				StreamID: data.StreamID, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true,
			}))
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// TestWebRequestsAreSentOnce: over HTTP nothing is tried again, also where a kept
// connection turns out to be closed.
func TestWebRequestsAreSentOnce(t *testing.T) {
	address := serveRaw(t, func(c net.Conn) { // one answer, and it closes without having said so
		if _, err := c.Read(make([]byte, 64<<10)); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
		}
	})
	transport, err := Connect(Options{Protocol: HTTP, URL: "http://" + address, Callers: 1})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		_, err := transport.Infer(t.Context(), 0, &Payload{Bytes: []byte("{}"), head: 2, path: "v2"}, false)
		if err != nil && !errors.As(err, new(*webError)) {
			t.Error(err)
		}
	}
	if n := resentBy(transport); n != 0 {
		t.Errorf("%d requests were sent twice", n)
	}
	if err := transport.Close(); err != nil {
		t.Error(err)
	}
}

// TestAttemptsOverHTTP: every connection beyond the first that one request gets is
// an attempt.
func TestAttemptsOverHTTP(t *testing.T) {
	var a Attempts
	trace := a.Watch((&sentTime{}).trace())
	trace.GotConn(httptrace.GotConnInfo{})
	if a.Resent() != 0 {
		t.Error("the first attempt was counted")
	}
	trace.GotConn(httptrace.GotConnInfo{})
	if a.Resent() != 1 {
		t.Errorf("%d, want 1", a.Resent())
	}
}
