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
	"google.golang.org/grpc/status"

	"tritonsweep/runner/load/raw"
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
	// answered, when set, is told of each call that the server has answered, before
	// the caller hears of it.
	answered func(method string, n int)
	// bend, when set, may change what a call is answered.
	bend func(method string, request, answer []byte) []byte
	// asked, when set, sees each request before the server does, and may keep it waiting.
	asked func(method string, request []byte)
}

// listen puts the proxy in front of an address until the test ends.
func (p *proxy) listen(t *testing.T, address string) {
	t.Helper()
	p.calls = map[string]int{}
	var err error
	if p.target, err = grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.address = listener.Addr().String()
	server := grpc.NewServer(grpc.UnknownServiceHandler(p.handle), grpc.ForceServerCodecV2(raw.Codec{}))
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // it ends with Stop
	t.Cleanup(func() {
		server.Stop()
		serving.Wait()
		_ = p.target.Close() // it only forwarded
	})
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
	if p.asked != nil {
		p.asked(method, request)
	}
	if err := p.target.Invoke(stream.Context(), full, &request, &answer, grpc.ForceCodecV2(raw.Codec{})); err != nil {
		return err
	}
	if p.answered != nil {
		p.answered(method, n)
	}
	if p.bend != nil {
		answer = p.bend(method, request, answer)
	}
	return stream.SendMsg(&answer)
}

// through makes the world's server be reached through a proxy; it stays as long
// as the simulated server keeps its port, which it does when it is restarted.
func (w *world) through(t *testing.T, meddle func(method string, n int) error) {
	t.Helper()
	w.behind(t, &proxy{meddle: meddle})
}

func (w *world) behind(t *testing.T, p *proxy) {
	t.Helper()
	p.listen(t, w.sim.Endpoints().GRPC)
	w.server.connect = func(context.Context) (*triton.Client, error) {
		return triton.New(triton.Options{GRPCAddr: p.address})
	}
}

// inWindows does something in the middle of measured windows: the counters are read
// at both ends of each, so that it begins when an odd reading was answered, and the
// even one waits until it is done. At most so many windows are meddled with.
func (w *world) inWindows(t *testing.T, most int, do func(ctx context.Context) error) {
	t.Helper()
	var group sync.WaitGroup
	t.Cleanup(group.Wait)
	ctx := context.WithoutCancel(t.Context()) // it may outlast the run
	w.behind(t, &proxy{
		meddle: func(method string, n int) error {
			if method == "ModelStatistics" && n%2 == 0 {
				group.Wait()
			}
			return nil
		},
		answered: func(method string, n int) {
			if method != "ModelStatistics" || n%2 == 0 || (n+1)/2 > most {
				return
			}
			group.Go(func() {
				if err := do(ctx); err != nil {
					t.Errorf("meddling: %v", err)
				}
			})
		},
	})
}
