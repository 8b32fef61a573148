package wire

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/runner/load/raw"
)

// pattern is a message whose every stretch is different.
func pattern(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return out
}

// grpcServer starts gRPC-Go's own server with one unary method.
func grpcServer(t testing.TB, handle func(ctx context.Context, in []byte) ([]byte, error), options ...grpc.ServerOption) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(append(options, grpc.ForceServerCodecV2(raw.Codec{}), grpc.MaxRecvMsgSize(1<<30), grpc.MaxSendMsgSize(1<<30))...)
	g.RegisterService(&grpc.ServiceDesc{
		ServiceName: "test.Service", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Method", Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			var in []byte
			if err := decode(&in); err != nil {
				return nil, err
			}
			out, err := handle(ctx, in)
			return &out, err
		}}},
	}, nil)
	done := make(chan struct{})
	go func() { defer close(done); _ = g.Serve(listener) }()
	t.Cleanup(func() { g.Stop(); <-done })
	return listener.Addr().String()
}

func newClient(t testing.TB, address string, callers int) *Client {
	t.Helper()
	c, err := New(Options{Address: address, Method: testMethod, Agent: "test", Callers: callers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// sizes are those at which something changes: frames, windows, chunks.
var sizes = []int{0, 1, defaultFrame - prefixLength - 1, defaultFrame - prefixLength, defaultFrame - prefixLength + 1,

	defaultWindow - prefixLength, defaultWindow - prefixLength + 1, 1 << 20, 5_000_000}

// TestAgainstGRPC: gRPC-Go's server receives every message as it was, also from
// many callers at the same time, and what it answers comes back whole.
func TestAgainstGRPC(t *testing.T) {
	for _, window := range []int32{0, 64 << 10, 4 << 20} {
		t.Run(fmt.Sprint("window ", window), func(t *testing.T) {
			address := grpcServer(t, func(_ context.Context, in []byte) ([]byte, error) {
				sum := sha256.Sum256(in)
				return append(sum[:], in...), nil
			}, grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window))
			c := newClient(t, address, len(sizes))
			var group sync.WaitGroup
			for i, n := range sizes {
				group.Go(func() {
					message := pattern(n)
					want := sha256.Sum256(message)
					for _, keep := range []bool{true, false} {
						begin := time.Now()
						a, err := c.Call(t.Context(), i, message, keep)
						if err != nil {
							t.Errorf("%d bytes: %v", n, err)
							return
						}
						if a.Bytes != n+32 {
							t.Errorf("%d bytes: answer of %d", n, a.Bytes)
						}
						if keep && !bytes.Equal(a.Body, append(want[:], message...)) {
							t.Errorf("%d bytes: the answer is not the request", n)
						}
						if !keep && a.Body != nil {
							t.Errorf("%d bytes: a body that nobody asked for", n)
						}
						if a.Sent.Before(begin) || a.Received.Before(a.Sent) || a.Received.After(time.Now()) {
							t.Errorf("%d bytes: begun %v, sent %v, received %v", n, begin, a.Sent, a.Received)
						}
					}
				})
			}
			group.Wait()
		})
	}
}

// TestRecycle: a body that was given back is the memory of the next one that is kept,
// longer or shorter, and of no other answer.
func TestRecycle(t *testing.T) {
	address := grpcServer(t, func(_ context.Context, in []byte) ([]byte, error) { return in, nil })
	c := newClient(t, address, 1)
	call := func(n int, keep bool) []byte {
		a, err := c.Call(t.Context(), 0, pattern(n), keep)
		if err != nil {
			t.Fatal(err)
		}
		if keep && !bytes.Equal(a.Body, pattern(n)) {
			t.Fatalf("the answer of %d bytes is not the request", n)
		}
		return a.Body
	}
	first := call(200_000, true)
	c.Recycle(first)
	if call(10, false) != nil {
		t.Error("a body that nobody asked for")
	}
	second := call(100_000, true)
	if &second[0] != &first[0] {
		t.Error("the body that was given back was not used")
	}
	third := call(100_000, true)
	if &third[0] == &second[0] {
		t.Error("two bodies in the same memory")
	}
	c.Recycle(third)
	call(300_000, true)
}

func TestStatusOfGRPC(t *testing.T) {
	address := grpcServer(t, func(context.Context, []byte) ([]byte, error) {
		return nil, status.Error(codes.FailedPrecondition, "5 % of Größe\n")
	})
	_, err := newClient(t, address, 1).Call(t.Context(), 0, nil, false)
	if s := status.Convert(err); s.Code() != codes.FailedPrecondition || s.Message() != "5 % of Größe\n" {
		t.Errorf("error %v", err)
	}
}

// TestForms: answers in every form that the protocol allows.
func TestForms(t *testing.T) {
	message := pattern(70_000)
	for name, respond := range map[string]func(p *peer, stream uint32){
		"plain": func(p *peer, stream uint32) { p.answer(stream, message) },
		"byte by byte": func(p *peer, stream uint32) {
			p.headers(stream, false, ":status", "200")
			all := framed(message)
			for i := range 20 {
				p.data(stream, false, all[i:i+1])
			}
			p.data(stream, false, all[20:])
			p.headers(stream, true, "grpc-status", "0")
		},
		"padded": func(p *peer, stream uint32) {
			p.headers(stream, false, ":status", "200")
			if err := p.framer.WriteDataPadded(stream, false, framed(message), make([]byte, 200)); err != nil {
				p.t.Error(err)
			}
			if err := p.framer.WriteHeaders(http2.HeadersFrameParam{
				StreamID: stream, BlockFragment: p.fields("grpc-status", "0"), EndHeaders: true, EndStream: true, PadLength: 33,
				Priority: http2.PriorityParam{StreamDep: 0, Weight: 3},
			}); err != nil {
				p.t.Error(err)
			}
		},
		"continued": func(p *peer, stream uint32) {
			p.headers(stream, false, ":status", "200")
			p.data(stream, false, framed(message))
			block := p.fields("grpc-status", "0", "more", strings.Repeat("x", 3000))
			if err := errors.Join(
				p.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block[:1], EndStream: true}),
				p.framer.WriteContinuation(stream, false, block[1:len(block)/2]),
				p.framer.WriteContinuation(stream, true, block[len(block)/2:]),
			); err != nil {
				p.t.Error(err)
			}
		},
		"informational": func(p *peer, stream uint32) {
			p.headers(stream, false, ":status", "103")
			p.answer(stream, message)
		},
		"between others": func(p *peer, stream uint32) {
			if err := errors.Join(
				p.framer.WriteRawFrame(0xee, 0, 0, []byte("from the future")),
				p.framer.WritePriority(stream, http2.PriorityParam{Weight: 1}),
				p.framer.WritePing(false, [8]byte{}),
				p.framer.WriteRSTStream(9999, http2.ErrCodeCancel),
				p.framer.WriteWindowUpdate(9999, 5),
			); err != nil {
				p.t.Error(err)
			}
			p.data(9999, true, []byte("whose?"))
			p.answer(stream, message)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := script(t, 1, nil, func(p *peer) {
				for range 2 { // a second call sees whether the state survived
					stream, _ := p.request()
					respond(p, stream)
				}
			})
			for range 2 {
				a, err := c.Call(t.Context(), 0, []byte("in"), true)
				if err != nil || !bytes.Equal(a.Body, message) || a.Bytes != len(message) {
					t.Errorf("%d bytes, %v", a.Bytes, err)
				}
			}
		})
	}
}

func (nopConn) Close() error { return nil }

func (nopConn) Write(p []byte) (int, error) { return len(p), nil }

func BenchmarkCall(b *testing.B) {
	c := newClient(b, grpcServer(b, func(context.Context, []byte) ([]byte, error) { return make([]byte, 2048), nil }), 1)
	message := pattern(616)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Call(b.Context(), 0, message, false); err != nil {
			b.Fatal(err)
		}
	}
}
