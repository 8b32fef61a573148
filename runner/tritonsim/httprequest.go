package tritonsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/internal/tritonpb/service"
)

// object is a JSON object. Triton looks for members in anything and finds none
// in what is no object.
type object map[string]json.RawMessage

func parseObject(text []byte) (o object) {
	_ = json.Unmarshal(text, &o) // another kind of value: no members
	return o
}

// unparsed is Triton's complaint about a member.
func unparsed(member, why string) error {
	return status.Errorf(codes.Internal, "Unable to parse '%s': %s", member, why)
}

// What Triton says of members that are not there, or of another type.
const (
	noArray    = "attempt to access JSON non-array as array"
	noUnsigned = "attempt to access JSON non-unsigned-integer as unsigned-integer"
	noSigned   = "attempt to access JSON non-signed-integer as signed-integer"
	noDouble   = "attempt to access JSON non-number as double"
	noString   = "attempt to access JSON non-string as string"
	noBool     = "attempt to access JSON non-boolean as boolean"
)

// get decodes a member that must be there.
func get[T any](o object, name, otherwise string) (v T, err error) {
	raw, ok := o[name]
	if !ok {
		return v, unparsed(name, fmt.Sprintf("attempt to access non-existing object member '%s'", name))
	}
	if bytes.Equal(raw, []byte("null")) || json.Unmarshal(raw, &v) != nil {
		return v, unparsed(name, otherwise)
	}
	return v, nil
}

// optional is get for a member that need not be there.
func optional[T any](o object, name, otherwise string) (v T, err error) {
	if _, ok := o[name]; !ok {
		return v, nil
	}
	return get[T](o, name, otherwise)
}

// readHTTP reads a request, in Triton's order.
func (m *model) readHTTP(b *body) (*request, form, error) {
	if len(b.head) == 0 {
		r, err := m.readRaw(b)
		return r, form{binary: true}, err
	}
	var whole json.RawMessage // the first value: what comes behind it is ignored
	if err := json.NewDecoder(bytes.NewReader(b.head)).Decode(&whole); err != nil {
		return nil, form{}, status.Errorf(codes.Internal, "failed to parse the request JSON buffer: %v", err)
	}
	o, r := parseObject(whole), new(request)
	f := form{outputs: map[string]bool{}}
	var err error
	if r.head.Id, err = optional[string](o, "id", noString); err != nil {
		return nil, f, err
	}
	if f.binary, err = readParameters(o["parameters"], r); err != nil {
		return nil, f, err
	}
	inputs, err := get[[]json.RawMessage](o, "inputs", noArray)
	if err != nil {
		return nil, f, err
	}
	for _, text := range inputs {
		if err := m.readInput(parseObject(text), b, r); err != nil {
			return nil, f, err
		}
	}
	if b.left > 0 {
		return nil, f, status.Errorf(codes.InvalidArgument, "unexpected additional input data for model '%s'", m.name)
	}
	outputs, err := optional[[]json.RawMessage](o, "outputs", noArray)
	if err != nil {
		return nil, f, err
	}
	for _, text := range outputs {
		if err := readOutput(parseObject(text), f, r); err != nil {
			return nil, f, err
		}
	}
	return r, f, nil
}

// readRaw reads a body that is nothing but the tensor of the only input.
func (m *model) readRaw(b *body) (*request, error) {
	if len(m.inputs) != 1 {
		return nil, status.Errorf(codes.InvalidArgument, "Raw request must only have 1 input (found %d) to be deduced but got %d inputs in '%s' model configuration",
			1, len(m.inputs), m.name)
	}
	t := m.inputs[0]
	shape := slices.Clone(t.dims)
	if m.batches() {
		shape = append([]int64{1}, shape...)
	}
	if want := count(shape) * int64(widths[t.datatype]); want >= 0 && b.left != want {
		return nil, status.Errorf(codes.InvalidArgument, "%sinput byte size mismatch for input 'raw_input' for model '%s'. Expected %d, got %d",
			idPrefix(""), m.name, want, b.left)
	}
	raw, err := b.tensor(b.left, 1)
	r := &request{raws: []rawInput{raw}}
	r.head.Inputs = []*service.ModelInferRequest_InferInputTensor{{Name: t.name, Datatype: t.datatype, Shape: shape}}
	return r, err
}

// readParameters reads what concerns the whole request, and whether its outputs
// are wanted in binary.
func readParameters(text json.RawMessage, r *request) (binary bool, err error) {
	if text == nil {
		return false, nil
	}
	if !bytes.HasPrefix(text, []byte("{")) {
		return false, status.Error(codes.Internal, "failed to get request params.: attempt to get members for non-object")
	}
	o := parseObject(text)
	for _, name := range []string{"sequence_id", "priority", "timeout"} {
		v, err := optional[uint64](o, name, noUnsigned)
		if err != nil {
			return false, err
		}
		if v > 0 {
			if r.head.Parameters == nil {
				r.head.Parameters = map[string]*service.InferParameter{}
			}
			r.head.Parameters[name] = unsigned(v)
		}
	}
	return optional[bool](o, "binary_data_output", noBool)
}

func unsigned(v uint64) *service.InferParameter {
	return &service.InferParameter{ParameterChoice: &service.InferParameter_Uint64Param{Uint64Param: v}}
}

func readOutput(o object, f form, r *request) error {
	name, err := get[string](o, "name", noString)
	if err != nil {
		return err
	}
	wanted := &service.ModelInferRequest_InferRequestedOutputTensor{Name: name}
	parameters := parseObject(o["parameters"])
	if parameters[regionParameter] != nil {
		if wanted.Parameters, err = readArea(parameters); err != nil {
			return err
		}
	}
	if parameters["binary_data"] != nil {
		if f.outputs[name], err = get[bool](parameters, "binary_data", noBool); err != nil {
			return err
		}
	}
	r.head.Outputs = append(r.head.Outputs, wanted)
	return nil
}

func (m *model) readInput(o object, b *body, r *request) error {
	parameters := parseObject(o["parameters"])
	if err := onlyOne(o, parameters); err != nil {
		return err
	}
	in := new(service.ModelInferRequest_InferInputTensor)
	var err error
	if in.Name, err = get[string](o, "name", noString); err != nil {
		return err
	}
	if in.Datatype, err = get[string](o, "datatype", noString); err != nil {
		return err
	}
	shape, err := get[[]json.RawMessage](o, "shape", noArray)
	if err != nil {
		return err
	}
	for _, d := range shape {
		n, err := strconv.ParseUint(string(d), 10, 63)
		if err != nil {
			return unparsed("shape", noUnsigned)
		}
		in.Shape = append(in.Shape, int64(n))
	}
	if parameters[regionParameter] != nil {
		in.Parameters, err = readArea(parameters)
		r.head.Inputs = append(r.head.Inputs, in)
		return err
	}
	raw, err := m.readTensor(in, o["data"], parameters, b)
	if err != nil {
		return err
	}
	r.head.Inputs, r.raws = append(r.head.Inputs, in), append(r.raws, raw)
	return nil
}

// onlyOne demands one source of a tensor's bytes.
func onlyOne(o, parameters object) error {
	var set []string
	if o["data"] != nil {
		set = append(set, "data")
	}
	for _, name := range []string{"binary_data_size", regionParameter} {
		if parameters[name] != nil {
			set = append(set, name)
		}
	}
	if len(set) == 1 {
		return nil
	}
	found := "But no field is set"
	if len(set) > 1 {
		found = "But set '" + strings.Join(set, "' '") + "'"
	}
	return status.Error(codes.InvalidArgument,
		"Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'. "+found)
}

func (m *model) readTensor(in *service.ModelInferRequest_InferInputTensor, data json.RawMessage, parameters object, b *body) (rawInput, error) {
	items := int64(1)
	if m.batches() {
		items = leading(in.Shape)
	}
	if data != nil {
		return readData(in, data, items)
	}
	size, err := get[uint64](parameters, "binary_data_size", noUnsigned)
	if err != nil {
		return rawInput{}, err
	}
	if size > uint64(b.left) {
		return rawInput{}, status.Errorf(codes.InvalidArgument, "unexpected size for input '%s', expecting %d additional bytes for model '%s'",
			in.Name, size-uint64(b.left), m.name)
	}
	return b.tensor(int64(size), items)
}
