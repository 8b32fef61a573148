package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestMeanCoverage: batch means of an autoregression, from mild to strong.
func TestMeanCoverage(t *testing.T) {
	replications := replications(600)
	for _, c := range []struct {
		rho         float64
		n           int
		least, most float64
	}{
		{0, 40, 0.92, 0.98}, {0.5, 100, 0.92, 0.98}, {0.8, 300, 0.92, 0.98}, {-0.4, 40, 0.92, 1},
		{0.9, 100, 0.85, 1}, // too short for its memory: the correction must save most of it
	} {
		t.Run(fmt.Sprintf("rho=%g n=%d", c.rho, c.n), func(t *testing.T) {
			r, hits := seeded(10), 0
			for range replications {
				series := make([]float64, c.n)
				state := r.NormFloat64()
				for i := range series {
					series[i] = 100 + state
					state = c.rho*state + math.Sqrt(1-c.rho*c.rho)*r.NormFloat64()
				}
				m, ok := BatchMeans(series, 0)
				if ok && m.Contains(100) {
					hits++
				}
			}
			covers(t, hits, replications, c.least, c.most)
		})
	}
}

// TestThroughputCoverage: Poisson counts, 50 bins of 100 ms at 400 a second.
func TestThroughputCoverage(t *testing.T) {
	replications := replications(600)
	r, hits := seeded(11), 0
	for range replications {
		bins := make([]float64, 50)
		for i, clock := 0, r.ExpFloat64()/400; i < len(bins); {
			if clock < float64(i+1)*0.1 {
				bins[i]++
				clock += r.ExpFloat64() / 400
			} else {
				i++
			}
		}
		if m, ok := ThroughputInterval(bins, 0.1); ok && m.Contains(400) {
			hits++
		}
	}
	covers(t, hits, replications, 0.92, 0.98)
}

// TestMeanIntervalCoverage: a latency mean over bins with random numbers of
// requests, where long latencies come with few requests.
func TestMeanIntervalCoverage(t *testing.T) {
	replications := replications(600)
	r, hits := seeded(12), 0
	for range replications {
		sums, counts := make([]float64, 40), make([]float64, 40)
		for i := range sums {
			latency := 5 + 10*r.Float64()
			counts[i] = math.Round(400 / latency)
			sums[i] = counts[i] * latency
		}
		// Truth: E[sum]/E[count], by the densities: about 400 over 400 E[1/latency].
		truth := 1 / (math.Log(3) / 10)
		if m, ok := MeanInterval(sums, counts); ok && m.Contains(truth) {
			hits++
		}
	}
	covers(t, hits, replications, 0.92, 0.98)
}

// TestQuantileCoverage runs both methods on latencies with known quantiles. A
// refused quantile is not a miss, but must be rare where the sample is enough.
func TestQuantileCoverage(t *testing.T) {
	exp := func(p float64) float64 { return -10 * math.Log(1-p) }
	logNormal := func(p float64) float64 { return 10 * math.Exp(0.3*math.Sqrt2*math.Erfinv(2*p-1)) }
	for _, c := range []struct {
		name        string
		latencies   func(*rand.Rand, int) []float64
		truth       func(float64) float64
		p           float64
		n           int
		method      string
		least, most float64
	}{
		{"independent", exponential, exp, 0.5, 400, "", 0.92, 0.99},
		{"independent", exponential, exp, 0.95, 1000, OrderStatistics, 0.92, 0.995},
		{"independent", exponential, exp, 0.95, 8000, Sectioning, 0.92, 0.98},
		{"independent", exponential, exp, 0.99, 1500, OrderStatistics, 0.92, 0.995},
		{"autoregressive 0.7", autoregressive(0.7), logNormal, 0.95, 2000, "", 0.92, 0.99},
		{"autoregressive 0.9", autoregressive(0.9), logNormal, 0.95, 12_000, Sectioning, 0.92, 0.98},
		{"batches of 8", batched8, exp, 0.95, 3000, "", 0.92, 0.99},
		{"batches of 8", batched8, exp, 0.99, 12_000, "", 0.92, 0.99},
	} {
		t.Run(fmt.Sprintf("%s p=%g n=%d", c.name, c.p, c.n), func(t *testing.T) {
			replications := replications(200)
			r, hits, refused := seeded(13), 0, 0
			batches := histograms(20)
			for range replications {
				record(batches, c.latencies(r, c.n))
				q := QuantileInterval(c.p, batches)
				switch {
				case q.Missing > 0:
					refused++
				case q.Contains(c.truth(c.p)):
					hits++
				}
				if c.method != "" && q.Missing == 0 && q.Method != c.method {
					t.Fatalf("used %q, this case is about %q", q.Method, c.method)
				}
			}
			if refused > replications/2 {
				t.Errorf("%d of %d refused", refused, replications)
			}
			covers(t, hits, replications-refused, c.least, c.most)
		})
	}
}
