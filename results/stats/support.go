package stats

import "math"

// MinimumRequests returns the smallest number of independent requests from which
// the p-quantile may be reported: so many that, with 99 % confidence, at least
// two lie beyond it. It is 11 for p50, 64 for p90, 130 for p95, 662 for p99,
// 6,636 for p99.9, the rule of MLPerf's LoadGen (Reddi et al., "MLPerf Inference
// Benchmark", ISCA 2020). Below it the upper end of a 95 % interval would be the
// sample's maximum or nothing at all (that limit is 368 for p99), and the
// "p99" of a sample is about its maximum.
//
// Requests of one run depend on each other: a caller multiplies by the design
// effect, as QuantileInterval does. It returns 0 for p outside (0, 1).
func MinimumRequests(p float64) int64 {
	beyond := min(p, 1-p)
	if !(beyond > 0) {
		return 0
	}
	low, high := int64(2), int64(2)
	for !twoBeyond(high, beyond) {
		low, high = high, 2*high
	}
	for low < high {
		if middle := low + (high-low)/2; twoBeyond(middle, beyond) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return high
}

// twoBeyond reports whether at least two of n values fall in a tail of the given
// probability with 99 % confidence: P(Binomial(n, tail) <= 1) <= 0.01.
func twoBeyond(n int64, tail float64) bool {
	count := float64(n)
	none := math.Exp(count * math.Log1p(-tail))
	one := count * tail * math.Exp((count-1)*math.Log1p(-tail))
	return none+one <= 0.01
}
