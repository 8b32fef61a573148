package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/runner/tritonsim/hostile"
)

// lies are what the server says, and how the command may end.
var lies = map[string]struct {
	server hostile.Server
	codes  []int
}{
	"nothing but its names":  {hostile.Server{}, []int{exitOK, exitSome}},
	"no name in the config":  {hostile.Server{Config: func(c *tritonpb.ModelConfig) { *c = tritonpb.ModelConfig{} }}, nil},
	"a million inputs":       {hostile.Server{Metadata: func(r *service.ModelMetadataResponse) { r.Inputs = manyInputs(1_000_000) }}, nil},
	"a shape without an end": {hostile.Server{Metadata: func(r *service.ModelMetadataResponse) { r.Inputs[0].Shape = []int64{-1, 1 << 61} }}, nil},
	"a shape below nothing":  {hostile.Server{Metadata: func(r *service.ModelMetadataResponse) { r.Inputs[0].Shape = []int64{-1, math.MinInt64} }}, nil},
	"names in orders": {hostile.Server{Metadata: func(r *service.ModelMetadataResponse) {
		r.Inputs[0].Name, r.Outputs[0].Name = "in"+hostile.Orders, hostile.Orders
	}}, nil},
	"a type nobody knows": {hostile.Server{Metadata: func(r *service.ModelMetadataResponse) { r.Inputs[0].Datatype = hostile.Orders }}, nil},
	"no inputs":           {hostile.Server{Metadata: func(r *service.ModelMetadataResponse) { r.Inputs, r.Outputs = nil, nil }}, nil},
	"counts beyond all":   {hostile.Server{Stats: func(r *service.ModelStatistics) { r.InferenceCount, r.ExecutionCount = math.MaxUint64, math.MaxUint64 }}, nil},
	"no counts":           {hostile.Server{Stats: func(r *service.ModelStatistics) { r.InferenceStats = nil }}, nil},
	"an error in orders": {hostile.Server{Infer: func(*service.ModelInferResponse) error {
		return hostile.Fail(strings.Repeat(hostile.Orders, 50))
	}}, nil},
	"answers for another": {hostile.Server{Infer: func(r *service.ModelInferResponse) error { r.ModelName = hostile.Orders; return nil }}, nil},
	"answers of all sizes": {hostile.Server{Infer: func(r *service.ModelInferResponse) error {
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
			requireHarmless(t, test.codes, "--grpc-url", test.server.Start(t), "--model", "m")
		})
	}
	t.Run("models in orders", func(t *testing.T) {
		l := hostile.Server{Index: func(r *service.RepositoryIndexResponse) { r.Models[0].Name = "m" + hostile.Orders }}
		requireHarmless(t, []int{exitUsage}, "--grpc-url", l.Start(t), "--model", "all")
	})
	t.Run("metrics without an end", func(t *testing.T) {
		endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			for q.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat("nv_inference_count{model=\"m\"} 1e999 "+hostile.Orders, 100)); err != nil {
					return
				}
			}
		}))
		defer endless.Close()
		requireHarmless(t, nil, "--grpc-url", new(hostile.Server).Start(t), "--model", "m", "--metrics-url", endless.URL+"/metrics")
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
	if !slices.Contains(codes, code) {
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
