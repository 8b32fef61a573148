package prediction

import (
	"math"
	"slices"

	"tritonsweep/sweep/batcher"
)

// forecast sums up simulations under the best calibration and under draws.
func forecast(best, draws []batcher.Result, spread float64) Forecast {
	all := slices.Concat(best, draws)
	of := func(figure func(*batcher.ModelResult) float64) Estimate {
		return estimate(values(all, figure), spread)
	}
	return Forecast{
		scatter:    scatter(values(all, throughput)),
		Throughput: of(throughput),
		P50:        of(func(m *batcher.ModelResult) float64 { return m.Latency.P50.Seconds() }),
		P95:        of(p95),
		P99:        of(func(m *batcher.ModelResult) float64 { return m.Latency.P99.Seconds() }),
		MeanBatch:  of(func(m *batcher.ModelResult) float64 { return m.MeanBatch }),
		Modes:      batcher.Modes(values(best, throughput)),
	}
}

func throughput(m *batcher.ModelResult) float64 { return m.Throughput }
func p95(m *batcher.ModelResult) float64        { return m.Latency.P95.Seconds() }

func values(runs []batcher.Result, figure func(*batcher.ModelResult) float64) []float64 {
	out := make([]float64, len(runs))
	for i := range runs {
		out[i] = figure(&runs[i].Models[0])
	}
	return out
}

// normal90 is how many standard deviations to each side hold 90 %.
const normal90 = 1.645

// estimate takes the value from all simulations, on logarithms the range as well:
// one measurement goes through several phases of a closed loop, and what the
// calibration left open (a little more or less between two arrivals) decides in
// which of them it stays. The range holds what the calibration itself missed, too.
func estimate(simulated []float64, spread float64) Estimate {
	value := mean(simulated)
	if !(value > 0) {
		return Estimate{value, value, value}
	}
	variance, n := 0.0, 0.0
	for _, v := range simulated {
		if v > 0 {
			d := math.Log(v / value)
			variance += d * d
			n++
		}
	}
	width := normal90 * math.Sqrt(variance/max(1, n-1)+spread*spread)
	return Estimate{value, value * math.Exp(-width), value * math.Exp(width)}
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(max(1, len(values)))
}
