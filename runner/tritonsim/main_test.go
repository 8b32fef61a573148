package tritonsim

import (
	"context"

	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/runner/triton"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// files are the files of a model repository by path.
type files map[string]string

const plainConfig = `name: "plain"
backend: "python"
max_batch_size: 8
input [ { name: "in" data_type: TYPE_FP32 dims: [ 4 ] } ]
output [ { name: "out" data_type: TYPE_FP32 dims: [ 2 ] }, { name: "label" data_type: TYPE_INT64 dims: [ 1 ] } ]
dynamic_batching { max_queue_delay_microseconds: 1000 }
instance_group [ { count: 2 kind: KIND_CPU } ]
`

const plainProfile = `{"compute_ms": {"1": 2, "8": 4}, "device": "gpu0", "memory_mib": 16, "load_ms": 20}`

// plain is a repository with one model.
func plain1() files {
	return files{"plain/config.pbtxt": plainConfig, "plain/profile.json": plainProfile, "plain/1/model.py": ""}
}

func (f files) write(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range f {
		put(t, filepath.Join(dir, name), text)
	}
	return dir
}

func put(t testing.TB, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// start starts a server that ends with the test.
func start(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Start(limited(t)); err != nil {
		t.Fatalf("%v\n%s", err, s.Log(time.Time{}))
	}
	return s
}

func limited(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func dial(t testing.TB, s *Server) *triton.Client {
	t.Helper()
	c, err := triton.New(triton.Options{GRPCAddr: s.Endpoints().GRPC, MetricsURL: s.Endpoints().MetricsURL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// floats encodes FP32 elements.
func floats(values ...float32) []byte {
	var raw []byte
	for _, v := range values {
		f := float(float64(v), "FP32")
		raw = append(raw, f[:4]...)
	}
	return raw
}

// ask is a request of items to the model plain; item i begins with i+1.
func ask(items int) *service.ModelInferRequest {
	var raw []byte
	for i := range items {
		raw = append(raw, floats(float32(i+1), 0, 0, 0)...)
	}
	return &service.ModelInferRequest{
		ModelName:        "plain",
		Inputs:           []*service.ModelInferRequest_InferInputTensor{{Name: "in", Datatype: "FP32", Shape: []int64{int64(items), 4}}},
		RawInputContents: [][]byte{raw},
	}
}

func infer(t testing.TB, c *triton.Client, r *service.ModelInferRequest) (*service.ModelInferResponse, error) {
	t.Helper()
	return service.NewGRPCInferenceServiceClient(c.Conn()).ModelInfer(limited(t), r)
}
