package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestMoreCallersThanPlaces: calls wait for a place where the server takes one at
// a time.
func TestMoreCallersThanPlaces(t *testing.T) {
	address := grpcServer(t, func(_ context.Context, in []byte) ([]byte, error) { return in, nil }, grpc.MaxConcurrentStreams(1))
	c := newClient(t, address, 8)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 20 {
				if _, err := c.Call(t.Context(), i, pattern(100), false); err != nil {
					// Before the server's settings are read more may be sent, and refused.
					if status.Code(err) != codes.Unavailable {
						t.Error(err)
					}
				}
			}
		})
	}
	group.Wait()
}

// TestWindows: the server opens its windows by a few bytes at a time, and not one
// byte more than allowed comes.
func TestWindows(t *testing.T) {
	for _, step := range []uint32{1, 3, 100} {
		message := pattern(400)
		c := script(t, 1, nil, func(p *peer) {
			first, got := p.request()
			if !bytes.Equal(got, message) {
				p.t.Errorf("the first request is %d bytes", len(got))
			}
			// Read before the answer, so the second request is held to it.
			if err := p.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}); err != nil {
				p.t.Error(err)
			}
			p.answer(first, nil)
			var stream uint32
			var allowed, seen int
			for {
				switch f := p.next().(type) {
				case *http2.HeadersFrame:
					stream = f.StreamID
				case *http2.DataFrame:
					if seen += len(f.Data()); seen > allowed {
						p.t.Errorf("%d bytes came, %d were allowed", seen, allowed)
					}
					if f.StreamEnded() {
						p.answer(stream, nil)
						return
					}
				default:
					p.t.Errorf("unexpected %v", f)
					return
				}
				if seen == allowed {
					allowed += int(step)
					if err := p.framer.WriteWindowUpdate(stream, step); err != nil {
						p.t.Error(err)
					}
				}
			}
		})
		for range 2 {
			if _, err := c.Call(t.Context(), 0, message, false); err != nil {
				t.Fatalf("step %d: %v", step, err)
			}
		}
	}
}

// TestShrinkingWindow: the server takes back more than is left, so the window
// becomes negative, and the call waits until it is positive again.
func TestShrinkingWindow(t *testing.T) {
	message := pattern(100_000)
	c := script(t, 1, nil, func(p *peer) {
		f := p.next()
		stream := f.Header().StreamID
		seen := 0
		for seen < defaultWindow { // all that the default allows
			seen += len(p.next().(*http2.DataFrame).Data())
		}
		// Both windows are used up. Take 60,000 of the stream's back, give the
		// connection plenty: nothing may come before the stream is given 60,001.
		if err := errors.Join(
			p.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: defaultWindow - 60_000}),
			p.framer.WriteWindowUpdate(0, 1<<20),
			p.framer.WriteWindowUpdate(stream, 60_000),
			p.framer.WritePing(false, [8]byte{1}),
		); err != nil {
			p.t.Error(err)
		}
		if f, ok := p.next().(*http2.PingFrame); !ok || !f.IsAck() {
			p.t.Errorf("instead of the ping's answer came %v", f)
		}
		if err := p.framer.WriteWindowUpdate(stream, 1<<20); err != nil {
			p.t.Error(err)
		}
		for seen < len(message)+prefixLength {
			seen += len(p.next().(*http2.DataFrame).Data())
		}
		p.answer(stream, []byte("done"))
	})
	a, err := c.Call(t.Context(), 0, message, true)
	if err != nil || string(a.Body) != "done" {
		t.Errorf("%q, %v", a.Body, err)
	}
}

// TestServerThatDoesNotRead: a write that hangs holds up its connection, but no
// caller for longer than its deadline and a moment.
func TestServerThatDoesNotRead(t *testing.T) {
	release := make(chan struct{})
	c := script(t, 3, nil, func(p *peer) {
		// Windows without end, but nothing is read.
		if err := errors.Join(
			p.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1}),
			p.framer.WriteWindowUpdate(0, 1<<30),
		); err != nil {
			p.t.Error(err)
		}
		<-release
	})
	defer close(release)
	message := make([]byte, 64<<20)
	var group sync.WaitGroup
	begin := time.Now()
	for i := range 3 {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if _, err := c.Call(ctx, i, message, false); err == nil {
				t.Error("a request that nobody read was answered")
			}
		})
	}
	group.Wait()
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("took %v", d)
	}
}

// TestAnsweredInTheMiddle: the server answers before it has read the request.
func TestAnsweredInTheMiddle(t *testing.T) {
	c := script(t, 1, nil, func(p *peer) {
		stream := p.next().Header().StreamID
		p.headers(stream, true, ":status", "200", "grpc-status", "8", "grpc-message", "too large")
		_, _ = io.Copy(io.Discard, p.conn)
	})
	_, err := c.Call(t.Context(), 0, pattern(1<<20), false)
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("error %v", err)
	}
	_ = c.Close()
}
