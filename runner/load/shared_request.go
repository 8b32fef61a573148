package load

import (
	"encoding/json"
	"fmt"

	"tritonsweep/internal/tritonpb/service"

	"google.golang.org/protobuf/proto"
)

// The parameters of a tensor in shared memory.
const (
	regionParameter = "shared_memory_region"
	sizeParameter   = "shared_memory_byte_size"
	offsetParameter = "shared_memory_offset"
)

// sharedPayload encodes a request whose tensors lie in a region.
func (e encoding) sharedPayload(m Model, tensors []inputTensor, name string, inputs, outputs map[string]place) (p Payload, err error) {
	if e.binary {
		p, err = m.sharedJSON(tensors, name, inputs, outputs)
	} else {
		p.Bytes, err = m.sharedMessage(tensors, name, inputs, outputs)
	}
	return e.packed(p, err)
}

func (m Model) sharedMessage(tensors []inputTensor, name string, inputs, outputs map[string]place) ([]byte, error) {
	parameters := func(p place) map[string]*service.InferParameter {
		number := func(n int64) *service.InferParameter {
			return &service.InferParameter{ParameterChoice: &service.InferParameter_Int64Param{Int64Param: n}}
		}
		return map[string]*service.InferParameter{
			regionParameter: {ParameterChoice: &service.InferParameter_StringParam{StringParam: name}},
			sizeParameter:   number(p.size), offsetParameter: number(p.offset),
		}
	}
	head := &service.ModelInferRequest{ModelName: m.Name, ModelVersion: m.Version}
	for _, t := range tensors {
		head.Inputs = append(head.Inputs, &service.ModelInferRequest_InferInputTensor{
			Name: t.Name, Datatype: t.Datatype, Shape: t.Shape, Parameters: parameters(inputs[t.Name]),
		})
	}
	for _, t := range m.Outputs {
		o := &service.ModelInferRequest_InferRequestedOutputTensor{Name: t.Name}
		if p, shared := outputs[t.Name]; shared {
			o.Parameters = parameters(p)
		}
		head.Outputs = append(head.Outputs, o)
	}
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(head)
	if err != nil {
		return nil, fmt.Errorf("encoding the request: %w", err)
	}
	return out, nil
}

func (m Model) sharedJSON(tensors []inputTensor, name string, inputs, outputs map[string]place) (Payload, error) {
	parameters := func(p place) map[string]any {
		return map[string]any{regionParameter: name, sizeParameter: p.size, offsetParameter: p.offset}
	}
	head := binaryHead{Parameters: map[string]any{"binary_data_output": true}}
	for _, t := range tensors {
		head.Inputs = append(head.Inputs, binaryTensor{Name: t.Name, Datatype: t.Datatype, Shape: t.Shape, Parameters: parameters(inputs[t.Name])})
	}
	for _, t := range m.Outputs {
		o := binaryTensor{Name: t.Name, Parameters: map[string]any{"binary_data": true}}
		if p, shared := outputs[t.Name]; shared {
			o.Parameters = parameters(p)
		}
		head.Outputs = append(head.Outputs, o)
	}
	text, err := json.Marshal(head)
	if err != nil {
		return Payload{}, fmt.Errorf("encoding the request: %w", err)
	}
	return Payload{Bytes: text, head: len(text), path: m.path()}, nil
}
