package pareto

import (
	"maps"
	"math"
	"slices"

	"tritonsweep/results"
	"tritonsweep/results/stats"
)

// Figure is one figure of one candidate, such as its throughput: the interval
// that each round measured, by the number of the round.
type Figure map[int]stats.Interval

// Put adds what a round measured, if it measured anything.
func (f Figure) Put(round int, e *results.Estimate) {
	if e != nil && e.Value > 0 {
		f[round] = stats.Interval(*e)
	}
}

// Estimate returns an interval as records and reports hold it; nil where nothing was
// measured.
func Estimate(i stats.Interval) *results.Estimate {
	if !(i.Value > 0) {
		return nil
	}
	e := results.Estimate(i)
	return &e
}

// Combined joins the rounds.
func (f Figure) Combined(noise stats.Noise) stats.Combined {
	return stats.Combine(f.rounds(slices.Sorted(maps.Keys(f))), noise)
}

// RatioTo returns f divided by base. Where the two have rounds in common only
// these are compared, since a drift of the machine moved both alike.
func (f Figure) RatioTo(base Figure, noise stats.Noise) stats.Ratio {
	var common []int
	for _, round := range slices.Sorted(maps.Keys(f)) {
		if _, ok := base[round]; ok {
			common = append(common, round)
		}
	}
	if len(common) > 0 {
		return stats.RatioInterval(base.rounds(common), f.rounds(common), noise)
	}
	return stats.RatioInterval(
		base.rounds(slices.Sorted(maps.Keys(base))), f.rounds(slices.Sorted(maps.Keys(f))), noise)
}

func (f Figure) rounds(numbers []int) []stats.Interval {
	intervals := make([]stats.Interval, 0, len(numbers))
	for _, n := range numbers {
		intervals = append(intervals, f[n])
	}
	return intervals
}

// Starts returns the rounds with their times, and false where one is not known.
func (f Figure) Starts(at map[int]float64) ([]stats.Start, bool) {
	starts := make([]stats.Start, 0, len(f))
	for _, round := range slices.Sorted(maps.Keys(f)) {
		when, ok := at[round]
		if !ok {
			return nil, false
		}
		starts = append(starts, stats.Start{Interval: f[round], At: when})
	}
	return starts, len(starts) > 0
}

// EstimateNoise returns how much equal server starts differ, from figures that
// were measured in several rounds: whatever the settings, the rounds of one
// candidate are starts of one config, so all candidates teach something about
// the machine. prior stands for what was known before.
func EstimateNoise(figures []Figure, prior stats.Noise) stats.Noise {
	var blocks []stats.Block
	for _, f := range figures {
		blocks = append(blocks, stats.Block{f})
	}
	return stats.BlockNoise(blocks, prior)
}

const z95 = 1.959963984540054

// Floor is the relative difference below which two settings that were started
// once are not told apart: what two runs of one config differ by in one case of
// twenty.
func Floor(noise stats.Noise) float64 { return z95 * math.Sqrt2 * noise.SD }

func (o Options) floor(noise stats.Noise, r stats.Ratio) float64 { return o.Floor(noise, r.Starts) }

// Floor is the relative difference below which two settings do not count as
// different that were started so many times each: what equal ones differ by in
// one case of twenty, and what the untouched config differed by from itself.
func (o Options) Floor(noise stats.Noise, starts int) float64 {
	return max(Floor(noise)/math.Sqrt(float64(max(starts, 1))), o.Difference)
}

const (
	// figures is in how many figures a candidate may differ: throughput and a
	// latency, so there are twice as many occasions for luck (Bonferroni).
	figures = 2
	// shared is how much two comparisons with one control correlate; one half
	// where it was started as often as the candidates. It is started more often.
	shared = 0.4
)

// significant reports whether r is a real change when it is one of so many
// comparisons with one control: its interval is widened, because the largest of
// many differences is large by luck alone (Dunnett, 1955).
func significant(r stats.Ratio, comparisons int, floor float64) bool {
	if !(r.Value > 0 && r.Low > 0) {
		return false
	}
	wide := r
	factor := stats.DunnettCritical(comparisons, r.DF, shared, 0.05/figures) / stats.DunnettCritical(1, r.DF, shared, 0.05)
	wide.Low = r.Value * math.Pow(r.Low/r.Value, factor)
	wide.High = r.Value * math.Pow(r.High/r.Value, factor)
	return wide.Significant(floor)
}
