package load

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/results"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestStatusAndMessageArrive(t *testing.T) {
	s := &server{infer: func(context.Context, *service.ModelInferRequest) (*service.ModelInferResponse, error) {
		return nil, status.Error(codes.InvalidArgument, "unexpected shape for input 'in' for model 'm'")
	}}
	c := dialTest(t, serve(t, s), 1)
	_, err := Run(t.Context(), c, quickSpec(2))
	var rejected *RejectedError
	if !errors.As(err, &rejected) || !strings.Contains(err.Error(), "InvalidArgument: unexpected shape for input 'in' for model 'm'") {
		t.Errorf("error %v", err)
	}
	if s.n.Load() != 1 {
		t.Errorf("%d requests: what can never work is not tried again, and nothing is retried", s.n.Load())
	}
}

func TestClosedPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	c := dialTest(t, address, 1)
	begin := time.Now()
	_, err = Run(t.Context(), c, quickSpec(2))
	var rejected *RejectedError
	if !errors.As(err, &rejected) || !strings.Contains(err.Error(), "Unavailable") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("error %v", err)
	}
	if d := time.Since(begin); d > 20*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestFault40HangingServer(t *testing.T) {
	release := make(chan struct{})
	s := &server{infer: func(ctx context.Context, _ *service.ModelInferRequest) (*service.ModelInferResponse, error) {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return nil, ctx.Err()
	}}
	defer close(release)
	c := dialTest(t, serve(t, s), 1)
	spec := quickSpec(2)
	spec.Timeout = 100 * time.Millisecond
	_, err := Run(t.Context(), c, spec)
	var rejected *RejectedError
	if !errors.As(err, &rejected) || !strings.Contains(err.Error(), "DeadlineExceeded") {
		t.Errorf("error %v", err)
	}
}

// TestFault39ResettingServer: the connection breaks again and again under load. The
// errors are counted, the run ends, nothing is retried in silence.
func TestFault39ResettingServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	resetting := &resettingListener{Listener: listener}
	s := &server{infer: right(testModel())}
	g := grpc.NewServer()
	service.RegisterGRPCInferenceServiceServer(g, s)
	done := make(chan struct{})
	go func() { defer close(done); _ = g.Serve(resetting) }()
	defer func() { g.Stop(); <-done }()

	r, err := Run(t.Context(), dialTest(t, listener.Addr().String(), 4), shortSpec(4))
	if err != nil {
		var rejected *RejectedError
		if !errors.As(err, &rejected) {
			t.Fatal(err)
		}
		return
	}
	if r.Errors["Unavailable"] == 0 || r.Verdict != results.Void {
		t.Errorf("errors %v, verdict %s", r.Errors, r.Verdict)
	}
}

// resettingListener breaks each connection after 20 kB.
type resettingListener struct{ net.Listener }

func (l *resettingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &resettingConn{Conn: c}, nil
}

type resettingConn struct {
	net.Conn
	read int
}

func (c *resettingConn) Read(p []byte) (int, error) {
	if c.read > 20_000 {
		_ = c.Conn.(*net.TCPConn).SetLinger(0) // close by reset
		c.Conn.Close()
		return 0, io.EOF
	}
	n, err := c.Conn.Read(p)
	c.read += n
	return n, err
}

// TestLyingServer: answers that decode but are not what the metadata promise.
func TestLyingServer(t *testing.T) {
	for name, lie := range map[string]func(*service.ModelInferResponse){
		"missing output":  func(r *service.ModelInferResponse) { r.Outputs, r.RawOutputContents = nil, nil },
		"another name":    func(r *service.ModelInferResponse) { r.Outputs[0].Name = "output" },
		"datatype":        func(r *service.ModelInferResponse) { r.Outputs[0].Datatype = "INT32" },
		"fixed dimension": func(r *service.ModelInferResponse) { r.Outputs[0].Shape[2] = 3 },
		"batch dimension": func(r *service.ModelInferResponse) { r.Outputs[0].Shape[0] = 2 },
		"rank":            func(r *service.ModelInferResponse) { r.Outputs[0].Shape = r.Outputs[0].Shape[1:] },
		"negative shape":  func(r *service.ModelInferResponse) { r.Outputs[0].Shape[1] = -1 },
		"absurd shape":    func(r *service.ModelInferResponse) { r.Outputs[0].Shape[1] = 1 << 60 },
		"bytes":           func(r *service.ModelInferResponse) { r.RawOutputContents[0] = r.RawOutputContents[0][1:] },
		"one output more": func(r *service.ModelInferResponse) {
			r.Outputs = append(r.Outputs, &service.ModelInferResponse_InferOutputTensor{Name: "more", Datatype: "FP32"})
			r.RawOutputContents = append(r.RawOutputContents, make([]byte, 4))
		},
		"no raw":        func(r *service.ModelInferResponse) { r.RawOutputContents = nil },
		"another model": func(r *service.ModelInferResponse) { r.ModelName = "n" },
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{infer: func(ctx context.Context, in *service.ModelInferRequest) (*service.ModelInferResponse, error) {
				out, err := right(testModel())(ctx, in)
				lie(out)
				return out, err
			}}
			_, err := Run(t.Context(), dialTest(t, serve(t, s), 1), shortSpec(1))
			var wrong *AnswerError
			if !errors.As(err, &wrong) {
				t.Errorf("error %v, want an AnswerError", err)
			}
		})
	}
}

// TestGarbageServer speaks HTTP/2 as little as possible.
func TestGarbageServer(t *testing.T) {
	address := serveRaw(t, func(c net.Conn) { _, _ = c.Write(bytes.Repeat([]byte("HTTP/1.1 400 Bad Request\r\n"), 100)) })
	_, err := Run(t.Context(), dialTest(t, address, 1), shortSpec(1))
	var rejected *RejectedError
	if !errors.As(err, &rejected) || !strings.Contains(err.Error(), "Unavailable") {
		t.Errorf("error %v", err)
	}
}

// TestSlowDrip: the answer's headers come at once, its bytes never. The call's
// deadline ends it.
func TestSlowDrip(t *testing.T) {
	s := &server{infer: func(ctx context.Context, in *service.ModelInferRequest) (*service.ModelInferResponse, error) {
		if err := grpc.SendHeader(ctx, nil); err != nil {
			return nil, err
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	spec := shortSpec(1)
	spec.Timeout = 100 * time.Millisecond
	_, err := Run(t.Context(), dialTest(t, serve(t, s), 1), spec)
	if err == nil || !strings.Contains(err.Error(), "DeadlineExceeded") {
		t.Errorf("error %v", err)
	}
}
