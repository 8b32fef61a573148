package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Ratio is how a figure changed from one setting to another: 1.05 is 5 % more.
type Ratio struct {
	Interval
	// Paired reports whether rounds were compared one by one.
	Paired bool
	DF     float64
	// Starts is how many starts the side with fewer of them was measured in.
	Starts int
}

// RatioInterval returns other/base, each given by its intervals of one figure,
// one per round; base[i] and other[i] belong to the same round. On logarithms a
// ratio is a difference, and slow drift that moves both cancels when a round's
// two figures are subtracted first. That is done (Paired) with at least three
// complete rounds whose figures correlate above one half, beyond chance (p below
// 0.05), where it lowers the variance; otherwise the two sides are combined on their own and compared by
// Welch, "The generalization of 'Student's' problem when several different
// population variances are involved" (Biometrika, 1947). Kalibera and Jones,
// "Rigorous benchmarking in reasonable time" (ISMM 2013) argue for the ratio with
// its interval as the thing to report.
//
// Even a single round on each side carries the prior's noise between starts: two
// starts of the same setting differ too. It returns the zero value when a side
// is empty or a figure is not positive.
func RatioInterval(base, other []Interval, prior Noise) Ratio {
	a, okA := logarithms(base)
	b, okB := logarithms(other)
	if !okA || !okB {
		return Ratio{}
	}
	if moveTogether(a, b) {
		differences := make(estimates, len(a))
		for i := range a {
			differences[i] = estimate{b[i].log - a[i].log, a[i].variance + b[i].variance}
		}
		s := differences.summary(Noise{SD: prior.SD * math.Sqrt2, DF: prior.DF})
		return Ratio{Interval: s.interval(), Paired: true, DF: s.df, Starts: len(a)}
	}
	sa, sb := a.summary(prior), b.summary(prior)
	va, vb := sa.se*sa.se, sb.se*sb.se
	s := summary{
		mean: sb.mean - sa.mean,
		se:   math.Sqrt(va + vb),
		df:   satterthwaite([]float64{va, vb}, []float64{sa.df, sb.df}),
	}
	return Ratio{Interval: s.interval(), DF: s.df, Starts: min(len(a), len(b))}
}

// Significant reports whether the change is real: the interval excludes 1 and
// the change is larger than floor, a fraction below which differences are
// called noise (2.8 times the standard deviation of an A/A measurement: 1.96 for
// 95 %, times the square root of 2 for a difference).
func (r Ratio) Significant(floor float64) bool {
	if !(r.Value > 0) || r.Contains(1) {
		return false
	}
	return math.Abs(math.Log(r.Value)) > math.Log1p(max(floor, 0))
}

// moveTogether reports whether pairing pays. The test against chance keeps equal
// settings from being paired just when their difference is small by luck.
func moveTogether(a, b estimates) bool {
	if len(a) != len(b) || len(a) < 3 {
		return false
	}
	r := correlation(a, b)
	if r <= 0.5 {
		return false
	}
	df := float64(len(a) - 2)
	t := r * math.Sqrt(df/max(1-r*r, 1e-12))
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}.Survival(t) < 0.05
}

// correlation returns Pearson's between the logarithms of paired rounds.
func correlation(a, b estimates) float64 {
	var meanA, meanB float64
	for i := range a {
		meanA += a[i].log / float64(len(a))
		meanB += b[i].log / float64(len(b))
	}
	var ab, aa, bb float64
	for i := range a {
		x, y := a[i].log-meanA, b[i].log-meanB
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}
