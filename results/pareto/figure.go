package pareto

import (
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"tritonsweep/results/stats"
)

// Figure is one figure of one candidate, such as its throughput: the interval
// that each round measured, by the number of the round.
type Figure map[int]stats.Interval

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

// EstimateNoise returns how much equal server starts differ, from figures that
// were measured in several rounds: whatever the settings, the rounds of one
// candidate are starts of one config, so all candidates teach something about
// the machine. What each round's own interval explains already is taken off.
// prior stands for what was known before; without a repeated round it is
// returned as it is. Pooling follows Smyth (2004), as stats.Combine does.
func EstimateNoise(figures []Figure, prior stats.Noise) stats.Noise {
	var excess, df float64
	for _, f := range figures {
		if len(f) < 2 {
			continue
		}
		var logs []float64
		var mean, within float64
		for _, round := range slices.Sorted(maps.Keys(f)) {
			i := f[round]
			if !(i.Low > 0 && i.Value > 0 && i.High > 0) {
				continue
			}
			logs = append(logs, math.Log(i.Value))
			mean += math.Log(i.Value)
			half := math.Log(i.High/i.Low) / 2
			within += half * half / (z95 * z95)
		}
		k := float64(len(logs))
		if k < 2 {
			continue
		}
		mean, within = mean/k, within/k
		for _, v := range logs {
			excess += (v - mean) * (v - mean)
		}
		excess -= (k - 1) * within
		df += k - 1
	}
	if df == 0 {
		return prior
	}
	variance := (prior.DF*prior.SD*prior.SD + max(0, excess)) / (prior.DF + df)
	return stats.Noise{SD: math.Sqrt(variance), DF: prior.DF + df}
}

const z95 = 1.959963984540054

// Floor is the relative difference below which two settings are not told
// apart: what two runs of one config differ by in one case of twenty.
func Floor(noise stats.Noise) float64 { return z95 * math.Sqrt2 * noise.SD }

// significant reports whether r is a real change when it is one of so many
// comparisons: its interval is widened (Bonferroni), because the largest of
// many differences is large by luck alone.
func significant(r stats.Ratio, comparisons int, floor float64) bool {
	if !(r.Value > 0 && r.Low > 0) {
		return false
	}
	wide := r
	factor := widening(r.DF, comparisons)
	wide.Low = r.Value * math.Pow(r.Low/r.Value, factor)
	wide.High = r.Value * math.Pow(r.High/r.Value, factor)
	return wide.Significant(floor)
}

func widening(df float64, comparisons int) float64 {
	if comparisons <= 1 {
		return 1
	}
	tail := 0.025 / float64(comparisons)
	if math.IsInf(df, 1) || df > 1e6 || !(df > 0) {
		return distuv.UnitNormal.Quantile(1-tail) / z95
	}
	t := distuv.StudentsT{Sigma: 1, Nu: df}
	return t.Quantile(1-tail) / t.Quantile(0.975)
}
