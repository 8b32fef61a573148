package triton

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/internal/tritonpb/service"
)

func TestMetadata(t *testing.T) {
	c := serve(t, newFake())
	ctx := context.Background()
	server, err := c.ServerMetadata(ctx)
	if err != nil || server.Name != "triton" || server.Version != "2.51.0" || len(server.Extensions) != 1 {
		t.Errorf("server %+v, %v", server, err)
	}
	got, err := c.Metadata(ctx, "arcface")
	want := Metadata{Name: "arcface", Versions: []string{"1"}, Platform: "python",
		Inputs:  []Tensor{{"input", "FP32", []int64{-1, 3}}},
		Outputs: []Tensor{{"output", "FP32", []int64{-1, 512}}}}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v, %s", err, cmp.Diff(want, got))
	}
}

func TestUnknownModel(t *testing.T) {
	f := newFake()
	f.models = append(f.models, ModelIndex{Name: "broken"}, ModelIndex{Name: "gone", State: StateUnavailable, Reason: "unloaded"})
	c := serve(t, f)
	ctx := context.Background()
	calls := map[string]func(string) error{
		"metadata":   func(m string) error { _, err := c.Metadata(ctx, m); return err },
		"config":     func(m string) error { _, err := c.Config(ctx, m); return err },
		"statistics": func(m string) error { _, err := c.Statistics(ctx, m); return err },
	}
	for name, call := range calls {
		err := call("arcfase")
		if !errors.Is(err, ErrUnknownModel) || errors.Is(err, ErrUnavailable) ||
			!strings.Contains(err.Error(), `unknown model "arcfase" (hint: the server has arcface, broken, detector, gone; did you mean arcface?)`) {
			t.Errorf("%s: %v", name, err)
		}
		if s, ok := status.FromError(err); !ok || s.Code() == codes.OK {
			t.Errorf("%s: the gRPC status is lost", name)
		}
		if err := call("broken"); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "log says whether it was refused") {
			t.Errorf("%s of a refused model: %v", name, err)
		}
		if err := call("gone"); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "UNAVAILABLE (unloaded)") {
			t.Errorf("%s of an unloaded model: %v", name, err)
		}
	}
}

func TestUnknownModelWithoutIndex(t *testing.T) {
	f := newFake()
	f.before = func(_ context.Context, call string) error {
		if strings.HasSuffix(call, "RepositoryIndex") {
			return status.Error(codes.Unavailable, "This protocol is restricted, expecting header 'triton-grpc-protocol-k'")
		}
		return nil
	}
	c := serve(t, f)
	if _, err := c.Config(context.Background(), "nope"); !errors.Is(err, ErrUnknownModel) {
		t.Errorf("config: %v", err)
	}
	if _, err := c.RepositoryIndex(context.Background()); !errors.Is(err, ErrRestricted) || errors.Is(err, ErrUnavailable) ||
		!strings.Contains(err.Error(), "triton-grpc-protocol-k") {
		t.Errorf("index: %v", err)
	}
}

// A server that takes the call and never answers must not hold us.
func TestHungServer(t *testing.T) {
	f := newFake()
	f.before = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
	c := serve(t, f)
	c.callTimeout = 20 * time.Millisecond
	if _, err := c.Config(context.Background(), "arcface"); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer from 127.0.0.1:") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Live(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// So must a port that accepts and stays silent, as a paused container's does.
func TestSilentPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := New(Options{GRPCAddr: l.Addr().String(), CallTimeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Live(context.Background()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, err = Dial(context.Background(), Options{GRPCAddr: l.Addr().String()})
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "is Triton running, and is this its gRPC port?") ||
		strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}

func TestHTTPPort(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	_, err := Dial(context.Background(), Options{GRPCAddr: s.Listener.Addr().String(), CallTimeout: 3 * time.Second})
	if !errors.Is(err, ErrNotTriton) || !strings.Contains(err.Error(), "8001") {
		t.Errorf("got %v", err)
	}
}

func TestOtherGRPCServer(t *testing.T) {
	f := newFake()
	f.before = func(context.Context, string) error {
		return status.Error(codes.Unimplemented, "unknown service inference.GRPCInferenceService")
	}
	if _, err := serve(t, f).Live(context.Background()); !errors.Is(err, ErrNotTriton) {
		t.Errorf("got %v", err)
	}
}

func TestOversize(t *testing.T) {
	f := newFake()
	big := &tritonpb.ModelConfig{Name: "arcface", Parameters: map[string]*tritonpb.ModelParameter{
		"x": {StringValue: strings.Repeat("x", manageReceive)}}}
	f.configs = map[string]*tritonpb.ModelConfig{"arcface": big}
	if _, err := serve(t, f).Config(context.Background(), "arcface"); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

// Conn takes large answers by default, and as much as asked by ReceiveLimit.
func TestReceiveLimit(t *testing.T) {
	f := newFake()
	f.configs = map[string]*tritonpb.ModelConfig{"arcface": {Platform: strings.Repeat("x", 8<<20)}}
	api := service.NewGRPCInferenceServiceClient(serve(t, f).Conn())
	q := &service.ModelConfigRequest{Name: "arcface"}
	if _, err := api.ModelConfig(context.Background(), q); err != nil {
		t.Errorf("8 MiB: %v", err)
	}
	if _, err := api.ModelConfig(context.Background(), q, ReceiveLimit(1<<20)); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("above the limit: %v", err)
	}
}

func TestNoConfig(t *testing.T) {
	if _, err := serve(t, newFake()).Config(context.Background(), "arcface"); err == nil || !strings.Contains(err.Error(), "sent none") {
		t.Errorf("got %v", err)
	}
}

func TestConfigJSON(t *testing.T) {
	f := newFake()
	f.configs = map[string]*tritonpb.ModelConfig{"arcface": {Name: "arcface", MaxBatchSize: 8,
		Input: []*tritonpb.ModelInput{{Name: "in", Dims: []int64{3, -1}}}}}
	got, err := serve(t, f).ConfigJSON(context.Background(), "arcface")
	want := []byte(`{"name":"arcface","maxBatchSize":8,"input":[{"name":"in","dims":["3","-1"]}]}`)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s, %v", got, err)
	}
}

func TestHeaders(t *testing.T) {
	for _, test := range []struct {
		options Options
		refused bool
	}{
		{Options{GRPCAddr: "127.0.0.1:1"}, false},
		{Options{GRPCAddr: "192.0.2.1:1"}, true},
		{Options{GRPCAddr: "192.0.2.1:1", Insecure: true}, false},
	} {
		test.options.Headers = map[string]string{"k": "v"}
		c, err := New(test.options)
		if (err != nil) != test.refused {
			t.Errorf("%s: %v", test.options.GRPCAddr, err)
		}
		if c != nil {
			c.Close()
		}
	}
	f := newFake()
	var got []string
	f.before = func(ctx context.Context, _ string) error {
		got = metadata.ValueFromIncomingContext(ctx, "triton-grpc-protocol-k")
		return nil
	}
	plain := serve(t, f)
	c, err := Dial(context.Background(), Options{GRPCAddr: plain.Address(), Headers: map[string]string{"Triton-GRPC-Protocol-K": "secret"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if len(got) != 1 || got[0] != "secret" {
		t.Errorf("header %q", got)
	}
}

func TestAddressIsChecked(t *testing.T) {
	for _, bad := range []string{"", "localhost", "http://localhost:8001", "localhost:8001/x"} {
		if c, err := New(Options{GRPCAddr: bad}); err == nil {
			c.Close()
			t.Errorf("%q is taken", bad)
		}
	}
}

// Hostile text from a server stays on one line, without control characters.
func TestServerTextIsCleaned(t *testing.T) {
	f := newFake()
	f.before = func(context.Context, string) error {
		return status.Error(codes.Internal, "bad\n\x1b[31mline\u202e"+strings.Repeat("x", 5000))
	}
	_, err := serve(t, f).ServerMetadata(context.Background())
	if err == nil || strings.ContainsAny(err.Error(), "\n\x1b\u202e") || len(err.Error()) > 800 {
		t.Errorf("got %q", err)
	}
}
