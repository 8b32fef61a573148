package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// rounds makes k intervals of a figure of 100 whose starts differ by a relative
// standard deviation between, measured with a relative error within.
func rounds(r *rand.Rand, k int, truth, between, within float64) []Interval {
	out := make([]Interval, k)
	for i := range out {
		value := truth * math.Exp(between*r.NormFloat64()+within*r.NormFloat64())
		half := student(withinDF) * within * value
		out[i] = Interval{value, value - half, value + half}
	}
	return out
}

func TestCombineCoverage(t *testing.T) {
	replications := replications(1000)
	for _, c := range []struct {
		k               int
		between, within float64
		least           float64
	}{
		{2, 0.015, 0.02, 0.93}, {2, 0, 0.02, 0.93}, {5, 0.015, 0.005, 0.93}, {10, 0.08, 0.02, 0.92},
		// Starts differ two and three times as much as the prior says.
		{2, 0.03, 0.01, 0.87}, {3, 0.03, 0.01, 0.89}, {5, 0.05, 0.02, 0.89},
	} {
		t.Run(fmt.Sprintf("k=%d between=%g within=%g", c.k, c.between, c.within), func(t *testing.T) {
			r, hits := seeded(20), 0
			for range replications {
				if Combine(rounds(r, c.k, 100, c.between, c.within), DefaultNoise).Contains(100) {
					hits++
				}
			}
			covers(t, hits, replications, c.least, 1)
		})
	}
}

func TestCombine(t *testing.T) {
	one := Interval{100, 96, 104}
	if got := Combine([]Interval{one}, DefaultNoise); got.Interval != one || got.Rounds != 1 {
		t.Errorf("one round must keep its own interval: %+v", got)
	}
	// Two rounds 6 % apart: Student's t with one degree of freedom would say
	// +-38 %.
	two := Combine([]Interval{{100, 98, 102}, {106, 104, 108}}, DefaultNoise)
	if r := two.Relative(); r < 0.04 || r > 0.15 {
		t.Errorf("two rounds 6 %% apart: +-%.1f %%: %+v", 100*r, two)
	}
	if math.Abs(two.Value-math.Sqrt(100*106)) > 1e-9 {
		t.Errorf("the value is the geometric mean, got %g", two.Value)
	}
	// Agreement by luck does not close the interval.
	lucky := Combine([]Interval{{100, 100, 100}, {100, 100, 100}}, DefaultNoise)
	if lucky.Relative() < 0.015 {
		t.Errorf("two equal rounds: +-%.2f %%", 100*lucky.Relative())
	}
	apart := Combine([]Interval{{100, 98, 102}, {140, 138, 142}}, DefaultNoise)
	if apart.Relative() < 3*two.Relative() {
		t.Errorf("rounds far apart must widen the interval: %+v", apart)
	}
	if below := Combine([]Interval{{1, -1, 3}, {1, -1, 3}}, DefaultNoise); !(below.Low > 0) || below.High < 2 {
		t.Errorf("an interval that reaches below zero: %+v", below)
	}
	for _, bad := range [][]Interval{nil, {{0, 0, 0}}, {one, {-1, -2, 0}}, {{math.Inf(1), 0, 0}}, {{math.NaN(), 0, 0}}} {
		if got := Combine(bad, DefaultNoise); got != (Combined{}) {
			t.Errorf("Combine(%v) = %+v", bad, got)
		}
	}
}

// TestNoFalseWinner: equal settings are called different at most 1 time in 20.
func TestNoFalseWinner(t *testing.T) {
	replications := replications(1000)
	for _, k := range []int{1, 2, 3, 5} {
		t.Run(fmt.Sprintf("rounds=%d", k), func(t *testing.T) {
			r, wrong := seeded(21), 0
			for range replications {
				a, b := rounds(r, k, 100, 0.012, 0.015), rounds(r, k, 100, 0.012, 0.015)
				if RatioInterval(a, b, DefaultNoise).Significant(0) {
					wrong++
				}
			}
			t.Logf("%d of %d", wrong, replications)
			if wrong > replications/20 {
				t.Errorf("%d of %d equal settings called different", wrong, replications)
			}
		})
	}
}

// TestDriftCancels: each round has its own speed, shared by both settings, and
// one setting is 5 % better.
func TestDriftCancels(t *testing.T) {
	r, found, hits := seeded(22), 0, 0
	replications := replications(300)
	for range replications {
		var a, b []Interval
		for range 6 {
			speed := 100 * math.Exp(0.10*r.NormFloat64())
			a = append(a, rounds(r, 1, speed, 0.005, 0.01)...)
			b = append(b, rounds(r, 1, speed*1.05, 0.005, 0.01)...)
		}
		ratio := RatioInterval(a, b, DefaultNoise)
		if !ratio.Paired {
			t.Fatal("rounds that move together must be paired")
		}
		if ratio.Contains(1.05) {
			hits++
		}
		if ratio.Significant(0.01) && ratio.Value > 1 {
			found++
		}
	}
	t.Logf("found %d of %d", found, replications)
	if found < replications*9/10 {
		t.Errorf("5 %% better found %d of %d times", found, replications)
	}
	covers(t, hits, replications, 0.92, 1)
}

func TestRatio(t *testing.T) {
	a := []Interval{{100, 99, 101}, {100, 99, 101}}
	b := []Interval{{120, 119, 121}, {120, 119, 121}}
	up, down := RatioInterval(a, b, DefaultNoise), RatioInterval(b, a, DefaultNoise)
	if math.Abs(up.Value-1.2) > 1e-9 || !up.Significant(0.02) || up.Significant(0.25) {
		t.Errorf("20 %% more: %+v", up)
	}
	if math.Abs(up.Value*down.Value-1) > 1e-9 || math.Abs(up.Low*down.High-1) > 1e-9 {
		t.Errorf("the inverse comparison must be the inverse: %+v %+v", up, down)
	}
	if got := RatioInterval(nil, b, DefaultNoise); got != (Ratio{}) || got.Significant(0) {
		t.Errorf("nothing to compare with: %+v", got)
	}
	if got := RatioInterval(a[:1], b, DefaultNoise); got.Paired || got.Value < 1.19 {
		t.Errorf("unequal numbers of rounds: %+v", got)
	}
}
