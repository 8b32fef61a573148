package scaling

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
)

// draws is how often a curve is drawn anew: enough for 95 % intervals.
const draws = 400

// Place is where on a curve something happens, with a 95 % interval of load.
// Both ends of the interval are measured loads.
type Place struct {
	Load float64 `json:"load"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Probability is the share of draws in which it happens at all: a curve may
	// still rise at its end, or show no knee.
	Probability float64 `json:"probability"`
}

// Saturation returns the first load from which on throughput is at least share
// of the highest; nil where the curve still rises at its end.
func Saturation(load []float64, throughput []results.Estimate, share float64, seed uint64) *Place {
	return locate(load, throughput, seed, func(y []float64) (int, bool) { return pareto.Saturation(y, share) })
}

// Knee returns the load at which more load stops paying; nil where the curve has
// no knee.
func Knee(load []float64, throughput []results.Estimate, seed uint64) *Place {
	return locate(load, throughput, seed, func(y []float64) (int, bool) { return pareto.Knee(load, y) })
}

func locate(load []float64, throughput []results.Estimate, seed uint64, find func([]float64) (int, bool)) *Place {
	if len(load) != len(throughput) {
		return nil
	}
	values := make([]float64, len(throughput))
	for i, e := range throughput {
		values[i] = e.Value
	}
	at, ok := find(values)
	if !ok {
		return nil
	}
	var found []float64
	for y := range drawn(throughput, seed) {
		if i, ok := find(y); ok {
			found = append(found, load[i])
		}
	}
	p := &Place{Load: load[at], Low: load[at], High: load[at], Probability: float64(len(found)) / draws}
	if len(found) > 0 {
		slices.Sort(found)
		low, high := middle95(found)
		p.Low, p.High = min(p.Load, low), max(p.Load, high)
	}
	return p
}

// drawn yields the figures drawn anew from their intervals, independently. The
// intervals are multiplicative: a logarithmic normal keeps figures positive.
func drawn(figures []results.Estimate, seed uint64) func(func([]float64) bool) {
	random := rand.New(rand.NewPCG(seed, 0x7363616c65))
	return func(yield func([]float64) bool) {
		y := make([]float64, len(figures))
		for range draws {
			for i, e := range figures {
				y[i] = e.Value
				if e.Low > 0 && e.High > e.Low {
					sigma := (math.Log(e.High) - math.Log(e.Low)) / (2 * normal975)
					y[i] = e.Value * math.Exp(sigma*random.NormFloat64())
				}
			}
			if !yield(y) {
				return
			}
		}
	}
}

var normal975 = distuv.UnitNormal.Quantile(0.975)

// middle95 returns the ends of the middle 95 % of sorted values.
func middle95(sorted []float64) (low, high float64) {
	n := float64(len(sorted) - 1)
	return sorted[int(math.Floor(0.025*n))], sorted[int(math.Ceil(0.975*n))]
}
