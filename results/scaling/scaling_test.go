package scaling

import (
	"math"
	"math/rand/v2"
	"testing"

	"tritonsweep/results"
)

func estimates(width float64, values ...float64) []results.Estimate {
	var out []results.Estimate
	for _, v := range values {
		out = append(out, results.Estimate{Value: v, Low: v * (1 - width), High: v * (1 + width)})
	}
	return out
}

func TestPlaces(t *testing.T) {
	load := []float64{1, 4, 8, 16, 32, 64}
	clear := estimates(0.01, 100, 380, 700, 1000, 1010, 1005)
	sat := Saturation(load, clear, 0.95, 1)
	if sat == nil || sat.Load != 16 || sat.Low != 16 || sat.High != 16 || sat.Probability != 1 {
		t.Errorf("saturation %+v", sat)
	}
	if knee := Knee(load, clear, 1); knee == nil || knee.Load != 16 || knee.Probability < 0.99 {
		t.Errorf("knee %+v", knee)
	}
	vague := Saturation(load, estimates(0.10, 100, 380, 920, 1000, 1010, 1005), 0.95, 1)
	if vague == nil || vague.Low != 8 || vague.High < 32 {
		t.Errorf("a vague curve saturates at %+v", vague)
	}
	if rising := Saturation(load, estimates(0.01, 100, 200, 300, 400, 500, 900), 0.95, 1); rising != nil {
		t.Errorf("a rising curve saturates at %+v", rising)
	}
	if again := Saturation(load, clear, 0.95, 1); *again != *sat {
		t.Error("equal figures gave different intervals")
	}
	if Knee(load[:2], clear[:2], 1) != nil || Saturation(load, clear[:2], 0.95, 1) != nil {
		t.Error("a place on a curve that is none")
	}
}

func usl(n, x1, sigma, kappa float64) float64 {
	return n * x1 / (1 + sigma*(n-1) + kappa*n*(n-1))
}

func TestFitRecoversTheLaw(t *testing.T) {
	counts := []int{1, 2, 4, 8, 16}
	for _, c := range []struct{ sigma, kappa float64 }{{0, 0}, {0.1, 0}, {0.05, 0.01}, {0, 0.02}, {0.4, 0.005}} {
		var x []float64
		for _, n := range counts {
			x = append(x, usl(float64(n), 1000, c.sigma, c.kappa))
		}
		law := Fit(counts, estimates(0.005, x...), 1)
		if math.Abs(law.Sigma.Value-c.sigma) > 1e-9 || math.Abs(law.Kappa.Value-c.kappa) > 1e-9 {
			t.Errorf("%+v: %+v", c, law)
		}
		if (law.Peak != nil) != (c.kappa > 0) {
			t.Errorf("%+v: peak %+v", c, law.Peak)
		}
		if law.Peak != nil && math.Abs(law.Peak.Value-math.Sqrt((1-c.sigma)/c.kappa)) > 1e-6 {
			t.Errorf("%+v: peak %+v", c, law.Peak)
		}
	}
	for _, bad := range [][]int{{1, 2}, {2, 4, 8}, {1, 4, 2}} {
		if Fit(bad, estimates(0.01, 1, 2, 3)[:len(bad)], 1) != nil {
			t.Errorf("a law from %v instances", bad)
		}
	}
}

// The intervals hold the truth about as often as they say.
func TestFitCoversTheTruth(t *testing.T) {
	const sigma, kappa, noise, trials = 0.2, 0.02, 0.01, 200
	random := rand.New(rand.NewPCG(5, 6))
	counts := []int{1, 2, 4, 8}
	held := 0
	for trial := range trials {
		var figures []results.Estimate
		for _, n := range counts {
			v := usl(float64(n), 500, sigma, kappa) * math.Exp(noise*random.NormFloat64())
			figures = append(figures, results.Estimate{Value: v, Low: v * math.Exp(-1.96*noise), High: v * math.Exp(1.96*noise)})
		}
		law := Fit(counts, figures, uint64(trial))
		if law.Sigma.Low <= sigma && sigma <= law.Sigma.High {
			held++
		}
	}
	if share := float64(held) / trials; share < 0.90 {
		t.Errorf("the interval of sigma holds the truth in %.0f %% of %d cases, not 95 %%", 100*share, trials)
	}
}
