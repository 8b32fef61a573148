package load

import (
	"fmt"
	"slices"
	"strings"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/internal/tritonpb/service"
)

// Model is what a request must carry and what an answer must look like.
type Model struct {
	Name    string
	Version string // empty: the server chooses
	// MaxBatch is max_batch_size. With 0 the model takes no batch dimension, and
	// a request holds one item.
	MaxBatch int
	Inputs   []Tensor
	Outputs  []Tensor
}

// Tensor describes one input or output.
type Tensor struct {
	Name     string
	Datatype string // as the inference protocol spells it: FP32, INT64, BYTES, ...
	// Shape is that of one item, without the batch dimension; -1 is a
	// dimension that varies.
	Shape []int64
	// Optional inputs are sent only when the data holds them.
	Optional bool
}

// NewModel joins what the server says about a model: the metadata name the
// tensors, the config says whether there is a batch dimension and which inputs
// are optional.
func NewModel(metadata *service.ModelMetadataResponse, config *tritonpb.ModelConfig) (Model, error) {
	m := Model{Name: metadata.GetName(), MaxBatch: int(config.GetMaxBatchSize())}
	if m.Name == "" {
		return Model{}, fmt.Errorf("the server's metadata name no model")
	}
	optional := map[string]bool{}
	for _, input := range config.GetInput() {
		optional[input.GetName()] = input.GetOptional()
	}
	var err error
	if m.Inputs, err = m.tensors("input", metadata.GetInputs()); err != nil {
		return Model{}, err
	}
	if m.Outputs, err = m.tensors("output", metadata.GetOutputs()); err != nil {
		return Model{}, err
	}
	if len(m.Inputs) == 0 {
		return Model{}, fmt.Errorf("model %s has no inputs", m.Name)
	}
	for i := range m.Inputs {
		m.Inputs[i].Optional = optional[m.Inputs[i].Name]
	}
	return m, nil
}

// mostTensors is more than any model has; a server that names more is wrong.
const mostTensors = 1000

// tensors drops the batch dimension, which metadata show as a leading -1.
func (m Model) tensors(kind string, described []*service.ModelMetadataResponse_TensorMetadata) ([]Tensor, error) {
	if len(described) > mostTensors {
		return nil, fmt.Errorf("model %s is said to have %d %ss (hint: at most %d make sense)", m.Name, len(described), kind, mostTensors)
	}
	out := make([]Tensor, 0, len(described))
	for _, d := range described {
		t := Tensor{Name: d.GetName(), Datatype: d.GetDatatype(), Shape: slices.Clone(d.GetShape())}
		if _, known := datatypes[t.Datatype]; !known {
			return nil, fmt.Errorf("%s %q of model %s has the unknown datatype %q", kind, t.Name, m.Name, t.Datatype)
		}
		if m.MaxBatch > 0 {
			if len(t.Shape) == 0 {
				return nil, fmt.Errorf("%s %q of model %s has no batch dimension, though max_batch_size is %d", kind, t.Name, m.Name, m.MaxBatch)
			}
			t.Shape = t.Shape[1:]
		}
		out = append(out, t)
	}
	return out, nil
}

// input returns the input of a name.
func (m Model) input(name string) (Tensor, bool) {
	i := slices.IndexFunc(m.Inputs, func(t Tensor) bool { return t.Name == name })
	if i < 0 {
		return Tensor{}, false
	}
	return m.Inputs[i], true
}

// inputNames lists the inputs for a hint.
func (m Model) inputNames() string {
	names := make([]string, len(m.Inputs))
	for i, t := range m.Inputs {
		names[i] = t.Name
	}
	return strings.Join(names, ", ")
}

// accept returns nil when a concrete item shape fits the tensor.
func (t Tensor) accept(shape []int64) error {
	if !matches(shape, t.Shape) {
		return fmt.Errorf("shape %v does not fit %s %v of input %q", shape, t.Datatype, t.Shape, t.Name)
	}
	return nil
}

// matches reports whether a shape is concrete and one of a pattern's, in which -1
// stands for any dimension.
func matches(shape, pattern []int64) bool {
	return slices.EqualFunc(shape, pattern, func(d, want int64) bool { return d >= 0 && (want == -1 || d == want) })
}

// bytes returns the size of a concrete shape, or -1 when it is not fixed: a
// dimension varies, or the elements do.
func (t Tensor) bytes(shape []int64) int64 {
	width := int64(datatypes[t.Datatype])
	n, ok := elements(shape)
	if width == 0 || !ok {
		return -1
	}
	return n * width
}

// mostElements keeps every product of dimensions, times 8 bytes, far from overflow.
const mostElements = 1 << 40

// elements multiplies dimensions; ok is false when one is negative or the
// product is absurd.
func elements(shape []int64) (n int64, ok bool) {
	n = 1
	for _, d := range shape {
		if d < 0 || (d > 0 && n > mostElements/d) {
			return 0, false
		}
		n *= d
	}
	return n, true
}
