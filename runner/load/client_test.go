package load

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/sweep"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// server is an inference service on a loopback port.
type server struct {
	service.UnimplementedGRPCInferenceServiceServer
	infer func(ctx context.Context, in *service.ModelInferRequest) (*service.ModelInferResponse, error)
	n     atomic.Int64
}

func (s *server) ModelInfer(ctx context.Context, in *service.ModelInferRequest) (*service.ModelInferResponse, error) {
	s.n.Add(1)
	return s.infer(ctx, in)
}

// serve starts a service and returns its address.
func serve(t testing.TB, s *server) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(grpc.MaxRecvMsgSize(1<<30), grpc.MaxSendMsgSize(1<<30))
	service.RegisterGRPCInferenceServiceServer(g, s)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = g.Serve(listener)
	}()
	t.Cleanup(func() { g.Stop(); <-done })
	return listener.Addr().String()
}

// dialTest connects with a client that the test closes.
func dialTest(t testing.TB, address string, callers int) *Client {
	t.Helper()
	c, err := Dial(address, callers)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// right answers as testModel promises.
func right(m Model) func(context.Context, *service.ModelInferRequest) (*service.ModelInferResponse, error) {
	return func(_ context.Context, in *service.ModelInferRequest) (*service.ModelInferResponse, error) {
		var out service.ModelInferResponse
		return &out, proto.Unmarshal(answerTo(m, int(in.GetInputs()[0].GetShape()[0])), &out)
	}
}

func request(t testing.TB, m Model, d Data, batch int) *Request {
	t.Helper()
	r, err := NewRequest(m, d, batch)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestInfer: what arrives is the message that the generated code would have
// sent, and what comes back is the answer's very bytes.
func TestInfer(t *testing.T) {
	for name, elements := range map[string]int64{"small": 4, "large": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			m := testModel()
			m.Inputs[0].Shape = []int64{elements}
			var got *service.ModelInferRequest
			s := &server{infer: func(ctx context.Context, in *service.ModelInferRequest) (*service.ModelInferResponse, error) {
				got = in
				return right(m)(ctx, in)
			}}
			c := dialTest(t, serve(t, s), 1)
			r := request(t, m, Data{Source: Random, Seed: 3}, 2)
			begin := time.Now()
			a, err := c.Infer(t.Context(), 0, &r.payloads[0], true)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.check(a.Body); err != nil || a.Bytes != len(a.Body) {
				t.Errorf("answer of %d bytes: %v", a.Bytes, err)
			}
			if a.Sent.Before(begin) || a.Sent.After(time.Now()) {
				t.Errorf("sent at %v, begun at %v", a.Sent, begin)
			}
			if again, err := c.Infer(t.Context(), 0, &r.payloads[0], false); err != nil || again.Body != nil || again.Bytes != a.Bytes {
				t.Errorf("without keep: %+v, %v", again, err)
			}
			var want service.ModelInferRequest
			if err := proto.Unmarshal(r.payloads[0].Bytes, &want); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(got, &want) {
				t.Error("another request arrived than was encoded")
			}
		})
	}
}

// TestSentIsWhenWritten: a large request whose bytes wait for a server that does
// not read counts as sent only when they are gone.
func TestSentIsWhenWritten(t *testing.T) {
	m := testModel()
	m.Inputs[0].Shape = []int64{4 << 20}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gate := &gatedListener{Listener: listener, shut: make(chan struct{}), open: make(chan struct{})}
	g := grpc.NewServer(grpc.MaxRecvMsgSize(1 << 30))
	service.RegisterGRPCInferenceServiceServer(g, &server{infer: right(m)})
	done := make(chan struct{})
	go func() { defer close(done); _ = g.Serve(gate) }()
	defer func() { g.Stop(); <-done }()

	var opened time.Time
	go func() {
		<-gate.shut
		time.Sleep(20 * time.Millisecond) // the client writes what it can
		opened = time.Now()
		close(gate.open)
	}()
	c := dialTest(t, listener.Addr().String(), 1)
	a, err := c.Infer(t.Context(), 0, &request(t, m, Data{}, 1).payloads[0], false)
	if err != nil {
		t.Fatal(err)
	}
	if a.Sent.Before(opened) {
		t.Errorf("sent %v before the server read on", opened.Sub(a.Sent))
	}
}

// gatedListener makes its connection stop reading after 100 kB until open.
type gatedListener struct {
	net.Listener
	shut, open chan struct{}
}

func (l *gatedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &gatedConn{Conn: c, listener: l}, nil
}

type gatedConn struct {
	net.Conn
	listener *gatedListener
	read     int
}

func (c *gatedConn) Read(p []byte) (int, error) {
	if c.read > 100_000 {
		c.read = -1 << 40 // once
		close(c.listener.shut)
		<-c.listener.open
	}
	n, err := c.Conn.Read(p)
	c.read += n
	return n, err
}

// TestManyCallersManyConnections: more callers than one connection has streams.
func TestManyCallersManyConnections(t *testing.T) {
	const callers = 150
	all := make(chan struct{})
	var here atomic.Int64
	s := &server{infer: func(ctx context.Context, in *service.ModelInferRequest) (*service.ModelInferResponse, error) {
		if here.Add(1) == callers {
			close(all)
		}
		select {
		case <-all: // answered only once all are in the server at the same time
			return right(testModel())(ctx, in)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	c := dialTest(t, serve(t, s), callers)
	r := request(t, testModel(), Data{}, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	errs := make(chan error, callers)
	for i := range callers {
		go func() {
			_, err := c.Infer(ctx, i, &r.payloads[0], false)
			errs <- err
		}()
	}
	for range callers {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
}

// shortSpec measures a real server for a moment: enough for the paths, not for
// figures.
func shortSpec(callers int) Spec {
	return Spec{
		Model: testModel(), Load: sweep.Load{Concurrency: callers, BatchSize: 1},
		Warmup: 50 * time.Millisecond, MinDuration: 500 * time.Millisecond, MaxDuration: 20 * time.Second, Precision: 0.9,
		Timeout: 20 * time.Second,
	}
}

func TestRunAgainstServer(t *testing.T) {
	s := &server{infer: right(testModel())}
	r := mustRun(t, dialTest(t, serve(t, s), 4), shortSpec(4))
	if r.Requests == 0 || r.Failures() != 0 || r.Throughput == nil || r.CPU <= 0 || r.AnswerBytes == 0 {
		t.Errorf("%+v", r)
	}
	if served := s.n.Load(); r.Requests > served {
		t.Errorf("%d answers of %d requests", r.Requests, served)
	}
	if r.Memory == 0 || r.PeakMemory() == nil {
		t.Error("the peak memory is missing")
	}
}

// TestLargeAnswer passes gRPC-Go's default limit of 4 MiB.
func TestLargeAnswer(t *testing.T) {
	m := testModel()
	m.Outputs[0].Shape = []int64{1 << 20} // 8 MiB of INT64
	c := dialTest(t, serve(t, &server{infer: right(m)}), 1)
	a, err := c.Infer(t.Context(), 0, &request(t, m, Data{}, 1).payloads[0], false)
	if err != nil || a.Bytes < 8<<20 {
		t.Errorf("%d bytes, %v", a.Bytes, err)
	}
}

func TestDialRefusesNobody(t *testing.T) {
	if _, err := Dial("127.0.0.1:1", 0); err == nil {
		t.Error("a client without callers")
	}
}
