package tritonsim

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"tritonsweep/internal/tritonpb"
)

// complete fills in what Triton fills in when it loads a config, so that the
// server reports what the real one would. The directory's name is the model's.
func complete(given *tritonpb.ModelConfig, directory, modelFile string, gpus int) *tritonpb.ModelConfig {
	c := proto.CloneOf(given)
	if c.Name == "" {
		c.Name = directory
	}
	completeBackend(c, modelFile)
	if c.VersionPolicy == nil {
		c.VersionPolicy = &tritonpb.ModelVersionPolicy{PolicyChoice: &tritonpb.ModelVersionPolicy_Latest_{
			Latest: &tritonpb.ModelVersionPolicy_Latest{NumVersions: 1},
		}}
	}
	if c.Optimization == nil {
		c.Optimization = &tritonpb.ModelOptimizationPolicy{}
	}
	if c.Optimization.InputPinnedMemory == nil {
		c.Optimization.InputPinnedMemory = &tritonpb.ModelOptimizationPolicy_PinnedMemoryBuffer{Enable: true}
	}
	if c.Optimization.OutputPinnedMemory == nil {
		c.Optimization.OutputPinnedMemory = &tritonpb.ModelOptimizationPolicy_PinnedMemoryBuffer{Enable: true}
	}
	if b := c.GetDynamicBatching(); b != nil && len(b.PreferredBatchSize) == 0 {
		b.PreferredBatchSize = []int32{max(1, c.MaxBatchSize)}
	}
	if c.GetEnsembleScheduling() == nil {
		completeGroups(c, gpus)
	}
	return c
}

// backends maps the usual model files to the backends that take them.
var backends = []struct{ file, backend string }{
	{"model.py", "python"}, {"model.plan", "tensorrt"}, {"model.onnx", "onnxruntime"},
	{"model.pt", "pytorch"}, {"model.xml", "openvino"},
}

var platforms = map[string]string{
	"tensorrt_plan": "tensorrt", "onnxruntime_onnx": "onnxruntime", "pytorch_libtorch": "pytorch",
	"tensorflow_graphdef": "tensorflow", "tensorflow_savedmodel": "tensorflow", "openvino": "openvino",
}

func completeBackend(c *tritonpb.ModelConfig, modelFile string) {
	if c.Backend == "" {
		c.Backend = platforms[c.Platform]
	}
	for _, b := range backends {
		if c.Backend == "" && modelFile == b.file {
			c.Backend = b.backend
		}
		if c.Backend == b.backend && c.DefaultModelFilename == "" {
			c.DefaultModelFilename = b.file
		}
	}
}

func completeGroups(c *tritonpb.ModelConfig, gpus int) {
	if len(c.InstanceGroup) == 0 {
		c.InstanceGroup = []*tritonpb.ModelInstanceGroup{{Name: c.Name}}
	}
	for i, g := range c.InstanceGroup {
		if g.Name == "" {
			g.Name = fmt.Sprintf("%s_%d", c.Name, i)
		}
		if g.Kind == tritonpb.ModelInstanceGroup_KIND_AUTO {
			g.Kind = tritonpb.ModelInstanceGroup_KIND_CPU
			if gpus > 0 {
				g.Kind = tritonpb.ModelInstanceGroup_KIND_GPU
			}
		}
		if g.Kind == tritonpb.ModelInstanceGroup_KIND_GPU && len(g.Gpus) == 0 {
			for id := range gpus {
				g.Gpus = append(g.Gpus, int32(id))
			}
		}
		if g.Count < 1 {
			g.Count = defaultCount(c, g)
		}
	}
}

// defaultCount is 1, but 2 for the backends that ask for it on a CPU.
func defaultCount(c *tritonpb.ModelConfig, g *tritonpb.ModelInstanceGroup) int32 {
	if g.Count == 0 && g.Kind == tritonpb.ModelInstanceGroup_KIND_CPU && (c.Backend == "onnxruntime" || c.Backend == "tensorflow") {
		return 2
	}
	return 1
}

// instances counts the instances of all groups on all their devices.
func instances(c *tritonpb.ModelConfig) int {
	n := 0
	for _, g := range c.InstanceGroup {
		if !g.Passive {
			n += int(g.Count) * max(1, len(g.Gpus))
		}
	}
	return n
}
