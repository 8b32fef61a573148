package report

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
	"tritonsweep/results/stats"
	"tritonsweep/sweep"
)

// mostSelfDifference is how much the untouched config may differ from itself
// before a machine is too noisy for a recommendation.
const mostSelfDifference = 0.05

// noise learns from all rounds how much equal starts differ: one block for each
// load, the finals apart, since their rounds are others.
func (a *analysis) noise() {
	var throughput, latency []stats.Block
	for _, groups := range a.blocks() {
		var t, l stats.Block
		for _, g := range groups {
			t, l = append(t, g.throughput), append(l, g.latency[a.model.Objective])
		}
		throughput, latency = append(throughput, t), append(latency, l)
	}
	a.opts = pareto.Options{
		Objective:  a.model.Objective,
		Throughput: stats.BlockNoise(throughput, stats.DefaultNoise),
		Latency:    stats.BlockNoise(latency, stats.DefaultNoise),
	}
	n := &a.model.Noise
	n.SelfDifference, n.SelfPairs = a.selfDifference()
	n.TooNoisy = n.SelfDifference > mostSelfDifference
	a.opts.Difference = n.SelfDifference
	n.Throughput, n.Latency = a.opts.Throughput.SD, a.opts.Latency.SD
	n.ThroughputFloor = a.opts.Floor(a.opts.Throughput, a.starts())
	n.LatencyFloor = a.opts.Floor(a.opts.Latency, a.starts())
	n.Measured = a.opts.Throughput.DF > stats.DefaultNoise.DF
}

// blocks returns the groups by load, those of the finals apart.
func (a *analysis) blocks() [][]*group {
	type key struct {
		load  sweep.Load
		final bool
	}
	at := map[key]int{}
	var blocks [][]*group
	for _, g := range slices.Concat(a.points, a.control, a.finals) {
		k := key{g.point.Load, g.point.Final}
		i, known := at[k]
		if !known {
			i = len(blocks)
			at[k], blocks = i, append(blocks, nil)
		}
		blocks[i] = append(blocks[i], g)
	}
	return blocks
}

// starts is how often the points were started that the advice rests on.
func (a *analysis) starts() int {
	if len(a.fresh) > 0 && a.run.Plan.Finals != nil {
		return a.run.Plan.Finals.Rounds
	}
	return a.run.Plan.Rounds
}

// selfDifference is the A/A measurement: by how much the untouched config differed
// from itself, over all loads, and how many pairs of starts say so. The figure is
// throughput; of an open loop, whose throughput is what was offered, the mean
// latency.
func (a *analysis) selfDifference() (difference float64, pairs int) {
	var squares float64
	for _, g := range slices.Concat(a.base, a.freshBase) {
		figure := g.throughput
		if g.point.Load.Open() {
			figure = g.mean
		}
		starts, _ := figure.Starts(g.at)
		d, n := stats.SelfDifference(starts)
		squares += d * d * float64(n)
		pairs += n
	}
	if pairs == 0 {
		return 0, 0
	}
	return math.Sqrt(squares / float64(pairs)), pairs
}

// Floors returns by model how much the untouched config differed from itself, for
// the run to remember.
func (r *Report) Floors() map[string]results.Floor {
	floors := map[string]results.Floor{}
	for _, m := range r.Models {
		if m.Noise.SelfPairs > 0 {
			floors[m.Name] = results.Floor{Difference: m.Noise.SelfDifference, Pairs: m.Noise.SelfPairs}
		}
	}
	return floors
}

// TooNoisy returns the floors of the models that are too noisy for a recommendation.
func (r *Report) TooNoisy() map[string]results.Floor {
	floors := r.Floors()
	maps.DeleteFunc(floors, func(_ string, f results.Floor) bool { return f.Difference <= mostSelfDifference })
	return floors
}

// refusal is what stands in the place of advice on a machine that is too noisy.
func (a *analysis) refusal() Recommendation {
	n := a.model.Noise
	return Recommendation{
		Action: pareto.None, Limit: pareto.Unlimited,
		Headline: "No recommendation: this machine is too noisy.",
		Detail: fmt.Sprintf("The current settings differed from themselves by %s from one start to the next (%s), and more than %s hides what settings do.",
			percent(n.SelfDifference), plural(n.SelfPairs, "pair")+" of starts", percent(mostSelfDifference)),
		Reason: "something else uses the machine, or it changes its speed (hint: end it and sweep again, or --force for a recommendation all the same)",
	}
}
