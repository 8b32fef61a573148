package stats

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestInterval(t *testing.T) {
	i := Interval{Value: 10, Low: 9, High: 12}
	if i.HalfWidth() != 1.5 || i.Relative() != 0.15 || !i.Contains(9) || i.Contains(8.9) {
		t.Fatalf("half width %g, relative %g", i.HalfWidth(), i.Relative())
	}
	for _, bad := range []Interval{{}, {Value: -1, Low: -2}, {Value: math.NaN()}, {Value: 1, Low: math.NaN(), High: 1}} {
		if !math.IsInf(bad.Relative(), 1) {
			t.Errorf("%v must never look precise, got %g", bad, bad.Relative())
		}
	}
	for df, want := range map[float64]float64{1: 12.7062, 9: 2.26216, 19: 2.09302, math.Inf(1): 1.95996} {
		if got := student(df); math.Abs(got-want) > 1e-4 {
			t.Errorf("student(%g) = %g, want %g", df, got, want)
		}
	}
}

func TestMSER5FindsTheStep(t *testing.T) {
	r := seeded(1)
	series := make([]float64, 200)
	for i := range series {
		series[i] = 100 + r.NormFloat64()
		if i < 40 {
			series[i] -= 30 // warm-up: slow
		}
	}
	if discard, settled := MSER5(series); discard != 40 || !settled {
		t.Fatalf("discard %d settled %v, want 40 true", discard, settled)
	}
}

func TestMSER5(t *testing.T) {
	drift := make([]float64, 200)
	for i := range drift {
		drift[i] = 100 + float64(i)
	}
	if _, settled := MSER5(drift); settled {
		t.Error("a series that only rises settled")
	}
	if _, settled := MSER5(drift[:19]); settled {
		t.Error("fewer than four groups settled")
	}
	constant := make([]float64, 40)
	if discard, settled := MSER5(constant); discard != 0 || !settled {
		t.Errorf("a constant series: discard %d settled %v", discard, settled)
	}
	// Steady noise must rarely be taken for a warm-up.
	r, unsettled := seeded(2), 0
	for range 500 {
		series := make([]float64, 100)
		for i := range series {
			series[i] = 100 + r.NormFloat64()
		}
		if _, settled := MSER5(series); !settled {
			unsettled++
		}
	}
	if unsettled > 50 {
		t.Errorf("%d of 500 steady series did not settle", unsettled)
	}
	t.Logf("%d of 500 steady series did not settle", unsettled)
}

// TestMSER5IsScaleFree: neither the unit nor an offset changes the answer.
func TestMSER5IsScaleFree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		series := rapid.SliceOfN(rapid.Float64Range(1, 100), 20, 120).Draw(t, "series")
		scaled := make([]float64, len(series))
		for i, v := range series {
			scaled[i] = 4*v + 1024
		}
		a, okA := MSER5(series)
		b, okB := MSER5(scaled)
		if a > len(series)/2+mserGroup || a%mserGroup != 0 {
			t.Fatalf("discards %d of %d", a, len(series))
		}
		if a != b || okA != okB {
			t.Fatalf("discard %d %v, scaled %d %v", a, okA, b, okB)
		}
	})
}

func TestFindTrend(t *testing.T) {
	r, false01 := seeded(3), 0
	for range 500 {
		series := make([]float64, 20)
		for i := range series {
			series[i] = 100 + r.NormFloat64()
		}
		if FindTrend(series).P < 0.01 {
			false01++
		}
	}
	if false01 > 15 {
		t.Errorf("%d of 500 series without a trend have p < 0.01", false01)
	}
	rising := make([]float64, 20)
	for i := range rising {
		rising[i] = 100 + float64(i) + r.NormFloat64()
	}
	trend := FindTrend(rising)
	if !trend.Drifts(0.05, DriftLevel) || trend.Drifts(0.5, DriftLevel) || math.Abs(trend.Change-19/109.5) > 0.03 {
		t.Errorf("rising by 17 %%: %+v", trend)
	}
	for i := range rising {
		rising[i] = -rising[i]
	}
	if got := FindTrend(rising); got.Change != 0 || got.P > 0.01 {
		t.Errorf("a negative series has a trend but no relative change: %+v", got)
	}
	if FindTrend([]float64{1, 2, 3}).Drifts(0, DriftLevel) || FindTrend(make([]float64, 30)).P != 1 {
		t.Error("too short, or constant: no trend")
	}
}

func TestLag1AndVonNeumann(t *testing.T) {
	alternating := []float64{1, -1, 1, -1, 1, -1, 1, -1}
	if r := Lag1(alternating); r > -0.8 {
		t.Errorf("alternating: lag-1 %g", r)
	}
	ratio, p := VonNeumann(alternating)
	if math.Abs(ratio-28.0/8) > 1e-12 || p < 0.9 {
		t.Errorf("alternating: ratio %g p %g", ratio, p)
	}
	if ratio, p := VonNeumann([]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}); ratio > 0.2 || p > 0.001 {
		t.Errorf("rising: ratio %g p %g", ratio, p)
	}
	if Lag1([]float64{1, 2}) != 0 || Lag1([]float64{5, 5, 5}) != 0 {
		t.Error("too short, or constant: no correlation")
	}
	if _, p := VonNeumann([]float64{5, 5, 5, 5, 5}); p != 1 {
		t.Error("constant passes for independent")
	}
}

func TestMinimumRequests(t *testing.T) {
	for p, want := range map[float64]int64{0.5: 11, 0.9: 64, 0.95: 130, 0.99: 662, 0.999: 6636, 0.01: 662, 0: 0, 1: 0} {
		if got := MinimumRequests(p); got != want {
			t.Errorf("MinimumRequests(%g) = %d, want %d", p, got, want)
		}
	}
	if got := MinimumRequests(math.NaN()); got != 0 {
		t.Errorf("MinimumRequests(NaN) = %d", got)
	}
}

func TestTooShort(t *testing.T) {
	if _, ok := ThroughputInterval([]float64{1, 2, 3, 4}, 0.1); ok {
		t.Error("four bins must not give an interval")
	}
	if _, ok := MeanInterval(make([]float64, 9), make([]float64, 9)); ok {
		t.Error("no request must not give a mean")
	}
	if q := QuantileInterval(0.5, histograms(20)); q.Missing != 11 || q.Value != 0 {
		t.Errorf("no requests: %+v", q)
	}
}

func TestQuantileRefusedThenSupported(t *testing.T) {
	batches := histograms(20)
	record(batches, exponential(seeded(4), 600))
	q := QuantileInterval(0.99, batches)
	if q.Missing <= 0 || q.Interval != (Interval{}) || q.Method != "" {
		t.Fatalf("p99 of 600 requests must be refused: %+v", q)
	}
	if want := int64(math.Ceil(662*q.Deff)) - 600; q.Missing != want {
		t.Fatalf("missing %d, want %d", q.Missing, want)
	}
	record(batches, exponential(seeded(4), 4000))
	if q = QuantileInterval(0.99, batches); q.Missing != 0 || q.Method != OrderStatistics {
		t.Fatalf("p99 of 4000 independent requests: %+v", q)
	}
	record(batches, exponential(seeded(4), 40_000))
	if q = QuantileInterval(0.99, batches); q.Method != Sectioning || q.Batches < 10 {
		t.Fatalf("p99 of 40000 requests: %+v", q)
	}
}

// TestDesignEffectSeesBatches: eight requests that finish together are worth one.
func TestDesignEffectSeesBatches(t *testing.T) {
	batches := histograms(40)
	sum := 0.0
	for seed := range uint64(20) {
		record(batches, batched8(seeded(seed), 16_000))
		sum += QuantileInterval(0.9, batches).Deff
	}
	if got := sum / 20; got < 6.5 || got > 10.5 {
		t.Errorf("mean design effect %.1f, want about 8", got)
	}
}

func TestQuantileOfConstantLatencies(t *testing.T) {
	batches := histograms(20)
	for _, b := range batches {
		for range 200 {
			b.Record(10 * time.Millisecond)
		}
	}
	q := QuantileInterval(0.95, batches)
	if !q.Contains(10) || q.Relative() > 0.002 || q.Missing != 0 {
		t.Fatalf("%+v, want 10 ms within the rounding of a bucket", q)
	}
}

func TestFindGap(t *testing.T) {
	r := seeded(5)
	two := make([]float64, 8000)
	for i := range two {
		two[i] = 10 + r.NormFloat64()*0.3
		if r.Float64() < 0.05 { // the second class begins right at p95
			two[i] += 30
		}
	}
	batches := histograms(20)
	record(batches, two)
	q := QuantileInterval(0.95, batches)
	gap, found := FindGap(q, Sum(batches))
	if !found || gap.Low > 12 || gap.High < 38 || math.Abs(gap.Below-0.95) > 0.01 {
		t.Errorf("gap %+v found %v in %+v", gap, found, q)
	}
	if _, found := FindGap(QuantileInterval(0.5, batches), Sum(batches)); found {
		t.Error("the median lies in no gap")
	}
	for seed := range uint64(40) {
		record(batches, exponential(seeded(seed), 2000))
		q := QuantileInterval(0.95, batches)
		if gap, found := FindGap(q, Sum(batches)); found {
			t.Errorf("seed %d: an exponential tail is no gap: %+v in %+v", seed, gap, q)
		}
	}
	if _, found := FindGap(Quantile{Missing: 3}, Sum(batches)); found {
		t.Error("a refused quantile has no gap")
	}
}
