package triton

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"tritonsweep/internal/tritonpb/service"
)

// Stats is one reading of a model's statistics, cumulative since it was loaded.
type Stats struct {
	Model string
	// Version is the one the figures belong to: the highest loaded, which
	// requests without a version go to.
	Version       string
	LastInference time.Time // zero before the first
	Counters
}

// Counters are sums over a model's requests and executions.
type Counters struct {
	Inferences uint64 // items: a request of batch 4 counts 4
	Executions uint64 // batches executed

	// Requests by outcome, with the time from arrival to answer.
	Success, Fail Tally
	// Queue is the waiting time, one for each request.
	Queue Tally
	// Compute times as credited to requests: a batch's time once for each of
	// its requests. For service times use Batches.
	ComputeInput, ComputeInfer, ComputeOutput Tally
	CacheHit, CacheMiss                       Tally
	// Batches holds the executions by batch size, ascending.
	Batches []Batch
}

// Tally counts events and sums their durations.
type Tally struct {
	Count uint64
	Time  time.Duration
}

// Mean is the mean duration, and false without an event.
func (t Tally) Mean() (time.Duration, bool) {
	if t.Count == 0 {
		return 0, false
	}
	return time.Duration(float64(t.Time) / float64(t.Count)), true
}

// Batch are the executions of one batch size. Each execution counts once.
type Batch struct {
	Size                                      int
	ComputeInput, ComputeInfer, ComputeOutput Tally
}

// Delta is what happened between two readings.
type Delta struct{ Counters }

// AverageBatch is items per execution, and false without an execution.
func (c Counters) AverageBatch() (float64, bool) {
	if c.Executions == 0 {
		return 0, false
	}
	return float64(c.Inferences) / float64(c.Executions), true
}

// Statistics reads the model's counters. It wraps ErrUnknownModel or
// ErrUnavailable.
func (c *Client) Statistics(ctx context.Context, model string) (Stats, error) {
	ctx, cancel := context.WithTimeout(ctx, c.callTimeout)
	defer cancel()
	r, err := c.api.ModelStatistics(ctx, &service.ModelStatisticsRequest{Name: model}, limit())
	if err != nil {
		return Stats{}, c.fail(ctx, "reading the statistics", model, err)
	}
	mine := slices.DeleteFunc(slices.Clone(r.ModelStats), func(s *service.ModelStatistics) bool { return s.GetName() != model })
	if len(mine) == 0 {
		return Stats{}, fmt.Errorf("reading the statistics of model %s: %w: the server sent none", quoteName(model), ErrUnavailable)
	}
	return statsOf(slices.MaxFunc(mine, func(a, b *service.ModelStatistics) int {
		return compareVersions(a.GetVersion(), b.GetVersion())
	})), nil
}

// AllStatistics reads the counters of every version of every model. It wraps
// ErrUnavailable.
func (c *Client) AllStatistics(ctx context.Context) ([]Stats, error) {
	ctx, cancel := context.WithTimeout(ctx, c.callTimeout)
	defer cancel()
	r, err := c.api.ModelStatistics(ctx, &service.ModelStatisticsRequest{}, limit())
	if err != nil {
		return nil, c.fail(ctx, "reading the statistics", "", err)
	}
	var all []Stats
	for _, m := range r.ModelStats {
		if m.GetName() != "" { // else it is nobody's
			all = append(all, statsOf(m))
		}
	}
	return all, nil
}

// SettledStatistics reads the counters of a model that nobody asks any more.
// Triton counts a request after it has sent the answer, so a reading right
// after the last answer may lack it: this reads until two readings, settleFor
// apart, count the same requests, at most for settleMost. What it returns then
// is the last reading, whether or not it settled: other clients may be there.
func (c *Client) SettledStatistics(ctx context.Context, model string) (Stats, error) {
	last, err := c.Statistics(ctx, model)
	for waited := time.Duration(0); err == nil && waited < settleMost; waited += settleFor {
		select {
		case <-time.After(settleFor):
		case <-ctx.Done():
			return Stats{}, fmt.Errorf("reading the statistics of model %s: %w", quoteName(model), ctx.Err())
		}
		before := last
		if last, err = c.Statistics(ctx, model); err == nil && last.finished() == before.finished() {
			break
		}
	}
	return last, err
}

const (
	settleFor  = 50 * time.Millisecond
	settleMost = 2 * time.Second
)

// finished counts what is over, one way or the other.
func (c Counters) finished() uint64 { return c.Success.Count + c.Fail.Count + c.Executions }

// compareVersions orders as numbers: 10 is after 9.
func compareVersions(a, b string) int {
	x, errX := strconv.ParseUint(a, 10, 64)
	y, errY := strconv.ParseUint(b, 10, 64)
	if errX != nil || errY != nil {
		return cmp.Compare(a, b)
	}
	return cmp.Compare(x, y)
}

func statsOf(m *service.ModelStatistics) Stats {
	i := m.GetInferenceStats()
	s := Stats{Model: m.GetName(), Version: m.GetVersion(), Counters: Counters{
		Inferences: m.GetInferenceCount(), Executions: m.GetExecutionCount(),
		Success: tally(i.GetSuccess()), Fail: tally(i.GetFail()), Queue: tally(i.GetQueue()),
		ComputeInput: tally(i.GetComputeInput()), ComputeInfer: tally(i.GetComputeInfer()),
		ComputeOutput: tally(i.GetComputeOutput()),
		CacheHit:      tally(i.GetCacheHit()), CacheMiss: tally(i.GetCacheMiss()),
	}}
	if ms := m.GetLastInference(); ms != 0 {
		s.LastInference = time.UnixMilli(int64(ms))
	}
	for _, b := range m.GetBatchStats() {
		s.Batches = append(s.Batches, Batch{
			Size:         int(b.GetBatchSize()),
			ComputeInput: tally(b.GetComputeInput()), ComputeInfer: tally(b.GetComputeInfer()),
			ComputeOutput: tally(b.GetComputeOutput()),
		})
	}
	slices.SortFunc(s.Batches, func(a, b Batch) int { return a.Size - b.Size })
	return s
}

func tally(d *service.StatisticDuration) Tally {
	return Tally{Count: d.GetCount(), Time: time.Duration(d.GetNs())}
}

// Sub returns what happened since the earlier reading. When any counter fell
// or the version changed, the two readings do not belong together and it wraps
// ErrReset. A reset that was overtaken by new counts cannot be seen here: the
// container's start time tells.
func (s Stats) Sub(earlier Stats) (Delta, error) {
	if s.Model != earlier.Model || s.Version != earlier.Version {
		return Delta{}, fmt.Errorf("%w: model %s version %s became %s version %s", ErrReset,
			quoteName(earlier.Model), earlier.Version, quoteName(s.Model), s.Version)
	}
	d := difference{model: s.Model}
	a, b := s.Counters, earlier.Counters
	delta := Delta{Counters{
		Inferences:    d.count("inferences", a.Inferences, b.Inferences),
		Executions:    d.count("executions", a.Executions, b.Executions),
		Success:       d.tally("success", a.Success, b.Success),
		Fail:          d.tally("fail", a.Fail, b.Fail),
		Queue:         d.tally("queue", a.Queue, b.Queue),
		ComputeInput:  d.tally("compute_input", a.ComputeInput, b.ComputeInput),
		ComputeInfer:  d.tally("compute_infer", a.ComputeInfer, b.ComputeInfer),
		ComputeOutput: d.tally("compute_output", a.ComputeOutput, b.ComputeOutput),
		CacheHit:      d.tally("cache_hit", a.CacheHit, b.CacheHit),
		CacheMiss:     d.tally("cache_miss", a.CacheMiss, b.CacheMiss),
		Batches:       d.batches(a.Batches, b.Batches),
	}}
	if d.err != nil {
		return Delta{}, d.err
	}
	return delta, nil
}

// difference subtracts and remembers the first counter that fell.
type difference struct {
	model string
	err   error
}

func (d *difference) count(name string, now, before uint64) uint64 {
	if now < before {
		if d.err == nil {
			d.err = fmt.Errorf("%w: %s of model %s fell from %d to %d", ErrReset, name, quoteName(d.model), before, now)
		}
		return 0
	}
	return now - before
}

func (d *difference) tally(name string, now, before Tally) Tally {
	return Tally{
		Count: d.count(name+" count", now.Count, before.Count),
		Time:  time.Duration(d.count(name+" ns", uint64(now.Time), uint64(before.Time))),
	}
}

// batches leaves out the sizes that were not executed in between.
func (d *difference) batches(now, before []Batch) []Batch {
	earlier := map[int]Batch{}
	for _, b := range before {
		earlier[b.Size] = b
	}
	var list []Batch
	for _, b := range now {
		e, name := earlier[b.Size], fmt.Sprintf("batch %d ", b.Size)
		delete(earlier, b.Size)
		b.ComputeInput = d.tally(name+"compute_input", b.ComputeInput, e.ComputeInput)
		b.ComputeInfer = d.tally(name+"compute_infer", b.ComputeInfer, e.ComputeInfer)
		b.ComputeOutput = d.tally(name+"compute_output", b.ComputeOutput, e.ComputeOutput)
		if b.ComputeInfer.Count > 0 {
			list = append(list, b)
		}
	}
	for size, e := range earlier { // a size that is gone has fallen to nothing
		d.count(fmt.Sprintf("batch %d executions", size), 0, e.ComputeInfer.Count)
	}
	return list
}
