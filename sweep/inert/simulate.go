package inert

import (
	"math"
	"slices"
	"time"

	"tritonsweep/sweep"
	"tritonsweep/sweep/batcher"
)

// How much is simulated: enough for every caller to come around many times, and
// under several draws of what is random, so that a coincidence does not repeat.
const (
	seeds       = 2
	turns       = 24
	leastSample = 240
	mostSample  = 2400
)

// Figures that agree this closely, beside equal batches, are the same.
const (
	sameThroughput = 0.01
	sameLatency    = 0.02
)

// likeBySimulation compares the batches of both settings under the same random
// numbers. Settings that differ in their instances are never taken for alike
// here: what instances do to each other on a device is the part of the
// simulation that is trusted least.
func (v *view) likeBySimulation(o *view) string {
	if v.finder.model.Service == nil || v.load.Arrivals == sweep.Recorded || v.config.Instances != o.config.Instances {
		return ""
	}
	mine, theirs := v.simulated(), o.simulated()
	if len(mine) == 0 || len(theirs) == 0 {
		return ""
	}
	for i := range mine {
		if !agree(mine[i], theirs[i]) {
			return ""
		}
	}
	switch {
	case mine[0].MeanBatch <= float64(max(1, v.load.BatchSize)):
		return "average batch 1: no two requests share a batch in the simulation of either"
	case v.config.Delay != o.config.Delay && slices.Equal(v.config.Preferred, o.config.Preferred):
		return "the delay never ends: batches are full, or of a preferred size, before; the simulated batches of both agree"
	}
	return "the simulated batches of both agree, one by one"
}

// A slow front end, or a busy machine, takes about this long for each request:
// batches that agree only while requests arrive close together do not agree.
const (
	slowRequest = 150 * time.Microsecond
	slowByte    = 0.6 // nanoseconds: 3 ms for an image of 4.9 MB
)

func (v *view) timing(slow bool) batcher.Timing {
	t := batcher.DefaultTiming()
	if slow {
		mean := slowRequest + time.Duration(slowByte*float64(v.finder.model.ItemBytes*int64(max(1, v.load.BatchSize))))
		t.FrontEnd = batcher.Lag{Min: mean / 2, Mean: mean}
	}
	return t
}

func agree(a, b batcher.ModelResult) bool {
	return slices.Equal(a.Trace, b.Trace) &&
		near(a.Throughput, b.Throughput, sameThroughput) &&
		near(a.Latency.P50.Seconds(), b.Latency.P50.Seconds(), sameLatency) &&
		near(a.Latency.P95.Seconds(), b.Latency.P95.Seconds(), sameLatency)
}

func near(a, b, tolerance float64) bool {
	return math.Abs(a-b) <= tolerance*math.Max(math.Abs(a), math.Abs(b))
}

// simulated runs the scheduler, once, or returns nothing where it cannot.
func (v *view) simulated() []batcher.ModelResult {
	if v.runs != nil || v.failed {
		return v.runs
	}
	requests := min(max(leastSample, turns*v.load.Concurrency), mostSample)
	if v.load.Open() {
		requests = mostSample
	}
	for seed := range 2 * seeds {
		scenario := batcher.Scenario{
			Models: []batcher.Model{{
				Name: "m", Config: v.config, Service: *v.finder.model.Service,
				Load: batcher.Load{
					Callers: v.load.Concurrency, Rate: v.load.Rate, Constant: v.load.Arrivals == sweep.Constant,
					Batch: v.load.BatchSize, Jitter: 5 * time.Millisecond,
				},
			}},
			Timing: v.timing(seed%2 == 1), Seed: uint64(seed/2 + 1),
			Warmup: requests / 4, Requests: requests, Trace: true,
		}
		r, err := v.finder.sim.Run(&scenario)
		if err != nil || !r.Models[0].Complete {
			v.runs, v.failed = nil, true
			return nil
		}
		v.runs = append(v.runs, r.Models[0])
	}
	return v.runs
}
