package tritonsim

import (
	"fmt"
	"slices"
	"strings"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/sweep/batcher"
)

// model is a loaded model: it serves one config until it is unloaded.
type model struct {
	name, version string
	config        *tritonpb.ModelConfig
	profile       *batcher.Profile
	scheduler     *scheduler
	stats         statistics
	inputs        []tensor
	outputs       []tensor
}

// tensor is one input or output as its config has it.
type tensor struct {
	name, datatype string
	dims           []int64
	optional       bool
}

// newModel makes a model serve. The engine must be locked.
func newModel(e *engine, f *found, variation float64) (*model, error) {
	m := &model{name: f.name, version: f.version, config: f.config, profile: f.profile}
	for _, in := range f.config.Input {
		m.inputs = append(m.inputs, tensor{in.Name, protocolName(in.DataType), in.Dims, in.Optional})
	}
	for _, out := range f.config.Output {
		m.outputs = append(m.outputs, tensor{out.Name, protocolName(out.DataType), out.Dims, false})
	}
	var err error
	if m.scheduler, err = newScheduler(e, schedule(f.config), f.profile.Service(variation)); err != nil {
		return nil, err
	}
	m.scheduler.scale = f.profile.Scale
	return m, nil
}

// credit says where the steps of an execution show in the statistics. Of a
// Python model Triton sees one call, and takes all of it for compute.
func (m *model) credit(b batch) batch {
	if m.config.Backend == "python" {
		b.input, b.compute, b.output = 0, b.input+b.compute+b.output, 0
	}
	return b
}

// platform is what the metadata call names so: the platform, else the backend.
func (m *model) platform() string {
	if m.config.Platform != "" {
		return m.config.Platform
	}
	return m.config.Backend
}

func (m *model) metadata() *service.ModelMetadataResponse {
	return &service.ModelMetadataResponse{
		Name: m.name, Versions: []string{m.version}, Platform: m.platform(),
		Inputs: m.describe(m.inputs), Outputs: m.describe(m.outputs),
	}
}

func (m *model) describe(tensors []tensor) []*service.ModelMetadataResponse_TensorMetadata {
	var all []*service.ModelMetadataResponse_TensorMetadata
	for _, t := range tensors {
		all = append(all, &service.ModelMetadataResponse_TensorMetadata{Name: t.name, Datatype: t.datatype, Shape: m.withBatch(t.dims)})
	}
	return all
}

func (m *model) batches() bool { return m.config.MaxBatchSize > 0 }

// withBatch returns dims as clients see them.
func (m *model) withBatch(dims []int64) []int64 {
	if m.batches() {
		return append([]int64{-1}, dims...)
	}
	return slices.Clone(dims)
}

func (m *model) input(name string) (tensor, bool) {
	i := slices.IndexFunc(m.inputs, func(t tensor) bool { return t.name == name })
	if i < 0 {
		return tensor{}, false
	}
	return m.inputs[i], true
}

// answer makes the outputs for a checked request.
func (m *model) answer(r *request, c checked) ([]output, error) {
	var outputs []output
	for _, t := range m.outputs {
		if len(r.head.Outputs) > 0 && !slices.ContainsFunc(r.head.Outputs, func(o *service.ModelInferRequest_InferRequestedOutputTensor) bool {
			return o.Name == t.name
		}) {
			continue
		}
		o := output{name: t.name, datatype: t.datatype}
		item := outputItem(t.dims, c.item)
		if item == nil {
			return nil, fmt.Errorf("output %s: %v does not follow from an input %v", t.name, t.dims, c.item)
		}
		if m.batches() {
			item = append([]int64{int64(c.items)}, item...)
		}
		o.shape = item
		for _, f := range c.firsts[:max(1, min(c.items, len(c.firsts)))] {
			o.firsts = append(o.firsts, f.convert(c.datatype, t.datatype))
		}
		outputs = append(outputs, o)
	}
	return outputs, nil
}

// outputItem returns the shape of an item of an output. A -1 in the config
// means: as many as the first input has there, or, when it comes first, one for
// each 8 columns of it. Nil says that neither can be.
func outputItem(dims, input []int64) []int64 {
	item := slices.Clone(dims)
	for i, d := range dims {
		switch {
		case d != -1:
		case i == 0 && len(input) > 0:
			item[i] = max(1, input[len(input)-1]/8)
		case len(dims) == len(input):
			item[i] = input[i]
		default:
			return nil
		}
	}
	return item
}

// quoted lists names as Triton does: 'a','b'.
func quoted(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "'" + strings.Join(names, "','") + "'"
}
