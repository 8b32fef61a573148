package contract

import (
	"testing"

	"google.golang.org/grpc/codes"

	"tritonsweep/internal/tritonpb/service"
)

const (
	anonymous = "[request id: <id_unknown>] "
	batchNote = "NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each input shape. " +
		"If you want to specify the full shape including the batch dim in your input dims config, try setting max_batch_size to zero. " +
		"See the model configuration docs for more info on max_batch_size."
)

// wrongRequests are requests that a server refuses, with code and text.
var wrongRequests = []struct {
	name    string
	request *service.ModelInferRequest
	code    codes.Code
	text    string
}{
	{"unknown model", changed(func(r *service.ModelInferRequest) { r.ModelName = "nobody" }),
		codes.NotFound, "Request for unknown model: 'nobody' is not found"},
	{"unknown version", changed(func(r *service.ModelInferRequest) { r.ModelVersion = "7" }),
		codes.NotFound, "Request for unknown model: '" + Model + "' version 7 is not found"},
	{"version no number", changed(func(r *service.ModelInferRequest) { r.ModelVersion = "x" }),
		codes.InvalidArgument, "failed to get model version from specified version string 'x' (details: stol), version should be an integral value > 0"},
	{"type", changed(func(r *service.ModelInferRequest) { r.Inputs[0].Datatype = "INT32" }),
		codes.InvalidArgument, anonymous + "inference input 'input' data-type is 'INT32', but model '" + Model + "' expects 'FP32'"},
	{"type nobody knows", changed(func(r *service.ModelInferRequest) { r.Inputs[0].Datatype = "FP31" }),
		codes.InvalidArgument, anonymous + "inference input 'input' data-type is '<invalid>', but model '" + Model + "' expects 'FP32'"},
	{"id", changed(func(r *service.ModelInferRequest) { r.Id, r.Inputs[0].Datatype = "abc", "INT32" }),
		codes.InvalidArgument, "[request id: abc] inference input 'input' data-type is 'INT32', but model '" + Model + "' expects 'FP32'"},
	{"shape", changed(func(r *service.ModelInferRequest) { r.Inputs[0].Shape = []int64{1, 3, 112, 113} }),
		codes.InvalidArgument, anonymous + "unexpected shape for input 'input' for model '" + Model + "'. Expected [-1,3,112,112], got [1,3,112,113]. " + batchNote},
	{"no batch dimension", changed(func(r *service.ModelInferRequest) { r.Inputs[0].Shape = []int64{3, 112, 112} }),
		codes.InvalidArgument, anonymous + "unexpected shape for input 'input' for model '" + Model + "'. Expected [-1,3,112,112], got [3,112,112]. " + batchNote},
	{"no shape", changed(func(r *service.ModelInferRequest) { r.Inputs[0].Shape = nil }),
		codes.InvalidArgument, anonymous + "input 'input' has no shape but model requires batch dimension for '" + Model + "'"},
	{"negative dimension", changed(func(r *service.ModelInferRequest) { r.Inputs[0].Shape = []int64{1, 3, 112, -1} }),
		codes.InvalidArgument, anonymous + "All input dimensions should be specified for input 'input' for model '" + Model + "', got [1,3,112,-1]"},
	{"batch", changed(func(r *service.ModelInferRequest) { r.Inputs[0].Shape[0] = 129 }),
		codes.InvalidArgument, anonymous + "inference request batch-size must be <= 128 for '" + Model + "'"},
	{"bytes", changed(func(r *service.ModelInferRequest) { r.RawInputContents[0] = r.RawInputContents[0][:100] }),
		codes.InvalidArgument, anonymous + "input byte size mismatch for input 'input' for model '" + Model + "'. Expected 150528, got 100"},
	{"no tensor", changed(func(r *service.ModelInferRequest) { r.RawInputContents = nil }),
		codes.InvalidArgument, "unable to find data for input tensor 'input' for model '" + Model + "' in request."},
	{"no input", changed(func(r *service.ModelInferRequest) { r.Inputs, r.RawInputContents = nil, nil }),
		codes.InvalidArgument, anonymous + "expected 1 inputs but got 0 inputs for model '" + Model + "'. Got input(s) [], but missing required input(s) ['input']. Please provide all required input(s)."},
	{"input too many", changed(func(r *service.ModelInferRequest) {
		r.Inputs = append(r.Inputs, &service.ModelInferRequest_InferInputTensor{Name: "mask", Datatype: "FP32", Shape: []int64{1, 1}})
		r.RawInputContents = append(r.RawInputContents, make([]byte, 4))
	}), codes.InvalidArgument, anonymous + "expected 1 inputs but got 2 inputs for model '" + Model + "'. Got input(s) ['mask','input'], but missing required input(s) ]. Please provide all required input(s)."},
	{"other input", changed(func(r *service.ModelInferRequest) { r.Inputs[0].Name = "data" }),
		codes.InvalidArgument, "unexpected inference input 'data' for model '" + Model + "'"},
	{"input twice", changed(func(r *service.ModelInferRequest) {
		r.Inputs = append(r.Inputs, r.Inputs[0])
		r.RawInputContents = append(r.RawInputContents, r.RawInputContents[0])
	}), codes.InvalidArgument, anonymous + "input 'input' already exists in request"},
	{"output", changed(func(r *service.ModelInferRequest) {
		r.Outputs = []*service.ModelInferRequest_InferRequestedOutputTensor{{Name: "logits"}}
	}), codes.InvalidArgument, "unexpected inference output 'logits' for model '" + Model + "'"},
	{"contents and bytes", changed(func(r *service.ModelInferRequest) {
		r.Inputs[0].Contents = &service.InferTensorContents{Fp32Contents: []float32{1}}
	}), codes.InvalidArgument, "contents field must not be specified when using raw_input_contents for 'input' for model '" + Model + "'"},
	{"contents of another type", changed(func(r *service.ModelInferRequest) {
		r.RawInputContents = nil
		r.Inputs[0].Contents = &service.InferTensorContents{IntContents: []int32{1}}
	}), codes.InvalidArgument, "unexpected explicit tensor data for input tensor 'input' for model '" + Model + "' of type 'INT32', expected datatype 'FP32'"},
}

// Wrong sends requests that a server refuses before they reach the model: they
// show in no counter of successes.
func Wrong(t *testing.T, g Target) {
	g.ready(t)
	api := g.api(t)
	for _, test := range wrongRequests {
		t.Run(test.name, func(t *testing.T) {
			_, err := api.ModelInfer(limited(t), test.request)
			requireStatus(t, err, test.code, test.text)
		})
	}
	t.Run("HTTP", func(t *testing.T) { wrongOverHTTP(t, g) })
}
