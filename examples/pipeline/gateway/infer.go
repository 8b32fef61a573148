package gateway

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/grpc/status"

	"tritonsweep/internal/tritonpb/service"
)

// The models behind the gateway.
const (
	faceDetector   = "scrfd_10g_bnkps"
	faceEncoder    = "arcface_w600k_r50"
	objectDetector = "yolov11_small_trt_end2end"
	imageEncoder   = "mobileclip2_s2_image_encoder"
	textEncoder    = "mobileclip2_s2_text_encoder"
	textDetector   = "paddleocr_det_trt"
	textReader     = "paddleocr_rec_trt"
)

var models = []string{faceDetector, faceEncoder, objectDetector, imageEncoder, textEncoder, textDetector, textReader}

// outputs is what a model answered.
type outputs struct {
	model  string
	answer *service.ModelInferResponse
}

// infer asks a model; the time is a stage of the model's name.
func (j *job) infer(ctx context.Context, model, input string, shape []int64, raw []byte) (outputs, error) {
	return j.inferAs(ctx, model, "FP32", input, shape, raw)
}

func (j *job) inferAs(ctx context.Context, model, datatype, input string, shape []int64, raw []byte) (outputs, error) {
	defer j.stages.time(model)()
	answer, err := j.gateway.triton.ModelInfer(ctx, &service.ModelInferRequest{
		ModelName:        model,
		Inputs:           []*service.ModelInferRequest_InferInputTensor{{Name: input, Datatype: datatype, Shape: shape}},
		RawInputContents: [][]byte{raw},
	})
	if err != nil {
		if ctx.Err() != nil {
			return outputs{}, ctx.Err()
		}
		s := status.Convert(err)
		return outputs{}, fmt.Errorf("%s: %s: %s", model, s.Code(), s.Message())
	}
	return outputs{model, answer}, nil
}

// raw returns an output's bytes and shape.
func (o outputs) raw(name string) ([]byte, []int64, error) {
	for i, output := range o.answer.GetOutputs() {
		if output.GetName() == name && i < len(o.answer.GetRawOutputContents()) {
			return o.answer.GetRawOutputContents()[i], output.GetShape(), nil
		}
	}
	return nil, nil, fmt.Errorf("%s: the answer has no output %q", o.model, name)
}

// floats returns an output of n FP32 numbers.
func (o outputs) floats(name string, n int) ([]float32, error) {
	raw, _, err := o.raw(name)
	if err != nil {
		return nil, err
	}
	if len(raw) != 4*n {
		return nil, fmt.Errorf("%s: output %q has %d bytes, not %d", o.model, name, len(raw), 4*n)
	}
	out := make([]float32, n)
	for i := range out {
		out[i] = number(raw, i)
	}
	return out, nil
}

// number reads the FP32 number i.
func number(raw []byte, i int) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
}

// integers returns an output of n INT32 numbers.
func (o outputs) integers(name string, n int) ([]int32, error) {
	raw, _, err := o.raw(name)
	if err != nil {
		return nil, err
	}
	if len(raw) != 4*n {
		return nil, fmt.Errorf("%s: output %q has %d bytes, not %d", o.model, name, len(raw), 4*n)
	}
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return out, nil
}
