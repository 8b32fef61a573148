package runner

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"tritonsweep/runner/triton"
)

// proxy stands between the sweep and the simulated server and does to single
// calls what a test wants. Its messages are bytes.
type proxy struct {
	address string
	target  *grpc.ClientConn

	mu    sync.Mutex
	calls map[string]int
	// meddle is asked about each call, with the name of its method and its number
	// from 1; an error is the answer. It may do things to the server.
	meddle func(method string, n int) error
}

// bytesCodec hands messages through as they are.
type bytesCodec struct{}

func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// newProxy listens in front of an address.
func newProxy(t *testing.T, address string, meddle func(method string, n int) error) *proxy {
	t.Helper()
	p := &proxy{calls: map[string]int{}, meddle: meddle}
	var err error
	if p.target, err = grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.address = listener.Addr().String()
	server := grpc.NewServer(grpc.UnknownServiceHandler(p.handle), grpc.ForceServerCodecV2(bytesCodec{}))
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // it ends with Stop
	t.Cleanup(func() {
		server.Stop()
		serving.Wait()
		_ = p.target.Close() // it only forwarded
	})
	return p
}

func (p *proxy) handle(_ any, stream grpc.ServerStream) error {
	full, ok := grpc.MethodFromServerStream(stream)
	if !ok {
		return status.Error(codes.Internal, "a stream without a method")
	}
	var request, answer []byte
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	method := full[strings.LastIndexByte(full, '/')+1:]
	p.mu.Lock()
	p.calls[method]++
	n := p.calls[method]
	p.mu.Unlock()
	if err := p.meddle(method, n); err != nil {
		return err
	}
	if err := p.target.Invoke(stream.Context(), full, &request, &answer, grpc.ForceCodecV2(bytesCodec{})); err != nil {
		return err
	}
	return stream.SendMsg(&answer)
}

// through makes the world's server be reached through a proxy; it stays as long
// as the simulated server keeps its port, which it does when it is restarted.
func (w *world) through(t *testing.T, meddle func(method string, n int) error) {
	t.Helper()
	p := newProxy(t, w.sim.Endpoints().GRPC, meddle)
	w.server.connect = func(context.Context) (*triton.Client, error) {
		return triton.New(triton.Options{GRPCAddr: p.address})
	}
}

// inWindows returns a meddle that does something in the middle of measured
// windows: the counters are read at both ends of each, so that every odd reading
// begins one. At most so many windows are meddled with.
func inWindows(t *testing.T, most int, do func(ctx context.Context) error) func(method string, n int) error {
	var group sync.WaitGroup
	t.Cleanup(group.Wait)
	ctx := context.WithoutCancel(t.Context()) // it may outlast a window
	return func(method string, n int) error {
		if method == "ModelStatistics" && n%2 == 1 && (n+1)/2 <= most {
			group.Go(func() {
				if err := do(ctx); err != nil {
					t.Errorf("meddling: %v", err)
				}
			})
		}
		return nil
	}
}
