package tritonsim

import (
	"math"
	"slices"
	"time"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/sweep/batcher"
)

// schedule says what the scheduler must know of a completed config.
func schedule(c *tritonpb.ModelConfig) batcher.Config {
	s := batcher.Config{
		MaxBatch: int(min(c.MaxBatchSize, mostItems)), Instances: instances(c),
		VariableShape:  slices.ContainsFunc(c.Input, varies),
		DeviceBlocking: c.Backend == "tensorrt" && onGPU(c),
	}
	b := c.GetDynamicBatching()
	if b == nil {
		return s
	}
	s.Dynamic = true
	s.Delay = microseconds(b.MaxQueueDelayMicroseconds)
	for _, size := range b.PreferredBatchSize {
		s.Preferred = append(s.Preferred, int(min(size, mostItems)))
	}
	s.PreserveOrdering = b.PreserveOrdering
	s.PriorityLevels = int(min(b.PriorityLevels, math.MaxInt32))
	s.DefaultPriority = int(min(b.DefaultPriorityLevel, math.MaxInt32))
	s.Policy = policy(b.DefaultQueuePolicy)
	for level, p := range b.PriorityQueuePolicy {
		if s.Policies == nil {
			s.Policies = map[int]batcher.QueuePolicy{}
		}
		s.Policies[int(level)] = policy(p)
	}
	return s
}

func onGPU(c *tritonpb.ModelConfig) bool {
	return slices.ContainsFunc(c.InstanceGroup, func(g *tritonpb.ModelInstanceGroup) bool {
		return g.Kind == tritonpb.ModelInstanceGroup_KIND_GPU
	})
}

func varies(in *tritonpb.ModelInput) bool {
	return in.IsShapeTensor || slices.Contains(in.Dims, -1) && !in.AllowRaggedBatch
}

func policy(p *tritonpb.ModelQueuePolicy) batcher.QueuePolicy {
	return batcher.QueuePolicy{
		Timeout:       microseconds(p.GetDefaultTimeoutMicroseconds()),
		DelayExpired:  p.GetTimeoutAction() == tritonpb.ModelQueuePolicy_DELAY,
		AllowOverride: p.GetAllowTimeoutOverride(),
		MaxSize:       int(p.GetMaxQueueSize()),
	}
}

// microseconds takes what is too long to be waited for as a year.
func microseconds(n uint64) time.Duration {
	const year = 365 * 24 * time.Hour
	return time.Duration(min(n, uint64(year/time.Microsecond))) * time.Microsecond
}
