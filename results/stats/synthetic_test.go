package stats

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"tritonsweep/results/histogram"
)

// Synthetic latencies with known truth. Each returns n latencies in milliseconds.

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x7472_6974_6f6e)) }

// exponential: independent, mean 10 ms; the p-quantile is -10 ln(1-p).
func exponential(r *rand.Rand, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 10 * r.ExpFloat64()
	}
	return out
}

// autoregressive: log-normal with sigma 0.3 around 10 ms, whose logarithm is a
// first-order autoregression with the given correlation.
func autoregressive(rho float64) func(*rand.Rand, int) []float64 {
	return func(r *rand.Rand, n int) []float64 {
		out := make([]float64, n)
		state := r.NormFloat64()
		for i := range out {
			out[i] = 10 * math.Exp(0.3*state)
			state = rho*state + math.Sqrt(1-rho*rho)*r.NormFloat64()
		}
		return out
	}
}

// batched8: eight requests finish together with the same exponential latency.
func batched8(r *rand.Rand, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		if i%8 == 0 {
			out[i] = 10 * r.ExpFloat64()
		} else {
			out[i] = out[i-1]
		}
	}
	return out
}

// record spreads latencies over k batches of equal length.
func record(batches []*histogram.Histogram, latencies []float64) {
	for j, b := range batches {
		b.Reset()
		for _, ms := range latencies[j*len(latencies)/len(batches) : (j+1)*len(latencies)/len(batches)] {
			b.Record(time.Duration(ms * float64(time.Millisecond)))
		}
	}
}

func histograms(k int) []*histogram.Histogram {
	out := make([]*histogram.Histogram, k)
	for i := range out {
		out[i] = histogram.New()
	}
	return out
}

// replications is how often a coverage test repeats: n times, or a fifth of it
// under -short, which the race detector runs with.
func replications(n int) int {
	if testing.Short() {
		return n / 5
	}
	return n
}

// covers fails when the share of hits is not near the level. The seeds are
// fixed, so a test passes always or never; under -short the limits are wider by
// three standard deviations.
func covers(t *testing.T, hits, replications int, least, most float64) {
	t.Helper()
	share := float64(hits) / float64(replications)
	t.Logf("coverage %.3f of %d", share, replications)
	slack := 0.0
	if testing.Short() {
		slack = 3 * math.Sqrt(Level*(1-Level)/float64(replications))
	}
	if share < least-slack || share > most+slack {
		t.Errorf("coverage %.3f, want %.2f to %.2f", share, least, most)
	}
}
