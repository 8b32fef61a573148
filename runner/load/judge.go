package load

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"tritonsweep/results/histogram"
	"tritonsweep/results/stats"
)

// judgement is what a view of the window allows to say.
type judgement struct {
	throughput stats.Mean // requests a second; valid when known
	mean       stats.Mean // milliseconds; valid when known
	known      bool
	quantile   stats.Quantile
	gap        stats.Gap
	inGap      bool
	drift      string  // what moves, and how much; empty in steady state
	restless   bool    // it may move: too much so to stop early
	transient  bool    // it moved at the window's beginning only
	width      float64 // the widest relative half-width that decides
}

// judge looks at a window. Precision and drift are those of what decides:
// throughput, and the chosen quantile with the mean latency for it. The
// throughput of an open loop is what was asked for, and decides nothing: there
// the mean latency stands for it.
func (s Spec) judge(v view) judgement {
	j := judgement{width: math.Inf(1)}
	var okMean bool
	j.throughput, j.known = stats.ThroughputInterval(v.bins.counts, v.bins.width.Seconds())
	j.mean, okMean = stats.MeanInterval(v.bins.sums, v.bins.counts)
	j.known = j.known && okMean
	switch {
	case j.known && s.Load.Open() && s.Quantile > 0:
		j.width = 0
	case j.known && s.Load.Open():
		j.width = j.mean.Relative()
	case j.known:
		j.width = j.throughput.Relative()
	}
	if s.Quantile > 0 {
		room := cmp.Or(v.room, new(stats.Room))
		j.quantile = room.QuantileInterval(s.Quantile, v.batches)
		if j.quantile.Missing > 0 {
			j.width = math.Inf(1)
		} else {
			j.width = max(j.width, j.quantile.Relative())
			j.gap, j.inGap = stats.FindGap(j.quantile, room.Sum(v.batches))
		}
	}
	s.drift(&j, v.bins)
	return j
}

// enough reports whether the intervals are as narrow as asked. The quotient makes
// up for judging by the estimate instead of the truth (Law and Kelton,
// "Simulation Modeling and Analysis", section 9.4.1).
func (s Spec) enough(j judgement) bool {
	return j.known && j.width <= s.Precision/(1+s.Precision)
}

// leastDrift is what a drift must amount to over the window before it matters.
const leastDrift = 0.03

// restlessLevel is how probable, without a trend, the order may be that keeps a
// window from ending early. A short window shows a trend seldom beyond doubt, and
// each look at it is a chance to miss it; to go on costs little.
const restlessLevel = 0.1

// drift looks for a trend or a step in throughput and mean latency. A drift is
// transient when what is left after truncation is steady: the warm-up was longer
// than thought, and a new window would be better. On a machine that others use
// things drift all the time, and a new window would be no better.
func (s Spec) drift(j *judgement, bins series) {
	matters := max(s.Precision, leastDrift)
	courses := map[string][]float64{}
	if !s.Load.Open() {
		courses["throughput"] = bins.counts
	}
	if latencies, ok := bins.latencies(); ok {
		courses["latency"] = latencies
	}
	passes := true
	for _, name := range []string{"throughput", "latency"} {
		if courses[name] == nil {
			continue
		}
		text, hint := moves(name, courses[name], matters)
		j.restless = j.restless || hint
		if text == "" {
			continue
		}
		j.drift = cmp.Or(j.drift, text)
		discard, settled := stats.MSER5(courses[name])
		if passes = passes && settled && discard > 0; passes {
			rest, _ := moves(name, courses[name][discard:], matters)
			passes = rest == ""
		}
	}
	j.transient = passes && j.drift != ""
}

// moves says how a series moves, empty when it does not, and whether there is as
// much as a hint that it does.
func moves(what string, values []float64, matters float64) (text string, hint bool) {
	t := stats.FindTrend(stats.BatchAverages(values, 20))
	if t.Drifts(matters, stats.DriftLevel) {
		return fmt.Sprintf("%s drifts by %+.1f %% over the window", what, 100*t.Change), true
	}
	hint = t.Drifts(matters, restlessLevel)
	// A step late in the window is no trend, but truncation wants to cut at it.
	if _, settled := stats.MSER5(values); settled || len(values) < 40 {
		return "", hint
	}
	halves := stats.BatchAverages(values, 2)
	change := halves[1]/halves[0] - 1
	if math.Abs(change) > matters {
		return fmt.Sprintf("%s changes by %+.1f %% in the second half of the window", what, 100*change), true
	}
	return "", hint
}

// warmed reports whether a warm-up that lasted so long, with so many requests of
// at least least, may end.
func (s Spec) warmed(elapsed time.Duration, requests, least int64, warm series) bool {
	return elapsed >= s.Warmup && requests >= least && settled(warm)
}

// settled reports whether the warm-up series shows no transient any more: what
// truncation would cut off is at most a quarter of it. What decays is then a
// small part of what it was, and the window, which begins later still, holds
// nearly none of it.
func settled(warm series) bool {
	if !decayed(warm.counts) {
		return false
	}
	latencies, dense := warm.latencies()
	return !dense || decayed(latencies) // too few answers for a course of latency: counts must do
}

func decayed(values []float64) bool {
	discard, ok := stats.MSER5(values)
	return ok && 4*discard <= len(values)
}

// quantiles returns p50, p90, p95 and p99 with their intervals.
func quantiles(batches []*histogram.Histogram) []stats.Quantile {
	var out []stats.Quantile
	var room stats.Room
	for _, p := range []float64{0.50, 0.90, 0.95, 0.99} {
		out = append(out, room.QuantileInterval(p, batches))
	}
	return out
}
