package prediction

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"tritonsweep/sweep/batcher"
	"tritonsweep/sweep/calibration"
)

func config(instances int, delay time.Duration, preferred ...int) batcher.Config {
	return batcher.Config{MaxBatch: 32, Dynamic: true, Instances: instances, Delay: delay, Preferred: preferred}
}

func closed(callers int) calibration.Load { return calibration.Load{Callers: callers, Batch: 1} }

// TestEqualCourses: a preferred size that is never reached, and a delay that
// never expires, make no difference: the points share one simulation.
func TestEqualCourses(t *testing.T) {
	points := []Point{
		{config(1, 0, 32), closed(4)}, {config(1, 0), closed(4)}, // empty is {32}
		{config(1, 50*time.Millisecond, 1), closed(1)}, {config(1, 60*time.Millisecond, 1), closed(1)},
		{config(1, 0), closed(8)},
	}
	r, err := Space(t.Context(), calibrated(), points, Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	if r.Distinct != 3 {
		t.Errorf("%d distinct points, want 3", r.Distinct)
	}
	for i, want := range []int{0, 0, 2, 2, 4} {
		f := r.Forecasts[i]
		if f.Same != want || !reflect.DeepEqual(f.Throughput, r.Forecasts[want].Throughput) {
			t.Errorf("point %d took the course of %d, want %d", i, f.Same, want)
		}
		if !(f.Throughput.Low < f.Throughput.Value && f.Throughput.Value < f.Throughput.High) {
			t.Errorf("point %d: range %+v", i, f.Throughput)
		}
	}
}

// TestReproducible: the number of workers changes nothing.
func TestReproducible(t *testing.T) {
	points := tenThousand()[3000:3040]
	one, err := Space(t.Context(), calibrated(), points, Options{Workers: 1, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	many, err := Space(t.Context(), calibrated(), points, Options{Workers: 4, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(one, many) {
		t.Error("1 and 4 workers predict different things")
	}
}

// TestDoubts: what must be measured is named with its reason.
func TestDoubts(t *testing.T) {
	limited := config(1, 0)
	limited.Policy.MaxSize = 100
	shaped := config(1, 0)
	shaped.VariableShape = true
	c := calibrated()
	c.LargestBatch, c.MostInstances = 8, 2
	points := []Point{
		{config(1, 2*time.Millisecond), closed(32)}, // 32 callers, 50 us each
		{config(4, 0), closed(4)}, {config(1, 0), closed(64)}, {limited, closed(4)}, {shaped, closed(4)}, {config(1, 0), closed(1)},
	}
	r, err := Space(t.Context(), c, points, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"close to the spread of arrivals (1.6ms)", "4 instances, calibrated with at most 2", "calibrated with at most 8",
		"switches prefetching off", "vary in shape",
	} {
		if got := strings.Join(r.Forecasts[i].MustMeasure, "; "); !strings.Contains(got, want) {
			t.Errorf("point %d: %q lacks %q", i, got, want)
		}
	}
	if got := r.Forecasts[5].MustMeasure; len(got) != 0 {
		t.Errorf("one caller on one instance is doubted: %q", got)
	}
}

func TestSpaceRefuses(t *testing.T) {
	if _, err := Space(t.Context(), calibrated(), []Point{{config(1, 0, 99), closed(1)}}, Options{}); !errors.Is(err, batcher.ErrConfig) {
		t.Errorf("an impossible config: %v", err)
	}
	if _, err := Space(t.Context(), calibrated(), []Point{{config(1, 0), closed(0)}}, Options{}); !errors.Is(err, batcher.ErrConfig) {
		t.Errorf("no load: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Space(ctx, calibrated(), tenThousand(), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

// TestOpenLoops: below its capacity a server answers what arrives, the sooner the
// less that is; above, the prediction says what becomes of the latencies.
func TestOpenLoops(t *testing.T) {
	open := func(rate float64, constant bool) Point {
		return Point{config(1, 0), calibration.Load{Rate: rate, Constant: constant, Batch: 1}}
	}
	r, err := Space(t.Context(), calibrated(), []Point{open(100, false), open(2000, false), open(2000, true), open(20_000, false)}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, rate := range []float64{100, 2000, 2000} {
		f := &r.Forecasts[i]
		if off := f.Throughput.Value/rate - 1; off < -0.05 || off > 0.05 || len(f.MustMeasure) != 0 {
			t.Errorf("%.0f/s arrive: %+v answered, doubts %q", rate, f.Throughput, f.MustMeasure)
		}
	}
	if a, b := r.Forecasts[0].P95.Value, r.Forecasts[1].P95.Value; a >= b {
		t.Errorf("p95 %v under 100/s, %v under 2,000/s", a, b)
	}
	if got := strings.Join(r.Forecasts[3].MustMeasure, "; "); !strings.Contains(got, "more arrives than is answered") {
		t.Errorf("overload: doubts %q", got)
	}
}
