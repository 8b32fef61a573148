package tritonsim

import (
	"errors"
	"fmt"
	"slices"

	"tritonsweep/internal/tritonpb"
)

// The functions here refuse a completed config as Triton does, in its words.

// checkConfig holds the rules that Triton tests while it reads the repository.
func checkConfig(c *tritonpb.ModelConfig, directory string) error {
	if c.Name != directory {
		return fmt.Errorf("unexpected directory name '%s' for model '%s', directory name must equal model name", directory, c.Name)
	}
	if c.MaxBatchSize < 0 {
		return fmt.Errorf("'max_batch_size' must be non-negative value for %s", c.Name)
	}
	if c.Backend == "" && c.GetEnsembleScheduling() == nil {
		return fmt.Errorf("Invalid model name: Could not determine backend for model '%s' with no backend in model configuration. "+
			"Expected model name of the form 'model.<backend_name>'.", c.Name)
	}
	if b := c.GetDynamicBatching(); b != nil {
		if err := checkBatching(c, b); err != nil {
			return err
		}
	}
	return checkTensors(c)
}

func checkBatching(c *tritonpb.ModelConfig, b *tritonpb.ModelDynamicBatching) error {
	for _, size := range b.PreferredBatchSize {
		if size <= 0 {
			return fmt.Errorf("dynamic batching preferred size must be positive for %s", c.Name)
		}
		if size > c.MaxBatchSize {
			return fmt.Errorf("dynamic batching preferred size must be <= max batch size for %s", c.Name)
		}
	}
	levels := b.PriorityLevels
	if levels > 0 {
		if b.DefaultPriorityLevel == 0 || b.DefaultPriorityLevel > levels {
			return fmt.Errorf("default priority level must be in range [1, %d] for %s", levels, c.Name)
		}
		for level := range b.PriorityQueuePolicy {
			if level == 0 || uint64(level) > uint64(levels) {
				return fmt.Errorf("priority queue policy must have priority level in range [1, %d] for %s", levels, c.Name)
			}
		}
	}
	if !b.PreserveOrdering {
		return nil
	}
	if levels > 1 {
		return fmt.Errorf("Only one priority level is allowed when 'preserve_ordering' is true for %s", c.Name)
	}
	policies := []*tritonpb.ModelQueuePolicy{b.DefaultQueuePolicy}
	for _, p := range b.PriorityQueuePolicy {
		policies = append(policies, p)
	}
	for _, p := range policies {
		if p.GetDefaultTimeoutMicroseconds() != 0 && p.GetTimeoutAction() == tritonpb.ModelQueuePolicy_DELAY {
			return fmt.Errorf("Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for %s", c.Name)
		}
	}
	return nil
}

func checkTensors(c *tritonpb.ModelConfig) error {
	for _, in := range c.Input {
		if err := checkTensor("model input ", in.Name, in.DataType, in.Dims); err != nil {
			return err
		}
	}
	for _, out := range c.Output {
		if err := checkTensor("model output ", out.Name, out.DataType, out.Dims); err != nil {
			return err
		}
	}
	return nil
}

func checkTensor(kind, name string, datatype tritonpb.DataType, dims []int64) error {
	switch {
	case name == "":
		return errors.New(kind + "must specify 'name'")
	case datatype == tritonpb.DataType_TYPE_INVALID:
		return errors.New(kind + "must specify 'data_type'")
	case len(dims) == 0:
		return errors.New(kind + "must specify 'dims'")
	case slices.ContainsFunc(dims, func(d int64) bool { return d == 0 || d < -1 }):
		return errors.New(kind + "dimension must be integer >= 1, or -1 to indicate a variable-size dimension")
	}
	return nil
}

// known are the backends that can be simulated, whatever their models are.
var known = []string{
	"python", "tensorrt", "onnxruntime", "pytorch", "tensorflow", "openvino", "dali", "fil", "vllm", "identity", "square", "repeat",
}

// mostInstances of one model are simulated. The real server ends when it has no
// memory or no processes left, which are the machine's limits.
const mostInstances = 1000

// checkLoad holds the rules that Triton tests while it loads a model.
func checkLoad(c *tritonpb.ModelConfig, gpus int) error {
	switch {
	case c.GetSequenceBatching() != nil:
		return fmt.Errorf("model '%s' has a sequence batcher, which is not simulated", c.Name)
	case c.GetEnsembleScheduling() != nil:
		return fmt.Errorf("model '%s' is an ensemble, which is not simulated", c.Name)
	case c.GetModelTransactionPolicy().GetDecoupled():
		return fmt.Errorf("model '%s' is decoupled, which is not simulated", c.Name)
	case !slices.Contains(known, c.Backend):
		return fmt.Errorf("unable to find backend library for backend '%s', try specifying runtime on the model configuration.", c.Backend)
	}
	if n := instances(c); n > mostInstances {
		return fmt.Errorf("model '%s' has %d instances, more than the %d that are simulated", c.Name, n, mostInstances)
	}
	for _, g := range c.InstanceGroup {
		if err := checkGroup(c, g, gpus); err != nil {
			return err
		}
	}
	return nil
}

func checkGroup(c *tritonpb.ModelConfig, g *tritonpb.ModelInstanceGroup, gpus int) error {
	group := fmt.Sprintf("instance group %s of model %s", g.Name, c.Name)
	if g.Kind != tritonpb.ModelInstanceGroup_KIND_GPU {
		if len(g.Gpus) > 0 {
			return fmt.Errorf("%s has kind %s but specifies one or more GPUs", group, g.Kind)
		}
		return nil
	}
	if len(g.Gpus) == 0 {
		return fmt.Errorf("%s has kind KIND_GPU but no GPUs are available", group)
	}
	for _, id := range g.Gpus {
		if id < 0 || int(id) >= gpus {
			return fmt.Errorf("%s specifies invalid or unsupported gpu id %d", group, id)
		}
	}
	return nil
}
