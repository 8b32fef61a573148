package tritonsim

import (
	"fmt"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/internal/tritonpb/service"
)

// tensors returns the bytes of each input, and the first elements of its items.
func (m *model) tensors(r *request) (sizes []int, firsts [][]first, err error) {
	for i, in := range r.head.Inputs {
		if slices.ContainsFunc(r.head.Inputs[:i], func(other *service.ModelInferRequest_InferInputTensor) bool { return other.Name == in.Name }) {
			return nil, nil, status.Errorf(codes.InvalidArgument, "%sinput '%s' already exists in request", idPrefix(r.head.Id), in.Name)
		}
		if i >= len(r.raws) && in.Contents == nil {
			return nil, nil, status.Errorf(codes.InvalidArgument, "unable to find data for input tensor '%s' for model '%s' in request.", in.Name, m.name)
		}
		if i < len(r.raws) {
			if in.Contents != nil {
				return nil, nil, status.Errorf(codes.InvalidArgument,
					"contents field must not be specified when using raw_input_contents for '%s' for model '%s'", in.Name, m.name)
			}
			sizes, firsts = append(sizes, r.raws[i].size), append(firsts, r.raws[i].firsts)
			continue
		}
		items := 1
		if m.batches() && len(in.Shape) > 0 {
			items = int(max(1, min(in.Shape[0], mostItems)))
		}
		elements, types, f := contents(in.Contents, items)
		if elements > 0 && !slices.Contains(types, in.Datatype) {
			return nil, nil, status.Errorf(codes.InvalidArgument, "unexpected explicit tensor data for input tensor '%s' for model '%s' of type '%s', expected datatype '%s'",
				in.Name, m.name, types[len(types)-1], in.Datatype)
		}
		size := elements * widths[in.Datatype]
		for _, text := range in.Contents.GetBytesContents() {
			size += 4 + len(text)
		}
		sizes, firsts = append(sizes, size), append(firsts, f)
	}
	return sizes, firsts, nil
}

// missing complains about the number of inputs.
func (m *model) missing(r *request) string {
	var given, lacking []string
	for _, in := range r.head.Inputs {
		given = append(given, in.Name)
	}
	slices.Reverse(given) // as its hash table has them, mostly
	required := 0
	for _, t := range m.inputs {
		if t.optional {
			continue
		}
		required++
		if !slices.Contains(given, t.name) {
			lacking = append(lacking, t.name)
		}
	}
	if len(given) >= required && len(given) <= len(m.inputs) {
		return ""
	}
	expected := fmt.Sprintf("expected %d inputs", len(m.inputs))
	if required < len(m.inputs) {
		expected = fmt.Sprintf("expected number of inputs between %d and %d", required, len(m.inputs))
	}
	list := "[" + quoted(lacking) + "]"
	if len(lacking) == 0 {
		list = "]" // so it prints nothing missing
	}
	return fmt.Sprintf("%s but got %d inputs for model '%s'. Got input(s) [%s], but missing required input(s) %s. Please provide all required input(s).",
		expected, len(given), m.name, quoted(given), list)
}

// batch returns the batch dimension, which all inputs share.
func (m *model) batch(r *request, invalid func(string, ...any) error) (int, error) {
	size := int64(0)
	for _, in := range r.head.Inputs {
		if _, ok := m.input(in.Name); !ok {
			return 0, m.unexpected(in.Name)
		}
		switch {
		case len(in.Shape) == 0:
			return 0, invalid("input '%s' has no shape but model requires batch dimension for '%s'", in.Name, m.name)
		case size == 0:
			size = in.Shape[0]
		case in.Shape[0] != size:
			return 0, invalid("input '%s' batch size does not match other inputs for '%s'", in.Name, m.name)
		}
	}
	if int32(size) > m.config.MaxBatchSize || size > mostItems {
		return 0, invalid("inference request batch-size must be <= %d for '%s'", m.config.MaxBatchSize, m.name)
	}
	return int(max(1, size)), nil
}

func (m *model) unexpected(input string) error {
	return status.Errorf(codes.InvalidArgument, "unexpected inference input '%s' for model '%s'", input, m.name)
}

const batchNote = "NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each input shape. " +
	"If you want to specify the full shape including the batch dim in your input dims config, try setting max_batch_size to zero. " +
	"See the model configuration docs for more info on max_batch_size."

func (m *model) checkInput(t tensor, in *service.ModelInferRequest_InferInputTensor, item []int64, size int, invalid func(string, ...any) error) error {
	if in.Datatype != t.datatype {
		given := in.Datatype
		if _, known := widths[given]; !known {
			given = "<invalid>"
		}
		return invalid("inference input '%s' data-type is '%s', but model '%s' expects '%s'", t.name, given, m.name, t.datatype)
	}
	fits := len(item) == len(t.dims)
	for i := 0; fits && i < len(item); i++ {
		if item[i] == -1 {
			return invalid("All input dimensions should be specified for input '%s' for model '%s', got %s", t.name, m.name, dims(in.Shape))
		}
		fits = t.dims[i] == -1 || t.dims[i] == item[i]
	}
	if !fits {
		note := ""
		if m.batches() {
			note = batchNote
		}
		return invalid("unexpected shape for input '%s' for model '%s'. Expected %s, got %s. %s",
			t.name, m.name, dims(m.withBatch(t.dims)), dims(in.Shape), note)
	}
	elements := count(in.Shape)
	if elements < 0 {
		return invalid("invalid shape %s for input '%s' for model '%s'", dims(in.Shape), t.name, m.name)
	}
	if want := int(elements) * widths[t.datatype]; t.datatype != "BYTES" && size != want {
		return invalid("input byte size mismatch for input '%s' for model '%s'. Expected %d, got %d", t.name, m.name, want, size)
	}
	return nil
}
