package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestFailures: what a server can do wrong, and the status that comes of it.
func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		respond func(p *peer, stream uint32)
		code    codes.Code
		says    string
	}{
		"trailers only": {func(p *peer, s uint32) {
			p.headers(s, true, ":status", "200", "grpc-status", "5", "grpc-message", "no%20model%zz")
		}, codes.NotFound, "no model%zz"},
		"malformed":  {func(p *peer, s uint32) { p.headers(s, true, ":status", "200", "grpc-status", "five") }, codes.Unknown, "malformed"},
		"not gRPC":   {func(p *peer, s uint32) { p.headers(s, true, ":status", "404") }, codes.Unimplemented, "404"},
		"overloaded": {func(p *peer, s uint32) { p.headers(s, true, ":status", "503") }, codes.Unavailable, "503"},
		"reset":      {func(p *peer, s uint32) { _ = p.framer.WriteRSTStream(s, http2.ErrCodeEnhanceYourCalm) }, codes.ResourceExhausted, "reset"},
		"refused":    {func(p *peer, s uint32) { _ = p.framer.WriteRSTStream(s, http2.ErrCodeRefusedStream) }, codes.Unavailable, "reset"},
		"no status":  {func(p *peer, s uint32) { p.headers(s, false, ":status", "200"); p.data(s, true, framed([]byte("x"))) }, codes.Internal, "without a status"},
		"cut off": {func(p *peer, s uint32) {
			p.headers(s, false, ":status", "200")
			p.data(s, false, framed(pattern(9))[:7])
			p.headers(s, true, "grpc-status", "0")
		}, codes.Internal, "cut off after 2"},
		"no message": {func(p *peer, s uint32) { p.headers(s, true, ":status", "200", "grpc-status", "0") }, codes.Internal, "cut off after 0"},
		"two messages": {func(p *peer, s uint32) {
			p.headers(s, false, ":status", "200")
			p.data(s, false, append(framed(nil), framed(nil)...))
		}, codes.Internal, "more than one"},
		"compressed": {func(p *peer, s uint32) {
			p.headers(s, false, ":status", "200")
			p.data(s, false, []byte{1, 0, 0, 0, 0})
		}, codes.Internal, "compressed"},
		"closed":  {func(p *peer, s uint32) { _ = p.conn.(*net.TCPConn).CloseWrite() }, codes.Unavailable, "closed"},
		"goodbye": {func(p *peer, s uint32) { _ = p.framer.WriteGoAway(0, http2.ErrCodeNo, []byte("later")) }, codes.Unavailable, "later"},
		"push": {func(p *peer, s uint32) {
			_ = p.framer.WritePushPromise(http2.PushPromiseParam{StreamID: s, PromiseID: 2, EndHeaders: true})
		}, codes.Unavailable, "broke the protocol"},
		"huge frame": {func(p *peer, s uint32) { _, _ = p.conn.Write([]byte{0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1}) }, codes.Unavailable, "broke the protocol"},
		"bad window": {func(p *peer, s uint32) { _ = p.framer.WriteWindowUpdate(0, 1<<31-1) }, codes.Unavailable, "beyond its limit"},
		"bad block": {func(p *peer, s uint32) {
			_ = p.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: s, BlockFragment: []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, EndHeaders: true})
		}, codes.Unavailable, "malformed header block"},
		"endless headers": {func(p *peer, s uint32) {
			_ = p.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: s})
			for range 300 {
				_ = p.framer.WriteContinuation(s, false, pattern(1000))
			}
		}, codes.Unavailable, "header"},
		"stray continuation": {func(p *peer, s uint32) {
			p.framer.AllowIllegalWrites = true
			_ = p.framer.WriteContinuation(s, true, nil)
		}, codes.Unavailable, "broke the protocol"},
	} {
		t.Run(name, func(t *testing.T) {
			client := script(t, 1, nil, func(p *peer) {
				stream, _ := p.request()
				c.respond(p, stream)
				_, _ = io.Copy(io.Discard, p.conn) // until the client has seen it
			})
			done := make(chan error, 1)
			go func() {
				_, err := client.Call(t.Context(), 0, []byte("in"), false)
				done <- err
			}()
			select {
			case err := <-done:
				if status.Code(err) != c.code || !strings.Contains(err.Error(), c.says) {
					t.Errorf("error %v, want %v with %q", err, c.code, c.says)
				}
			case <-time.After(15 * time.Second):
				t.Error("no answer")
			}
			_ = client.Close() // ends the script
		})
	}
}

func TestNotHTTP2(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"))
			_, _ = io.ReadFull(c, make([]byte, len(preface)))
			c.Close()
		}
	}()
	_, err = newClient(t, listener.Addr().String(), 1).Call(t.Context(), 0, nil, false)
	if status.Code(err) != codes.Unavailable {
		t.Errorf("error %v", err)
	}
}

// TestGoodbye: calls below the last identifier finish on the old connection, the
// next call makes a new one.
func TestGoodbye(t *testing.T) {
	c := script(t, 1, nil, func(p *peer) {
		stream, _ := p.request()
		if err := p.framer.WriteGoAway(stream, http2.ErrCodeNo, nil); err != nil {
			p.t.Error(err)
		}
		p.answer(stream, []byte("old"))
	}, func(p *peer) {
		stream, _ := p.request()
		p.answer(stream, []byte("new"))
	})
	for _, want := range []string{"old", "new"} {
		if a, err := c.Call(t.Context(), 0, nil, true); err != nil || string(a.Body) != want {
			t.Errorf("%q, %v, want %q", a.Body, err, want)
		}
	}
}

// lateContext has a deadline that passes when the test wants it to.
type lateContext struct {
	context.Context
	passed chan struct{}
}

func (c *lateContext) Done() <-chan struct{} { return c.passed }

func (c *lateContext) Err() error {
	select {
	case <-c.passed:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// TestGivenUp: a call that is given up is reset at the server, and its connection
// still works.
func TestGivenUp(t *testing.T) {
	reset := make(chan uint32, 1)
	late := &lateContext{t.Context(), make(chan struct{})}
	c := script(t, 1, nil, func(p *peer) {
		stream, _ := p.request()
		close(late.passed)
		f, ok := p.next().(*http2.RSTStreamFrame)
		if !ok || f.StreamID != stream || f.ErrCode != http2.ErrCodeCancel {
			p.t.Errorf("instead of a reset came %v", f)
		}
		reset <- stream
		p.answer(stream, []byte("too late"))
		stream, _ = p.request()
		p.answer(stream, []byte("in time"))
	})
	if _, err := c.Call(late, 0, nil, false); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	<-reset
	if a, err := c.Call(t.Context(), 0, nil, true); err != nil || string(a.Body) != "in time" {
		t.Errorf("%q, %v", a.Body, err)
	}
}

func TestClose(t *testing.T) {
	block := make(chan struct{})
	address := grpcServer(t, func(ctx context.Context, _ []byte) ([]byte, error) {
		close(block)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	c := newClient(t, address, 1)
	failed := make(chan error)
	go func() {
		_, err := c.Call(context.Background(), 0, nil, false)
		failed <- err
	}()
	<-block
	_ = c.Close()
	if err := <-failed; status.Code(err) != codes.Unavailable {
		t.Errorf("error %v", err)
	}
	if _, err := c.Call(t.Context(), 0, nil, false); status.Code(err) != codes.Unavailable {
		t.Errorf("after closing: %v", err)
	}
}

func TestRefusedConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	_, err = newClient(t, listener.Addr().String(), 1).Call(t.Context(), 0, nil, false)
	if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "refused") {
		t.Errorf("error %v", err)
	}
	if _, err := New(Options{Address: "no port", Method: testMethod, Callers: 1}); err == nil {
		t.Error("an address without a port was accepted")
	}
	if _, err := New(Options{Address: "127.0.0.1:1", Method: testMethod}); err == nil {
		t.Error("a client without callers was accepted")
	}
}

// TestPingFlood: a server that asks without reading does not fill the memory.
func TestPingFlood(t *testing.T) {
	c := newConn(nopConn{}, template{})
	c.state.Lock()
	defer c.state.Unlock()
	ping := appendHeader(nil, 8, framePing, flagAck, 0)
	for range mostControl {
		c.queue(ping)
	}
	if c.ended != errFlood || len(c.control) > 2*mostControl {
		t.Errorf("ended by %v with %d bytes", c.ended, len(c.control))
	}
}

// nopConn is a socket that takes everything and gives nothing.
type nopConn struct{ net.Conn }

// readConn is a socket from which given bytes come.
type readConn struct {
	nopConn
	r io.Reader
}

func (c readConn) Read(p []byte) (int, error) { return c.r.Read(p) }

// FuzzRead: whatever a server sends, reading ends with the input, without a panic,
// and with every call completed.
func FuzzRead(f *testing.F) {
	settings := appendHeader(nil, 0, frameSettings, 0, 0)
	f.Add(settings)
	f.Add(append(bytes.Clone(settings), appendReset(nil, 1, codeCancel)...))
	f.Add(append(bytes.Clone(settings), append(appendHeader(nil, 7, frameData, flagPadded, 1), 1, 0, 0, 0, 0, 0, 0)...))
	f.Add(append(bytes.Clone(settings), append(appendHeader(nil, 2, frameHeaders, flagEndHeaders|flagEndStream, 1), 0x88, 0x88)...))
	f.Add(append(bytes.Clone(settings), append(appendHeader(nil, 8, frameGoAway, 0, 0), make([]byte, 8)...)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := newConn(readConn{r: bytes.NewReader(data)}, template{})
		open := &call{id: 1, keep: true, done: make(chan struct{})}
		c.calls[1], c.next = open, 3
		c.read()
		select {
		case <-open.done:
		default:
			t.Error("the call is still open")
		}
		if len(open.body) > len(data) || len(c.control) > 2*len(data)+mostControl {
			t.Errorf("%d bytes became a body of %d", len(data), len(open.body))
		}
	})
}
