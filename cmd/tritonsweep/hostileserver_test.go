package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/internal/tritonpb/service"
)

// orders would clear a terminal, rename its window and run in a page.
const orders = "\x1b[2J\x1b]0;owned\x07\u202e<script>alert(1)</script>\r\n"

// liar is a server that serves a small model, and lies where it is told to.
type liar struct {
	service.UnimplementedGRPCInferenceServiceServer
	metadata func(*service.ModelMetadataResponse)
	config   func(*tritonpb.ModelConfig)
	stats    func(*service.ModelStatistics)
	index    func(*service.RepositoryIndexResponse)
	infer    func(*service.ModelInferResponse) error
}

func (l *liar) ServerLive(context.Context, *service.ServerLiveRequest) (*service.ServerLiveResponse, error) {
	return &service.ServerLiveResponse{Live: true}, nil
}

func (l *liar) ServerReady(context.Context, *service.ServerReadyRequest) (*service.ServerReadyResponse, error) {
	return &service.ServerReadyResponse{Ready: true}, nil
}

func (l *liar) ModelReady(context.Context, *service.ModelReadyRequest) (*service.ModelReadyResponse, error) {
	return &service.ModelReadyResponse{Ready: true}, nil
}

func (l *liar) ServerMetadata(context.Context, *service.ServerMetadataRequest) (*service.ServerMetadataResponse, error) {
	return &service.ServerMetadataResponse{Name: "triton" + orders, Version: "2.51.0" + orders}, nil
}

func (l *liar) ModelMetadata(_ context.Context, q *service.ModelMetadataRequest) (*service.ModelMetadataResponse, error) {
	r := &service.ModelMetadataResponse{
		Name: q.Name, Versions: []string{"1"}, Platform: "python" + orders,
		Inputs:  []*service.ModelMetadataResponse_TensorMetadata{{Name: "in", Datatype: "FP32", Shape: []int64{-1, 4}}},
		Outputs: []*service.ModelMetadataResponse_TensorMetadata{{Name: "out", Datatype: "FP32", Shape: []int64{-1, 2}}},
	}
	return r, lie(l.metadata, r)
}

func (l *liar) ModelConfig(_ context.Context, q *service.ModelConfigRequest) (*service.ModelConfigResponse, error) {
	r := &tritonpb.ModelConfig{
		Name: q.Name, Backend: "python", MaxBatchSize: 8,
		Input:  []*tritonpb.ModelInput{{Name: "in", DataType: tritonpb.DataType_TYPE_FP32, Dims: []int64{4}}},
		Output: []*tritonpb.ModelOutput{{Name: "out", DataType: tritonpb.DataType_TYPE_FP32, Dims: []int64{2}}},
	}
	return &service.ModelConfigResponse{Config: r}, lie(l.config, r)
}

func (l *liar) ModelStatistics(_ context.Context, q *service.ModelStatisticsRequest) (*service.ModelStatisticsResponse, error) {
	r := &service.ModelStatistics{Name: q.Name, Version: "1", InferenceStats: &service.InferStatistics{}}
	return &service.ModelStatisticsResponse{ModelStats: []*service.ModelStatistics{r}}, lie(l.stats, r)
}

func (l *liar) RepositoryIndex(context.Context, *service.RepositoryIndexRequest) (*service.RepositoryIndexResponse, error) {
	r := &service.RepositoryIndexResponse{Models: []*service.RepositoryIndexResponse_ModelIndex{{Name: "m", Version: "1", State: "READY"}}}
	return r, lie(l.index, r)
}

func (l *liar) ModelInfer(_ context.Context, q *service.ModelInferRequest) (*service.ModelInferResponse, error) {
	items := q.Inputs[0].Shape[0]
	r := &service.ModelInferResponse{
		ModelName: q.ModelName, ModelVersion: "1",
		Outputs:           []*service.ModelInferResponse_InferOutputTensor{{Name: "out", Datatype: "FP32", Shape: []int64{items, 2}}},
		RawOutputContents: [][]byte{make([]byte, items*8)},
	}
	if l.infer != nil {
		return r, l.infer(r)
	}
	return r, nil
}

func lie[R any](how func(R), r R) error {
	if how != nil {
		how(r)
	}
	return nil
}

func (l *liar) start(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	service.RegisterGRPCInferenceServiceServer(server, l)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-done })
	return listener.Addr().String()
}

// lies are what the server says, and how the command may end.
var lies = map[string]struct {
	liar  liar
	codes []int
}{
	"nothing but its names":  {liar{}, []int{exitOK, exitSome}},
	"no name in the config":  {liar{config: func(c *tritonpb.ModelConfig) { *c = tritonpb.ModelConfig{} }}, nil},
	"a million inputs":       {liar{metadata: func(r *service.ModelMetadataResponse) { r.Inputs = manyInputs(1_000_000) }}, nil},
	"a shape without an end": {liar{metadata: func(r *service.ModelMetadataResponse) { r.Inputs[0].Shape = []int64{-1, 1 << 61} }}, nil},
	"a shape below nothing":  {liar{metadata: func(r *service.ModelMetadataResponse) { r.Inputs[0].Shape = []int64{-1, math.MinInt64} }}, nil},
	"names in orders":        {liar{metadata: func(r *service.ModelMetadataResponse) { r.Inputs[0].Name, r.Outputs[0].Name = "in"+orders, orders }}, nil},
	"a type nobody knows":    {liar{metadata: func(r *service.ModelMetadataResponse) { r.Inputs[0].Datatype = orders }}, nil},
	"no inputs":              {liar{metadata: func(r *service.ModelMetadataResponse) { r.Inputs, r.Outputs = nil, nil }}, nil},
	"counts beyond all":      {liar{stats: func(r *service.ModelStatistics) { r.InferenceCount, r.ExecutionCount = math.MaxUint64, math.MaxUint64 }}, nil},
	"no counts":              {liar{stats: func(r *service.ModelStatistics) { r.InferenceStats = nil }}, nil},
	"an error in orders": {liar{infer: func(*service.ModelInferResponse) error {
		return status.Error(codes.Internal, strings.Repeat(orders, 50))
	}}, nil},
	"answers for another": {liar{infer: func(r *service.ModelInferResponse) error { r.ModelName = orders; return nil }}, nil},
	"answers of all sizes": {liar{infer: func(r *service.ModelInferResponse) error {
		r.RawOutputContents[0] = make([]byte, 4<<20)
		return nil
	}}, nil},
}

func manyInputs(n int) []*service.ModelMetadataResponse_TensorMetadata {
	all := make([]*service.ModelMetadataResponse_TensorMetadata, n)
	for i := range all {
		all[i] = &service.ModelMetadataResponse_TensorMetadata{Name: fmt.Sprint("in", i), Datatype: "FP32", Shape: []int64{-1, 4}}
	}
	return all
}

// TestFault60HostileServer: whatever a server answers, the command ends with a
// code of its own, in bounded memory, and hands none of its orders on.
func TestFault60HostileServer(t *testing.T) {
	elsewhere(t)
	for name, test := range lies {
		t.Run(name, func(t *testing.T) {
			requireHarmless(t, test.codes, "--grpc-url", test.liar.start(t), "--model", "m")
		})
	}
	t.Run("models in orders", func(t *testing.T) {
		l := liar{index: func(r *service.RepositoryIndexResponse) { r.Models[0].Name = "m" + orders }}
		requireHarmless(t, []int{exitUsage}, "--grpc-url", l.start(t), "--model", "all")
	})
	t.Run("metrics without an end", func(t *testing.T) {
		endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			for q.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat("nv_inference_count{model=\"m\"} 1e999 "+orders, 100)); err != nil {
					return
				}
			}
		}))
		defer endless.Close()
		requireHarmless(t, nil, "--grpc-url", new(liar).start(t), "--model", "m", "--metrics-url", endless.URL+"/metrics")
	})
}

// requireHarmless measures one point of a server, with a report.
func requireHarmless(t *testing.T, codes []int, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	out := t.TempDir()
	code := -1
	allocated := allocatedBy(func() {
		code = run(ctx, append([]string{"tritonsweep", "concurrency", "--mode", "none", "--concurrency", "1", "--rounds", "1", "--duration", "300ms",
			"--warmup", "50ms", "--db", filepath.Join(out, "run.db"), "--output", out}, args...), strings.NewReader(""), &stdout, &stderr)
	})
	if ctx.Err() != nil {
		t.Errorf("it did not end by itself")
	}
	if codes == nil {
		codes = []int{exitOK, exitFailed, exitSome, exitUsage, exitUnreachable}
	}
	found := false
	for _, c := range codes {
		found = found || c == code
	}
	if !found {
		t.Errorf("exit code %d, want one of %v\n%.2000q", code, codes, &stderr)
	}
	if allocated > 1<<30 {
		t.Errorf("%d MiB were allocated", allocated>>20)
	}
	texts := map[string]string{"standard output": stdout.String(), "standard error": stderr.String()}
	for _, name := range []string{"report.html", "report.md", "report.csv", "report.json"} {
		if text, err := os.ReadFile(filepath.Join(out, name)); err == nil {
			texts[name] = string(text)
		}
	}
	for name, text := range texts {
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && (unicode.IsControl(r) || r == '\u202e') }); i >= 0 {
			t.Errorf("%s steers a terminal: %q", name, text[max(0, i-100):min(len(text), i+20)])
		}
	}
	if strings.Contains(texts["report.html"], "<script>alert(1)") {
		t.Error("the page holds the server's script")
	}
}
