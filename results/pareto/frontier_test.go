package pareto

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tritonsweep/results/stats"
)

func TestFrontier(t *testing.T) {
	for name, test := range map[string]struct {
		points []Point
		want   []int
	}{
		"none":            {nil, nil},
		"one":             {[]Point{{1, 1}}, []int{0}},
		"chain":           {[]Point{{3, 3}, {1, 1}, {2, 2}}, []int{1, 2, 0}},
		"falling branch":  {[]Point{{100, 1}, {400, 2}, {500, 4}, {450, 8}}, []int{0, 1, 2}},
		"equal points":    {[]Point{{1, 2}, {2, 2}, {2, 2}, {2, 3}}, []int{1, 2}},
		"same throughput": {[]Point{{5, 9}, {5, 3}}, []int{1}},
	} {
		if diff := cmp.Diff(test.want, Frontier(test.points)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// grid draws points with many equal figures, where ties hide mistakes.
func grid(t *rapid.T, label string) []Point {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Point {
		return Point{float64(rapid.IntRange(1, 8).Draw(t, "x")), float64(rapid.IntRange(1, 8).Draw(t, "l"))}
	}), 1, 20).Draw(t, label)
}

func TestFrontierIsWhatNothingDominates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points := grid(t, "points")
		frontier := Frontier(points)
		for i, p := range points {
			dominated := slices.ContainsFunc(points, func(q Point) bool { return q.Dominates(p) })
			if slices.Contains(frontier, i) == dominated {
				t.Fatalf("point %v: dominated %v, frontier %v", p, dominated, frontier)
			}
		}
	})
}

func TestFrontierDoesNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points := grid(t, "points")
		shuffled := slices.Clone(points)
		rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)).Shuffle(len(shuffled), func(i, j int) {
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		})
		if diff := cmp.Diff(at(points, Frontier(points)), at(shuffled, Frontier(shuffled))); diff != "" {
			t.Fatalf("frontier changed (-before +after):\n%s", diff)
		}
	})
}

func TestFrontierScalesWithLatency(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points := grid(t, "points")
		scaled := slices.Clone(points)
		for i := range scaled {
			scaled[i].Latency *= 1024 // exact in floating point
		}
		if diff := cmp.Diff(Frontier(points), Frontier(scaled)); diff != "" {
			t.Fatalf("frontier changed (-before +after):\n%s", diff)
		}
		a, b := Hypervolume(points, Point{0, 10}), Hypervolume(scaled, Point{0, 10240})
		if b != 1024*a {
			t.Fatalf("hypervolume %v became %v", a, b)
		}
	})
}

func TestThinCoversEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points := grid(t, "points")
		eps := rapid.Float64Range(0, 0.5).Draw(t, "eps")
		kept := Thin(points, eps)
		for _, p := range points {
			if !slices.ContainsFunc(kept, func(k int) bool { return points[k].EpsilonDominates(p, eps) }) {
				t.Fatalf("nothing in %v stands for %v", at(points, kept), p)
			}
		}
		for _, a := range kept {
			for _, b := range kept {
				if points[a].Latency < points[b].Latency && points[b].EpsilonDominates(points[a], eps) {
					t.Fatalf("%v makes %v superfluous", points[b], points[a])
				}
			}
		}
	})
}

func TestHypervolume(t *testing.T) {
	ref := Point{0, 10}
	for name, test := range map[string]struct {
		points []Point
		want   float64
	}{
		"none":             {nil, 0},
		"one box":          {[]Point{{5, 4}}, 30},
		"two steps":        {[]Point{{5, 4}, {2, 1}}, 36},
		"dominated":        {[]Point{{5, 4}, {2, 1}, {1, 5}}, 36},
		"beyond reference": {[]Point{{5, 10}, {9, 12}, {0, 1}}, 0},
	} {
		if got := Hypervolume(test.points, ref); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// By counting unit squares, which shares nothing with the formula.
func TestHypervolumeIsTheAreaCovered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points := grid(t, "points")
		ref := Point{float64(rapid.IntRange(0, 3).Draw(t, "least")), float64(rapid.IntRange(4, 9).Draw(t, "most"))}
		area := 0.0
		for x := ref.Throughput; x < 9; x++ {
			for l := 0.0; l < ref.Latency; l++ {
				if slices.ContainsFunc(points, func(p Point) bool { return p.Throughput >= x+1 && p.Latency <= l }) {
					area++
				}
			}
		}
		if got := Hypervolume(points, ref); got != area {
			t.Fatalf("%v, want %v", got, area)
		}
	})
}

func TestHypervolumeIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points, ref := grid(t, "points"), Point{0, 9}
		before := Hypervolume(points, ref)
		added := append(slices.Clone(points), grid(t, "more")...)
		if after := Hypervolume(added, ref); after < before {
			t.Fatalf("%v became %v", before, after)
		}
		for i, c := range Contributions(points, ref) {
			rest := slices.Delete(slices.Clone(points), i, i+1)
			if want := before - Hypervolume(rest, ref); c != want {
				t.Fatalf("contribution of %v is %v, want %v", points[i], c, want)
			}
		}
	})
}

func TestKnee(t *testing.T) {
	callers := []float64{1, 4, 8, 16, 32, 64}
	for name, test := range map[string]struct {
		y    []float64
		want int
		ok   bool
	}{
		"saturates at 8": {[]float64{100, 390, 760, 800, 805, 806}, 2, true},
		"then falls":     {[]float64{100, 390, 760, 800, 500, 300}, 2, true},
		"still rising":   {[]float64{1, 4, 8, 16, 32, 64}, 0, false},
		"rises late":     {[]float64{1, 2, 3, 4, 30, 64}, 0, false},
		"constant":       {[]float64{5, 5, 5, 5, 5, 5}, 0, false},
		"too few":        {[]float64{1, 2}, 0, false},
		"falls only":     {[]float64{9, 8, 7, 6, 5, 4}, 0, false},
	} {
		got, ok := Knee(callers[:len(test.y)], test.y)
		if got != test.want || ok != test.ok {
			t.Errorf("%s: %d %v, want %d %v", name, got, ok, test.want, test.ok)
		}
	}
	if _, ok := Knee([]float64{1, 2, 3}, []float64{1, 2}); ok {
		t.Error("a knee of axes of unequal length")
	}
}

func TestSaturation(t *testing.T) {
	for name, test := range map[string]struct {
		y    []float64
		want int
		ok   bool
	}{
		"levels off": {[]float64{100, 390, 790, 800, 805}, 2, true},
		"falls":      {[]float64{100, 500, 246}, 1, true},
		"rising":     {[]float64{100, 200, 400}, 2, false},
		"flat":       {[]float64{100, 99, 101}, 0, true},
		"one":        {[]float64{100}, 0, false},
	} {
		if got, ok := Saturation(test.y, 0.95); got != test.want || ok != test.ok {
			t.Errorf("%s: %d %v, want %d %v", name, got, ok, test.want, test.ok)
		}
	}
}

func TestMembership(t *testing.T) {
	tight := func(v float64) stats.Interval { return stats.Interval{Value: v, Low: v * 0.99, High: v * 1.01} }
	points := []Uncertain{
		{tight(100), tight(10)},                                 // certainly on it
		{tight(50), tight(20)},                                  // certainly dominated
		{tight(100), tight(10)},                                 // as good as the first
		{stats.Interval{Value: 300}, stats.Interval{Value: 40}}, // no interval: a fixed point
	}
	got := Membership(points, 1)
	// Each of the two equal points is dominated by the other in a quarter of the draws.
	for i, want := range []float64{0.75, 0, 0.75, 1} {
		if math.Abs(got[i]-want) > 0.04 {
			t.Errorf("point %d: %v, want about %v", i, got[i], want)
		}
	}
	if diff := cmp.Diff(got, Membership(points, 1)); diff != "" {
		t.Errorf("the same seed gives another result:\n%s", diff)
	}
}

func at(points []Point, indices []int) []Point {
	var picked []Point
	for _, i := range indices {
		picked = append(picked, points[i])
	}
	return picked
}
