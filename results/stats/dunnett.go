package stats

import (
	"math"
	"sync"

	"gonum.org/v1/gonum/stat/distuv"
)

// DunnettCritical returns by how many standard errors one of m settings must
// differ from the control that all of them are compared with, so that with
// probability 1-alpha none of m equal ones does: the two-sided critical value of
// Dunnett, "A multiple comparison procedure for comparing several treatments
// with a control" (JASA, 1955). df is the degrees of freedom of the variance that
// all comparisons share, rho how much two of them correlate because of the
// control they share: one half where it was measured as often as each setting,
// less where more often.
//
// For m = 1 it is Student's quantile; for more it is smaller than Bonferroni's,
// because comparisons with one control err together.
func DunnettCritical(m int, df, rho, alpha float64) float64 {
	if !(df >= 1) {
		df = 1
	}
	if m <= 1 {
		return distuv.StudentsT{Sigma: 1, Nu: min(df, 1e6)}.Quantile(1 - alpha/2)
	}
	// Rounded down, which is the careful side, so that few values are computed.
	key := dunnettKey{m, math.Floor(min(df, 1000)), rho, alpha}
	if known, ok := dunnettKnown.Load(key); ok {
		return known.(float64)
	}
	low := distuv.StudentsT{Sigma: 1, Nu: key.df}.Quantile(1 - alpha/2)
	high := distuv.StudentsT{Sigma: 1, Nu: key.df}.Quantile(1 - alpha/2/float64(m)) // Bonferroni
	scales := chiScales(key.df)
	for high-low > 1e-4 {
		middle := (low + high) / 2
		if dunnettCoverage(middle, m, scales, rho) < 1-alpha {
			low = middle
		} else {
			high = middle
		}
	}
	dunnettKnown.Store(key, high)
	return high
}

// dunnettKey is what a critical value depends on; dunnettKnown remembers those
// that were computed, which changes nothing but the time.
type dunnettKey struct {
	m              int
	df, rho, alpha float64
}

var dunnettKnown sync.Map

// dunnettCoverage is the probability that all of m correlated t-statistics stay
// within d. Given the error of the control z and the ratio s of the estimated to
// the true standard deviation they are independent, so it is a double integral
// (Dunnett and Sobel, "Approximations to the probability integral and certain
// percentage points of a multivariate analogue of Student's t-distribution",
// Biometrika, 1955); here by the rectangle rule over quantiles of s, and over z.
func dunnettCoverage(d float64, m int, scales []float64, rho float64) float64 {
	const step, widest = 0.25, 6.0
	root, rest := math.Sqrt(rho), math.Sqrt(1-rho)
	var total float64
	for _, s := range scales {
		var inner float64
		for z := -widest; z <= widest; z += step {
			high, low := (root*z+d*s)/rest, (root*z-d*s)/rest
			inner += math.Pow(phi(high)-phi(low), float64(m)) * math.Exp(-z*z/2)
		}
		total += inner * step / math.Sqrt(2*math.Pi)
	}
	return total / float64(len(scales))
}

// chiScales returns 200 equally likely ratios of an estimated standard deviation
// on df degrees of freedom to the true one.
func chiScales(df float64) []float64 {
	scales := make([]float64, 200)
	chi := distuv.ChiSquared{K: df}
	for i := range scales {
		scales[i] = math.Sqrt(chi.Quantile((float64(i)+0.5)/float64(len(scales))) / df)
	}
	return scales
}

// phi is the distribution function of the standard normal distribution.
func phi(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

// SE returns the standard error of the logarithm of the ratio.
func (r Ratio) SE() float64 {
	if !(r.Low > 0 && r.High >= r.Low) {
		return math.NaN()
	}
	return math.Log(r.High/r.Low) / 2 / student(r.DF)
}
