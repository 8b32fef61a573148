package stats

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// mserGroup is the 5 of MSER-5: the series is averaged in groups of five first.
const mserGroup = 5

// MSER5 finds the end of the warm-up in a series of equally long bins (of
// completions, or of mean latency) and returns how many bins to discard. It
// minimises the squared standard error of what remains,
//
//	(n-d)^-2 * sum_{i>d} (Y_i - mean of Y_d+1..Y_n)^2,   0 <= d <= n/2,
//
// over the group means Y: cutting a transient shrinks the sum faster than the
// divisor, cutting good data does not.
//
// Settled is false when the minimum lies in the last quarter of the range that
// was searched, or when there are fewer than four groups: then the series has
// not shown a steady state and has to go on.
//
// White, "An effective truncation heuristic for bias reduction in simulation
// output" (Simulation, 1997); Spratt, "An evaluation of contemporary heuristics
// for the startup problem" (1998) for the groups of five; Hoad, Robinson and
// Davies, "Automating warm-up length estimation" (2010) for the test.
func MSER5(series []float64) (discard int, settled bool) {
	groups := groupMeans(series, mserGroup)
	n := len(groups)
	if n < 4 {
		return 0, false
	}
	// From the end, the sums of every tail in one pass. Deviations from the
	// overall mean keep the squares small.
	origin := mean(groups)
	var sum, squares float64
	best, at := math.Inf(1), 0
	for d := n - 1; d >= 0; d-- {
		y := groups[d] - origin
		sum += y
		squares += y * y
		if d > n/2 {
			continue
		}
		rest := float64(n - d)
		if z := (squares - sum*sum/rest) / (rest * rest); z <= best {
			best, at = z, d
		}
	}
	return at * mserGroup, 8*at <= 3*n
}

// groupMeans returns the means of adjacent groups of size values; what does not
// fill a group is dropped from the front, where the warm-up is.
func groupMeans(series []float64, size int) []float64 {
	groups := make([]float64, 0, len(series)/size)
	for rest := series[len(series)%size:]; len(rest) > 0; rest = rest[size:] {
		groups = append(groups, mean(rest[:size]))
	}
	return groups
}

func mean(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// Trend is how a series moves from its first value to its last.
type Trend struct {
	// P is the two-sided probability of so much order in a series without a trend.
	P float64
	// Change is the typical slope times the length, as a fraction of the median.
	Change float64
}

// DriftLevel is below which P a trend is beyond chance.
const DriftLevel = 0.01

// Drifts reports whether the series moves: beyond chance, with P below level, and
// by more than the fraction that matters. Both are asked, because a long run finds
// any speck significant, and a short one any wobble large.
func (t Trend) Drifts(matters, level float64) bool {
	return t.P < level && math.Abs(t.Change) > matters
}

// FindTrend tests a series of batch means for a trend by the Mann-Kendall test
// with the correction for ties, and measures it by the Theil-Sen slope. The
// values should be nearly independent: give it 10 to 40 batches, not raw bins.
// With fewer than eight values P is 1.
//
// Mann, "Nonparametric tests against trend" (Econometrica, 1945); Kendall, "Rank
// Correlation Methods" (1975); Sen, "Estimates of the regression coefficient
// based on Kendall's tau" (JASA, 1968).
func FindTrend(series []float64) Trend {
	n := len(series)
	if n < 8 {
		return Trend{P: 1}
	}
	score := 0
	slopes := make([]float64, 0, n*(n-1)/2)
	for i := range series {
		for j := i + 1; j < n; j++ {
			rise := series[j] - series[i]
			switch {
			case rise > 0:
				score++
			case rise < 0:
				score--
			}
			slopes = append(slopes, rise/float64(j-i))
		}
	}
	t := Trend{P: kendallP(score, series)}
	if middle := median(series); middle > 0 {
		t.Change = median(slopes) * float64(n-1) / middle
	}
	return t
}

// kendallP returns the two-sided normal approximation with continuity correction.
func kendallP(score int, series []float64) float64 {
	n := float64(len(series))
	variance := n * (n - 1) * (2*n + 5)
	sorted := slices.Sorted(slices.Values(series))
	for i := 0; i < len(sorted); {
		j := i
		for j < len(sorted) && sorted[j] == sorted[i] {
			j++
		}
		ties := float64(j - i)
		variance -= ties * (ties - 1) * (2*ties + 5)
		i = j
	}
	if variance <= 0 || score == 0 {
		return 1
	}
	z := (math.Abs(float64(score)) - 1) / math.Sqrt(variance/18)
	return 2 * distuv.UnitNormal.Survival(z)
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}
