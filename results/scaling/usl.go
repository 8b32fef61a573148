package scaling

import (
	"math"
	"slices"

	"tritonsweep/results"
)

// Law is the Universal Scalability Law fitted to throughput over instances:
//
//	X(n) = n X1 / (1 + sigma (n-1) + kappa n (n-1))
//
// (Gunther, "A Simple Capacity Model of Massively Parallel Transaction Systems",
// 1993; "Guerrilla Capacity Planning", 2007). Sigma is the share of the work that
// instances do one after another, kappa what each costs each other one.
type Law struct {
	Sigma results.Estimate `json:"sigma"`
	Kappa results.Estimate `json:"kappa"`
	// Peak is the number of instances with the highest throughput by the law;
	// absent where throughput grows without end (kappa 0). It may lie beyond
	// what was measured, and deserves less trust there.
	Peak *results.Estimate `json:"peak,omitempty"`
	// Most is the largest number of instances that was measured.
	Most int `json:"most"`
	// Speedup is the throughput at Most over that of one instance.
	Speedup results.Estimate `json:"speedup"`
}

// Fit fits the law to the throughputs of instance counts, which must hold 1 and
// at least two more. It returns nil otherwise.
func Fit(counts []int, throughput []results.Estimate, seed uint64) *Law {
	if len(counts) < 3 || len(counts) != len(throughput) || counts[0] != 1 || !slices.IsSorted(counts) {
		return nil
	}
	values := make([]float64, len(throughput))
	for i, e := range throughput {
		if !(e.Value > 0) {
			return nil
		}
		values[i] = e.Value
	}
	last := len(counts) - 1
	sigma, kappa := fit(counts, values)
	law := &Law{Most: counts[last]}
	var sigmas, kappas, speedups, peaks []float64
	for y := range drawn(throughput, seed) {
		s, k := fit(counts, y)
		sigmas, kappas, speedups = append(sigmas, s), append(kappas, k), append(speedups, y[last]/y[0])
		if p := peak(s, k); !math.IsInf(p, 1) {
			peaks = append(peaks, p)
		}
	}
	law.Sigma, law.Kappa = around(sigma, sigmas), around(kappa, kappas)
	law.Speedup = around(values[last]/values[0], speedups)
	// A peak that a good part of the draws does not show is not known.
	if p := peak(sigma, kappa); !math.IsInf(p, 1) && float64(len(peaks)) >= 0.95*draws {
		e := around(p, peaks)
		law.Peak = &e
	}
	return law
}

// fit solves the law for sigma and kappa: n X1/X(n) - 1 is linear in both, and
// least squares with neither below zero has three cases.
func fit(counts []int, x []float64) (sigma, kappa float64) {
	var aa, ab, bb, ay, by float64
	for i, count := range counts {
		n := float64(count)
		a, b, y := n-1, n*(n-1), n*x[0]/x[i]-1
		aa, ab, bb, ay, by = aa+a*a, ab+a*b, bb+b*b, ay+a*y, by+b*y
	}
	if det := aa*bb - ab*ab; det > 0 {
		sigma, kappa = (bb*ay-ab*by)/det, (aa*by-ab*ay)/det
	}
	switch {
	case sigma >= 0 && kappa >= 0:
		return sigma, kappa
	case kappa < 0:
		return max(0, ay/aa), 0
	}
	return 0, max(0, by/bb)
}

func peak(sigma, kappa float64) float64 {
	if kappa <= 0 {
		return math.Inf(1)
	}
	return math.Sqrt(max(0, 1-sigma) / kappa)
}

func around(value float64, drawn []float64) results.Estimate {
	slices.Sort(drawn)
	low, high := middle95(drawn)
	return results.Estimate{Value: value, Low: min(value, low), High: max(value, high)}
}
