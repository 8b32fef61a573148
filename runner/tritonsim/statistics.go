package tritonsim

import (
	"maps"
	"slices"
	"time"

	"tritonsweep/internal/tritonpb/service"
)

// tally counts events and sums their durations.
type tally struct {
	count uint64
	time  time.Duration
}

func (t *tally) add(n int, each time.Duration) {
	t.count += uint64(n)
	t.time += time.Duration(n) * each
}

func (t tally) message() *service.StatisticDuration {
	return &service.StatisticDuration{Count: t.count, Ns: uint64(t.time)}
}

// statistics are the counters that one model's statistics call reports. A new
// config begins at zero. The engine's lock guards them.
type statistics struct {
	last                   time.Time
	inferences, executions uint64
	success, fail, queue   tally
	input, infer, output   tally // as credited to requests
	batches                map[int]*batchTally
}

// batchTally are the executions of one size; each counts once.
type batchTally struct{ input, infer, output tally }

// add counts one execution and its requests.
func (s *statistics) add(b batch) {
	s.executions++
	s.last = time.Now()
	if s.batches == nil {
		s.batches = map[int]*batchTally{}
	}
	size := s.batches[b.items]
	if size == nil {
		size = new(batchTally)
		s.batches[b.items] = size
	}
	size.input.add(1, b.input)
	size.infer.add(1, b.compute)
	size.output.add(1, b.output+b.tail)
	for _, r := range b.requests {
		s.inferences += uint64(r.items)
		s.success.add(1, r.total)
		s.queue.add(1, r.queue)
	}
	s.input.add(len(b.requests), b.input)
	s.infer.add(len(b.requests), b.compute)
	s.output.add(len(b.requests), b.output+b.tail)
}

func (s *statistics) message(name, version string) *service.ModelStatistics {
	m := &service.ModelStatistics{
		Name: name, Version: version, InferenceCount: s.inferences, ExecutionCount: s.executions,
		InferenceStats: &service.InferStatistics{
			Success: s.success.message(), Fail: s.fail.message(), Queue: s.queue.message(),
			ComputeInput: s.input.message(), ComputeInfer: s.infer.message(), ComputeOutput: s.output.message(),
			CacheHit: tally{}.message(), CacheMiss: tally{}.message(),
		},
	}
	if !s.last.IsZero() {
		m.LastInference = uint64(s.last.UnixMilli())
	}
	for _, size := range slices.Sorted(maps.Keys(s.batches)) {
		b := s.batches[size]
		m.BatchStats = append(m.BatchStats, &service.InferBatchStatistics{
			BatchSize:    uint64(size),
			ComputeInput: b.input.message(), ComputeInfer: b.infer.message(), ComputeOutput: b.output.message(),
		})
	}
	return m
}

// counters are the figures of the metrics page. They outlive a reload, and end
// with an unload. The engine's lock guards them.
type counters struct {
	statistics
	failures map[string]uint64 // by reason
}

// The reasons of nv_inference_request_failure.
const (
	rejected = "REJECTED"
	canceled = "CANCELED"
	backend  = "BACKEND"
	other    = "OTHER"
)

func (c *counters) fail(reason string) {
	if c.failures == nil {
		c.failures = map[string]uint64{}
	}
	c.failures[reason]++
}
