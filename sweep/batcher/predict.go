package batcher

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// SimulateAll runs n scenarios on the given number of goroutines and returns
// their results by index. It stops at the first scenario that is refused, and
// when ctx ends; the error says which, or is ctx's.
func SimulateAll(ctx context.Context, n, workers int, scenario func(i int) Scenario) ([]Result, error) {
	results := make([]Result, n)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	for range max(1, min(workers, n)) {
		group.Go(func() {
			var sim Simulator
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				sc := scenario(i)
				r, err := sim.Run(&sc)
				if err != nil {
					cancel(fmt.Errorf("scenario %d: %w", i, err))
					return
				}
				results[i] = r
			}
		})
	}
	group.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return results, nil
}

// Range is the spread of a figure over several simulations of one scenario.
type Range struct{ Low, Median, High float64 }

// Prediction sums up one model's results over several seeds.
type Prediction struct {
	Name string
	// Throughput is in items a second, the latencies are in seconds.
	Throughput, P50, P95, P99 Range
	// MeanBatch is in items.
	MeanBatch Range
	// Modes are the two throughputs between which runs are divided, the lower
	// first, when a closed loop can lock into more than one phase: one run of
	// the real server is one draw of them, so the point is to be measured. It
	// is nil when all runs agree.
	Modes []float64
}

// modeGap is the relative distance from which two groups of runs are called
// modes. Runs of one mode differ by 1 to 2 %.
const modeGap = 0.05

// Predict simulates sc with seeds different seeds, from sc.Seed upwards, and
// sums up each model's results.
func (s *Simulator) Predict(ctx context.Context, sc Scenario, seeds int) ([]Prediction, error) {
	figures := make([][]ModelResult, len(sc.Models))
	for range max(1, seeds) {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("simulating: %w", err)
		}
		r, err := s.Run(&sc)
		if err != nil {
			return nil, err
		}
		for i, m := range r.Models {
			figures[i] = append(figures[i], m)
		}
		sc.Seed++
	}
	predictions := make([]Prediction, len(figures))
	for i, runs := range figures {
		predictions[i] = summarise(runs)
	}
	return predictions, nil
}

func summarise(runs []ModelResult) Prediction {
	of := func(figure func(*ModelResult) float64) []float64 {
		values := make([]float64, len(runs))
		for i := range runs {
			values[i] = figure(&runs[i])
		}
		slices.Sort(values)
		return values
	}
	seconds := func(figure func(*Latency) time.Duration) Range {
		return rangeOf(of(func(r *ModelResult) float64 { return figure(&r.Latency).Seconds() }))
	}
	throughput := of(func(r *ModelResult) float64 { return r.Throughput })
	return Prediction{
		Name:       runs[0].Name,
		Throughput: rangeOf(throughput),
		P50:        seconds(func(l *Latency) time.Duration { return l.P50 }),
		P95:        seconds(func(l *Latency) time.Duration { return l.P95 }),
		P99:        seconds(func(l *Latency) time.Duration { return l.P99 }),
		MeanBatch:  rangeOf(of(func(r *ModelResult) float64 { return r.MeanBatch })),
		Modes:      modes(throughput),
	}
}

// rangeOf returns the spread of sorted values.
func rangeOf(sorted []float64) Range {
	return Range{sorted[0], middle(sorted), sorted[len(sorted)-1]}
}

func middle(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Modes divides the throughputs of several runs at their widest gap, if it is
// wide enough to be one between phases, and returns the middle of each side.
func Modes(throughputs []float64) []float64 {
	sorted := slices.Sorted(slices.Values(throughputs))
	return modes(sorted)
}

// modes divides sorted values at their widest gap, if it is wide enough.
func modes(sorted []float64) []float64 {
	at, widest := 0, modeGap
	for i := 1; i < len(sorted); i++ {
		if gap := (sorted[i] - sorted[i-1]) / sorted[i]; sorted[i] > 0 && gap > widest {
			at, widest = i, gap
		}
	}
	if at == 0 {
		return nil
	}
	return []float64{middle(sorted[:at]), middle(sorted[at:])}
}
