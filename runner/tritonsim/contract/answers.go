package contract

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/runner/triton"
)

// Answers asks everything that can be asked, and sends a few requests.
func Answers(t *testing.T, g Target) {
	g.ready(t)
	t.Run("server", func(t *testing.T) { server(t, g) })
	t.Run("model", func(t *testing.T) { describedModel(t, g) })
	t.Run("unknown", func(t *testing.T) { unknownModel(t, g) })
	t.Run("http", func(t *testing.T) { httpAnswers(t, g) })
	t.Run("inference", func(t *testing.T) { inference(t, g) })
	t.Run("inference over HTTP", func(t *testing.T) { web(t, g) })
	t.Run("nowhere", func(t *testing.T) { nowhere(t, g) })
	t.Run("stream", func(t *testing.T) { stream(t, g) })
	t.Run("no model control", func(t *testing.T) { noControl(t, g) })
}

func server(t *testing.T, g Target) {
	c, ctx := g.client(t), limited(t)
	m, err := c.ServerMetadata(ctx)
	if err != nil || m.Name != "triton" || m.Version != "2.51.0" {
		t.Errorf("server %+v, %v", m, err)
	}
	want := []string{"classification", "sequence", "model_repository", "model_repository(unload_dependents)", "schedule_policy",
		"model_configuration", "system_shared_memory", "cuda_shared_memory", "binary_tensor_data", "parameters", "statistics", "trace", "logging"}
	if diff := cmp.Diff(want, m.Extensions); diff != "" {
		t.Error(diff)
	}
	live, err := c.Live(ctx)
	ready, readyErr := c.ServerReady(ctx)
	if !live || !ready || err != nil || readyErr != nil {
		t.Errorf("live %v, %v; ready %v, %v", live, err, ready, readyErr)
	}
	models, err := c.RepositoryIndex(ctx)
	if err != nil || !slices.Contains(models, triton.ModelIndex{Name: Model, Version: "1", State: triton.StateReady}) {
		t.Errorf("index %v, %v", models, err)
	}
}

func describedModel(t *testing.T, g Target) {
	c, ctx := g.client(t), limited(t)
	m, err := c.Metadata(ctx, Model)
	want := triton.Metadata{
		Name: Model, Versions: []string{"1"}, Platform: "python",
		Inputs:  []triton.Tensor{{Name: "input", Datatype: "FP32", Shape: []int64{-1, 3, 112, 112}}},
		Outputs: []triton.Tensor{{Name: "output", Datatype: "FP32", Shape: []int64{-1, outputElements}}},
	}
	if diff := cmp.Diff(want, m); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if ready, err := c.ModelReady(ctx, Model); !ready || err != nil {
		t.Errorf("ready %v, %v", ready, err)
	}
}

func unknownModel(t *testing.T, g Target) {
	api, ctx := g.api(t), limited(t)
	const text = "Request for unknown model: 'nobody' is not found"
	_, err := api.ModelMetadata(ctx, &service.ModelMetadataRequest{Name: "nobody"})
	requireStatus(t, err, codes.NotFound, text)
	_, err = api.ModelConfig(ctx, &service.ModelConfigRequest{Name: "nobody"})
	requireStatus(t, err, codes.NotFound, text)
	_, err = api.ModelStatistics(ctx, &service.ModelStatisticsRequest{Name: "nobody"})
	requireStatus(t, err, codes.InvalidArgument, "requested model 'nobody' is not available")
	if r, err := api.ModelReady(ctx, &service.ModelReadyRequest{Name: "nobody"}); err != nil || r.Ready {
		t.Errorf("ready %v, %v", r, err)
	}
}

// noControl: without explicit model control nothing can be loaded.
func noControl(t *testing.T, g Target) {
	api, ctx := g.api(t), limited(t)
	if g.Restart != nil {
		t.Skip("a server of the test's own may have model control")
	}
	const text = "explicit model load / unload is not allowed if polling is enabled"
	_, err := api.RepositoryModelLoad(ctx, &service.RepositoryModelLoadRequest{ModelName: Model})
	requireStatus(t, err, codes.Unavailable, text)
	_, err = api.RepositoryModelUnload(ctx, &service.RepositoryModelUnloadRequest{ModelName: Model})
	requireStatus(t, err, codes.Unavailable, text)
}

// configJSON is the config in force of the untouched example.
const configJSON = `{"name":"arcface_w600k_r50","platform":"","backend":"python","runtime":"","version_policy":{"latest":{"num_versions":1}},` +
	`"max_batch_size":128,"input":[{"name":"input","data_type":"TYPE_FP32","format":"FORMAT_NONE","dims":[3,112,112],"is_shape_tensor":false,` +
	`"allow_ragged_batch":false,"optional":false,"is_non_linear_format_io":false}],"output":[{"name":"output","data_type":"TYPE_FP32","dims":[512],` +
	`"label_filename":"","is_shape_tensor":false,"is_non_linear_format_io":false}],"batch_input":[],"batch_output":[],` +
	`"optimization":{"priority":"PRIORITY_DEFAULT","input_pinned_memory":{"enable":true},"output_pinned_memory":{"enable":true},` +
	`"gather_kernel_buffer_threshold":0,"eager_batching":false},"dynamic_batching":{"preferred_batch_size":[8,16,32,64],` +
	`"max_queue_delay_microseconds":15000,"preserve_ordering":false,"priority_levels":0,"default_priority_level":0,"priority_queue_policy":{}},` +
	`"instance_group":[{"name":"arcface_w600k_r50_0","kind":"KIND_CPU","count":4,"gpus":[],"secondary_devices":[],"profile":[],"passive":false,` +
	`"host_policy":""}],"default_model_filename":"model.py","cc_model_filenames":{},"metric_tags":{},"parameters":{},"model_warmup":[]}`

func httpAnswers(t *testing.T, g Target) {
	const metadata = `{"name":"arcface_w600k_r50","versions":["1"],"platform":"python",` +
		`"inputs":[{"name":"input","datatype":"FP32","shape":[-1,3,112,112]}],"outputs":[{"name":"output","datatype":"FP32","shape":[-1,512]}]}`
	for _, test := range []struct {
		method, path string
		want         page
	}{
		{"GET", "/v2/health/live", page{200, "text/plain", ""}},
		{"GET", "/v2/health/ready", page{200, "text/plain", ""}},
		{"GET", "/v2/models/" + Model + "/ready", page{200, "text/plain", ""}},
		{"GET", "/v2/models/" + Model + "/versions/7/ready", page{400, "text/plain", `{"error":"Model version not ready"}`}},
		{"GET", "/v2/models/nobody/ready", page{400, "text/plain", `{"error":"Model version not ready"}`}},
		{"GET", "/v2/models/nobody/config", page{404, "application/json", `{"error":"Request for unknown model: 'nobody' is not found"}`}},
		{"GET", "/v2/models/nobody", page{404, "application/json", `{"error":"Request for unknown model: 'nobody' is not found"}`}},
		{"GET", "/v2/models/nobody/stats", page{400, "application/json", `{"error":"requested model 'nobody' is not available"}`}},
		{"GET", "/v2/models/" + Model, page{200, "application/json", metadata}},
		{"GET", "/v2/models/" + Model + "/config", page{200, "application/json", configJSON}},
		{"POST", "/v2/models/" + Model + "/config", page{405, "", ""}},
		{"GET", "/v2/nothing", page{404, "", ""}},
	} {
		t.Run(test.method+test.path, func(t *testing.T) {
			got := g.http(t, test.method, test.path, "")
			if test.want.contentType == "" {
				got.contentType, got.body = "", "" // both are the HTTP library's
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(page{})); diff != "" {
				t.Error(diff)
			}
		})
	}
	var stats struct {
		Models []map[string]json.RawMessage `json:"model_stats"`
	}
	if err := json.Unmarshal([]byte(g.http(t, http.MethodGet, "/v2/models/"+Model+"/stats", "").body), &stats); err != nil || len(stats.Models) != 1 {
		t.Fatalf("statistics %v, %v", stats, err)
	}
	for _, key := range []string{"name", "version", "last_inference", "inference_count", "execution_count", "inference_stats", "response_stats", "batch_stats", "memory_usage"} {
		if _, ok := stats.Models[0][key]; !ok {
			t.Errorf("statistics lack %q", key)
		}
	}
}

func inference(t *testing.T, g Target) {
	api, ctx := g.api(t), limited(t)
	r := ask(3)
	r.Id = "abc"
	a, err := api.ModelInfer(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	requireAnswer(t, a, 3, false)
	if a.Id != "abc" {
		t.Errorf("id %q", a.Id)
	}
	r = changed(func(r *service.ModelInferRequest) {
		r.RawInputContents = nil
		r.Inputs[0].Contents = &service.InferTensorContents{Fp32Contents: make([]float32, inputElements)}
		r.Inputs[0].Contents.Fp32Contents[0] = 1
		r.Outputs = []*service.ModelInferRequest_InferRequestedOutputTensor{{Name: "output"}}
		r.ModelVersion = "1"
	})
	if a, err = api.ModelInfer(ctx, r); err != nil {
		t.Fatal(err)
	}
	requireAnswer(t, a, 1, false)
}

// requireAnswer checks the answer to ask(items), field for field. Those of a
// stream say whether they are the last to their request.
func requireAnswer(t *testing.T, a *service.ModelInferResponse, items int, streamed bool) {
	t.Helper()
	parameters := a.GetParameters()
	if streamed != parameters["triton_final_response"].GetBoolParam() || !streamed && len(parameters) != 0 || len(parameters) > 1 {
		t.Errorf("parameters %v", parameters)
	}
	if a.GetModelName() != Model || a.GetModelVersion() != "1" {
		t.Errorf("answer from %q version %q", a.GetModelName(), a.GetModelVersion())
	}
	if len(a.GetOutputs()) != 1 || len(a.GetRawOutputContents()) != 1 {
		t.Fatalf("%d outputs, %d tensors", len(a.GetOutputs()), len(a.GetRawOutputContents()))
	}
	o := a.Outputs[0]
	if o.Name != "output" || o.Datatype != "FP32" || !slices.Equal(o.Shape, []int64{int64(items), outputElements}) || o.Contents != nil {
		t.Errorf("output %v", o)
	}
	raw := a.RawOutputContents[0]
	var want []float32
	for i := range items {
		want = append(want, float32(i+1))
	}
	if len(raw) != items*outputElements*4 || !slices.Equal(firsts(raw, items), want) {
		t.Errorf("%d bytes, items begin with %v", len(raw), firsts(raw, items))
	}
}

// stream: answers come as they are done, errors as messages.
func stream(t *testing.T, g Target) {
	s, err := g.api(t).ModelStreamInfer(limited(t))
	if err != nil {
		t.Fatal(err)
	}
	wrong := changed(func(r *service.ModelInferRequest) { r.Inputs[0].Datatype = "INT32" })
	for _, r := range []*service.ModelInferRequest{ask(2), wrong} {
		if err := s.Send(r); err != nil {
			t.Fatal(err)
		}
	}
	var answers, failures int
	for range 2 {
		a, err := s.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if a.ErrorMessage == "" {
			requireAnswer(t, a.InferResponse, 2, true)
			answers++
		} else if strings.Contains(a.ErrorMessage, "data-type is 'INT32'") {
			failures++
		}
	}
	if answers != 1 || failures != 1 {
		t.Errorf("%d answers, %d errors", answers, failures)
	}
	if err := s.CloseSend(); err != nil {
		t.Error(err)
	}
	if _, err := s.Recv(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

// untouched is the config in force of the untouched example.
func untouched(t *testing.T, g Target) *tritonpb.ModelConfig {
	t.Helper()
	g.ready(t)
	config, err := g.client(t).Config(limited(t), Model)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// pause is between two looks at something that takes a while.
const pause = 20 * time.Millisecond
