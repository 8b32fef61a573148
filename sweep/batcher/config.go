package batcher

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Config is what the scheduling rules need to know of a model's configuration.
type Config struct {
	// MaxBatch is max_batch_size, in items. 0 means that the model does not batch.
	MaxBatch int
	// Dynamic says that the config has a dynamic_batching block. Without one
	// every request is executed by itself (R0) and most fields below are idle.
	Dynamic bool
	// Delay is max_queue_delay_microseconds.
	Delay time.Duration
	// Preferred is preferred_batch_size. Empty means {MaxBatch}, as Triton completes it.
	Preferred []int
	// Instances counts the model's instances over all groups and devices.
	// Below 1 it is taken as 1, as Triton does.
	Instances int
	// PreserveOrdering is preserve_ordering: responses leave in the order in
	// which requests entered batches.
	PreserveOrdering bool
	// PriorityLevels is priority_levels; 0 means that there is one queue.
	PriorityLevels int
	// DefaultPriority is default_priority_level, 1..PriorityLevels: the level
	// of requests that name none or an unknown one.
	DefaultPriority int
	// Policy is default_queue_policy.
	Policy QueuePolicy
	// Policies is priority_queue_policy: it takes Policy's place for the levels it names.
	Policies map[int]QueuePolicy
	// VariableShape says that an input has a dimension of -1 and is not marked
	// allow_ragged_batch, or that there is a shape tensor: only requests of
	// one shape share a batch, and every arrival wakes the batcher.
	VariableShape bool
	// DeviceBlocking says that one thread feeds all instances in rotation
	// (R12), as TensorRT's backend does on a GPU by default.
	DeviceBlocking bool
	// Rules are departures from the rules of releases 24.10 to 26.06.
	Rules Rules
}

// QueuePolicy limits how many requests of a level wait, and for how long.
type QueuePolicy struct {
	// Timeout is default_timeout_microseconds; 0 means none.
	Timeout time.Duration
	// DelayExpired is timeout_action DELAY: expired requests go behind the
	// others of their level instead of being refused.
	DelayExpired bool
	// AllowOverride is allow_timeout_override: a request may shorten Timeout,
	// never lengthen it, and where Timeout is 0 it has no effect.
	AllowOverride bool
	// MaxSize is max_queue_size, in requests; 0 means no limit.
	MaxSize int
}

// Rules name what a release, or a repaired server, does differently. The zero
// value is Triton 2.51 (24.10).
type Rules struct {
	// NotifyParked repairs the lost wake-up (R13): an instance that asks for
	// work tells the batcher so.
	NotifyParked bool
	// CountMerges repairs the count of parked instances, which every merge
	// (R6) otherwise lowers for good.
	CountMerges bool
	// OrderAtCompletion makes preserve_ordering idle: the place of a response
	// is taken when it is complete (releases 25.09 to 26.06).
	OrderAtCompletion bool
	// NoTopUp closes a payload as soon as it is in PQ (no R5).
	NoTopUp bool
	// NoMerge lets an instance take one payload only (no R6).
	NoMerge bool
}

// ErrConfig is wrapped by every refusal of a Config, Scenario or Profile.
var ErrConfig = errors.New("impossible configuration")

// maxLevels bounds the memory that a config can ask for; real ones have 2 to 10.
const maxLevels = 1024

// Validate reports the first reason why Triton would not run c.
func (c *Config) Validate() error {
	switch {
	case c.MaxBatch < 0:
		return fmt.Errorf("%w: max_batch_size %d is negative", ErrConfig, c.MaxBatch)
	case c.Dynamic && c.MaxBatch == 0:
		return fmt.Errorf("%w: dynamic_batching needs max_batch_size of at least 1", ErrConfig)
	case c.Delay < 0:
		return fmt.Errorf("%w: max_queue_delay_microseconds is negative", ErrConfig)
	case c.PriorityLevels < 0 || c.PriorityLevels > maxLevels:
		return fmt.Errorf("%w: priority_levels %d is not in 0..%d", ErrConfig, c.PriorityLevels, maxLevels)
	case c.PriorityLevels > 0 && (c.DefaultPriority < 1 || c.DefaultPriority > c.PriorityLevels):
		return fmt.Errorf("%w: default_priority_level %d is not in 1..%d", ErrConfig, c.DefaultPriority, c.PriorityLevels)
	}
	for _, size := range c.Preferred {
		if size < 1 {
			return fmt.Errorf("%w: preferred_batch_size %d must be positive", ErrConfig, size)
		}
		if c.Dynamic && size > c.MaxBatch {
			return fmt.Errorf("%w: preferred_batch_size %d must be <= max_batch_size %d", ErrConfig, size, c.MaxBatch)
		}
	}
	for level, policy := range c.Policies {
		if level < 1 || level > c.PriorityLevels {
			return fmt.Errorf("%w: priority_queue_policy for level %d of %d", ErrConfig, level, c.PriorityLevels)
		}
		if err := policy.validate(); err != nil {
			return fmt.Errorf("level %d: %w", level, err)
		}
	}
	return c.Policy.validate()
}

func (p QueuePolicy) validate() error {
	if p.Timeout < 0 || p.MaxSize < 0 {
		return fmt.Errorf("%w: a queue policy's timeout and max_queue_size must not be negative", ErrConfig)
	}
	return nil
}

// Prefetch reports whether payloads are made ahead of parked instances (R2).
// Priorities, or any limit in the default policy, turn that off silently and
// open the door to lost wake-ups (R13).
func (c *Config) Prefetch() bool {
	return c.PriorityLevels == 0 && c.Policy.Timeout == 0 && !c.Policy.AllowOverride && c.Policy.MaxSize == 0
}

// preferredSizes returns the sorted set S, which is never empty.
func (c *Config) preferredSizes(buf []int) []int {
	buf = append(buf[:0], c.Preferred...)
	if len(buf) == 0 {
		buf = append(buf, max(1, c.MaxBatch))
	}
	slices.Sort(buf)
	return slices.Compact(buf)
}
