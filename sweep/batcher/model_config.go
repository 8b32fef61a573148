package batcher

import (
	"math"
	"slices"
	"time"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/tritonconfig"
)

// ConfigOf returns the part of a model's configuration that the scheduler
// follows. gpus is the number of GPUs of the server, which multiplies an
// instance group of kind GPU (or AUTO, where there are any) that names none.
//
// Values out of range are taken as they are: Validate names them.
func ConfigOf(mc *tritonpb.ModelConfig, gpus int) Config {
	c := Config{
		MaxBatch:  int(mc.GetMaxBatchSize()),
		Instances: instancesOf(mc.GetInstanceGroup(), gpus),
	}
	d := mc.GetDynamicBatching()
	if d == nil {
		return c
	}
	c.Dynamic = true
	c.Delay = microseconds(d.GetMaxQueueDelayMicroseconds())
	for _, size := range d.GetPreferredBatchSize() {
		c.Preferred = append(c.Preferred, int(size))
	}
	c.PreserveOrdering = d.GetPreserveOrdering()
	c.PriorityLevels = int(min(d.GetPriorityLevels(), math.MaxInt32))
	c.DefaultPriority = int(min(d.GetDefaultPriorityLevel(), math.MaxInt32))
	c.Policy = policyOf(d.GetDefaultQueuePolicy())
	for level, policy := range d.GetPriorityQueuePolicy() {
		if c.Policies == nil {
			c.Policies = map[int]QueuePolicy{}
		}
		c.Policies[int(min(level, math.MaxInt32))] = policyOf(policy)
	}
	c.VariableShape = slices.ContainsFunc(mc.GetInput(), enforcesShape)
	return c
}

// With returns c with the values that s sets in place of its own. A delay or
// preferred sizes bring dynamic batching with them, as an edit of the file does.
func (c Config) With(s tritonconfig.Settings) Config {
	if s.MaxQueueDelay != nil {
		c.Dynamic, c.Delay = true, microseconds(*s.MaxQueueDelay)
	}
	if s.PreferredBatchSizes != nil {
		c.Dynamic, c.Preferred = true, s.PreferredBatchSizes
	}
	if s.InstanceCount != nil {
		c.Instances = *s.InstanceCount
	}
	if s.MaxBatchSize != nil {
		c.MaxBatch = *s.MaxBatchSize
	}
	return c
}

// instancesOf counts instances as Triton makes them: a count below 1 is 1, and
// every GPU of a group has as many.
func instancesOf(groups []*tritonpb.ModelInstanceGroup, gpus int) int {
	total := 0
	for _, g := range groups {
		devices := 1
		switch g.GetKind() {
		case tritonpb.ModelInstanceGroup_KIND_GPU, tritonpb.ModelInstanceGroup_KIND_AUTO:
			if devices = len(g.GetGpus()); devices == 0 {
				devices = gpus
			}
		}
		total += max(1, int(g.GetCount())) * max(1, devices)
	}
	return max(1, total)
}

func policyOf(p *tritonpb.ModelQueuePolicy) QueuePolicy {
	return QueuePolicy{
		Timeout:       microseconds(p.GetDefaultTimeoutMicroseconds()),
		DelayExpired:  p.GetTimeoutAction() == tritonpb.ModelQueuePolicy_DELAY,
		AllowOverride: p.GetAllowTimeoutOverride(),
		MaxSize:       int(p.GetMaxQueueSize()),
	}
}

// enforcesShape reports whether requests that differ in this input cannot
// share a batch.
func enforcesShape(in *tritonpb.ModelInput) bool {
	return in.GetIsShapeTensor() || (!in.GetAllowRaggedBatch() && slices.Contains(in.GetDims(), -1))
}

// endless is longer than any run and far from overflow: Triton accepts delays
// of up to 2^64-1 microseconds.
const endless = 100 * 365 * 24 * time.Hour

func microseconds(us uint64) time.Duration {
	if us > uint64(endless/time.Microsecond) {
		return endless
	}
	return time.Duration(us) * time.Microsecond
}
