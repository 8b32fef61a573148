package contract

import (
	"encoding/binary"
	"math"

	"tritonsweep/internal/tritonpb/service"
)

// elements of one item of the model's input, and of its output.
const (
	inputElements  = 3 * 112 * 112
	outputElements = 512
)

// ask returns a request of items whose first elements are 1, 2, 3 and so on.
func ask(items int) *service.ModelInferRequest {
	raw := make([]byte, items*inputElements*4)
	for i := range items {
		binary.LittleEndian.PutUint32(raw[i*inputElements*4:], math.Float32bits(float32(i+1)))
	}
	return &service.ModelInferRequest{
		ModelName: Model,
		Inputs: []*service.ModelInferRequest_InferInputTensor{
			{Name: "input", Datatype: "FP32", Shape: []int64{int64(items), 3, 112, 112}},
		},
		RawInputContents: [][]byte{raw},
	}
}

// changed returns ask(1) after a change.
func changed(change func(*service.ModelInferRequest)) *service.ModelInferRequest {
	r := ask(1)
	change(r)
	return r
}

// firsts returns the first element of every item of a raw FP32 output.
func firsts(raw []byte, items int) []float32 {
	var out []float32
	for i := range items {
		out = append(out, math.Float32frombits(binary.LittleEndian.Uint32(raw[i*len(raw)/items:])))
	}
	return out
}
