package stats

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Start is what one start of the server measured of one figure, and when, in
// seconds of any clock that all starts share.
type Start struct {
	Interval
	At float64
}

// DriftRatio returns other/base, corrected for the drift of the machine: every
// start of other is compared with what the control (base) would have measured
// at that moment, interpolated in time between the starts of the control on
// either side (before the first and after the last of them the nearest one
// stands). It is the estimate that a randomised block design with a control in
// every block allows (Cochran and Cox, "Experimental Designs", 1957).
//
// On logarithms the estimate is linear: the mean of other's starts less a
// weighted mean of the control's, the weights being what the interpolations add
// up to. So its variance is exact although neighbouring starts of other share a
// control. Each start carries the variance that its own interval states and
// that between starts, which is noise's, known from all settings of the run.
// Where other scatters beyond that, and beyond chance (F test at 5 %), its own
// scatter counts.
//
// It returns the zero value when a side is empty or a figure is not positive.
func DriftRatio(base, other []Start, noise Noise) Ratio {
	base = slices.SortedFunc(slices.Values(base), func(a, b Start) int { return cmp.Compare(a.At, b.At) })
	control, okA := logarithms(intervals(base))
	treated, okB := logarithms(intervals(other))
	if !okA || !okB {
		return Ratio{}
	}
	k := float64(len(treated))
	weights := make([]float64, len(base))
	differences := make([]float64, len(treated))
	var mean, within float64
	for i, t := range treated {
		differences[i] = t.log
		for j, w := range weightsAt(base, other[i].At) {
			weights[j] += w / k
			differences[i] -= w * control[j].log
		}
		mean += differences[i] / k
		within += t.variance / (k * k)
	}
	var shared float64
	for j, w := range weights {
		within += w * w * control[j].variance
		shared += w * w
	}
	own := noise.unless(differences, mean)
	between := own.SD*own.SD/k + noise.SD*noise.SD*shared
	s := summary{mean: mean, se: math.Sqrt(within + between)}
	s.df = satterthwaite([]float64{within, between}, []float64{k * withinDF, max(own.DF, 1)})
	return Ratio{Interval: s.interval(), Paired: true, DF: s.df, Starts: min(len(base), len(other))}
}

// weightsAt returns the share of each start of base, sorted by time, in what
// base would have measured at a moment.
func weightsAt(base []Start, at float64) []float64 {
	weights := make([]float64, len(base))
	after, _ := slices.BinarySearchFunc(base, at, func(s Start, t float64) int { return cmp.Compare(s.At, t) })
	switch {
	case after == 0:
		weights[0] = 1
	case after == len(base):
		weights[after-1] = 1
	default:
		before := base[after-1].At
		share := (at - before) / (base[after].At - before)
		weights[after-1], weights[after] = 1-share, share
	}
	return weights
}

// unless returns the noise of one setting: n, unless the setting's own
// differences scatter beyond chance. A setting that changes from start to start,
// as one with two stable orbits does, must not borrow the calm of the others.
func (n Noise) unless(differences []float64, mean float64) Noise {
	df := float64(len(differences) - 1)
	if df < 1 || !(n.SD > 0) || !(n.DF > 0) {
		return n
	}
	var squares float64
	for _, d := range differences {
		squares += (d - mean) * (d - mean)
	}
	// A difference to a control holds the noise of at least half of one more start.
	if squares/df/(1.5*n.SD*n.SD) <= (distuv.F{D1: df, D2: n.DF}).Quantile(0.95) {
		return n
	}
	variance, degrees := n.moderate(squares, df)
	return Noise{SD: math.Sqrt(variance), DF: degrees}
}

func intervals(starts []Start) []Interval {
	out := make([]Interval, len(starts))
	for i, s := range starts {
		out[i] = s.Interval
	}
	return out
}

// SelfDifference returns by how much starts of one setting differ from the next
// one, beyond what their own intervals explain: the root mean square of the
// differences of neighbouring logarithms, about a relative difference, and how
// many there were. Neighbours, because a slow drift of the machine hardly moves
// them: the mean square successive difference of von Neumann, Kent, Bellinson and
// Hart (Annals of Mathematical Statistics, 1941). This is the A/A measurement: what
// the same thing measured twice differs by.
func SelfDifference(starts []Start) (difference float64, pairs int) {
	starts = slices.SortedFunc(slices.Values(starts), func(a, b Start) int { return cmp.Compare(a.At, b.At) })
	var squares float64
	for i := 1; i < len(starts); i++ {
		if e, ok := logarithms(intervals(starts[i-1 : i+1])); ok {
			squares += math.Pow(e[1].log-e[0].log, 2) - e[0].variance - e[1].variance
			pairs++
		}
	}
	if pairs == 0 {
		return 0, 0
	}
	return math.Sqrt(max(0, squares) / float64(pairs)), pairs
}
