package pareto

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tritonsweep/results"
	"tritonsweep/results/stats"
)

// bench measures settings whose truth is known, on a machine that drifts.
type bench struct {
	random *rand.Rand
	clock  float64
}

// measure gives a candidate one more round: throughput of a level, and the
// latency of a closed loop, which is its mirror.
func (b *bench) measure(c *Candidate, round int, level float64) {
	b.clock++
	v := 100 * level * math.Exp(0.012*b.random.NormFloat64()+0.02*math.Sin(b.clock/7))
	c.Throughput[round], c.Latency[P95][round], c.At[round] = around(v, 0.01), around(1000/v, 0.02), b.clock
}

func fresh(id string) Candidate {
	return Candidate{ID: id, Load: "8", Instances: 1, Throughput: Figure{}, Latency: map[Quantile]Figure{P95: {}}, At: map[int]float64{}}
}

// sweep measures levels in rounds, each of which begins with the control.
func (b *bench) sweep(levels []float64, rounds int) (candidates []Candidate, control Candidate, opts Options) {
	control = fresh("control")
	for i := range levels {
		candidates = append(candidates, fresh(fmt.Sprint(i)))
	}
	b.measure(&control, 0, 1)
	for round := 1; round <= rounds; round++ {
		b.measure(&control, round, 1)
		for _, i := range b.random.Perm(len(levels)) {
			b.measure(&candidates[i], round, levels[i])
		}
	}
	block, latency := stats.Block{control.Throughput}, stats.Block{control.Latency[P95]}
	for _, c := range candidates {
		block, latency = append(block, c.Throughput), append(latency, c.Latency[P95])
	}
	opts = Options{
		Throughput: stats.BlockNoise([]stats.Block{block}, stats.DefaultNoise),
		Latency:    stats.BlockNoise([]stats.Block{latency}, stats.DefaultNoise),
	}
	return candidates, control, opts
}

// whole is a sweep with its finals: what it recommends, -1 for keeping.
func (b *bench) whole(levels []float64) int {
	candidates, control, opts := b.sweep(levels, 3)
	chosen := Finalists(candidates, []Candidate{control}, results.Limit{}, opts, func(i int) string { return fmt.Sprint(i) }, 3)
	if len(chosen) == 0 {
		return -1
	}
	var again []float64
	for _, i := range chosen {
		again = append(again, levels[i])
	}
	finals, beside, opts := b.sweep(again, 3)
	advice := Recommend(finals, []Candidate{beside}, results.Limit{}, opts)
	if advice.Action != Change {
		return -1
	}
	return chosen[advice.Chosen]
}

// TestSweepsOfEqualsRecommendNothing: of A/A sweeps, in which every setting is the
// current one, at most one in twenty may recommend a change.
func TestSweepsOfEqualsRecommendNothing(t *testing.T) {
	const sweeps = 200
	b := &bench{random: rand.New(rand.NewPCG(3, 3))}
	changes := 0
	for range sweeps {
		if b.whole([]float64{1, 1, 1, 1, 1, 1, 1}) >= 0 {
			changes++
		}
	}
	t.Logf("%d of %d A/A sweeps recommend a change", changes, sweeps)
	if changes > sweeps/20 {
		t.Errorf("%d of %d A/A sweeps recommend a change", changes, sweeps)
	}
}

// TestTheBetterOneIsFound: a setting that is 8 % better is recommended, and no
// other one.
func TestTheBetterOneIsFound(t *testing.T) {
	const sweeps = 200
	b := &bench{random: rand.New(rand.NewPCG(4, 4))}
	found := 0
	for range sweeps {
		if got := b.whole([]float64{1, 0.9, 1, 1.08, 1}); got == 3 {
			found++
		} else if got >= 0 {
			t.Errorf("setting %d was recommended", got)
		}
	}
	if t.Logf("found in %d of %d", found, sweeps); found < sweeps*19/20 {
		t.Errorf("found in %d of %d sweeps", found, sweeps)
	}
}

func TestFinalists(t *testing.T) {
	const w = 0.005
	control := []Candidate{candidate("control", "8", 400, 20, w)}
	for name, test := range map[string]struct {
		candidates []Candidate
		limit      results.Limit
		want       []int
	}{
		"nothing":            {nil, results.Limit{}, nil},
		"worse than now":     {[]Candidate{candidate("a", "8", 300, 26, w)}, results.Limit{}, nil},
		"one far ahead":      {[]Candidate{candidate("a", "8", 500, 16, w), candidate("b", "8", 600, 13, w)}, results.Limit{}, []int{1}},
		"two that tie":       {[]Candidate{candidate("a", "8", 600, 13, w), candidate("b", "8", 601, 13, w)}, results.Limit{}, []int{1, 0}},
		"misses the limit":   {[]Candidate{candidate("a", "8", 600, 13, w), candidate("b", "8", 900, 30, w)}, results.Limit{P95: 20}, []int{0}},
		"with errors":        {[]Candidate{{ID: "a", Load: "8", Throughput: control[0].Throughput, Latency: control[0].Latency, Errors: 1}}, results.Limit{}, nil},
		"no more than three": {[]Candidate{candidate("a", "8", 600, 13, w), candidate("b", "8", 600, 13, w), candidate("c", "8", 600, 13, w), candidate("d", "8", 600, 13, w)}, results.Limit{}, []int{0, 1, 2}},
	} {
		got := Finalists(test.candidates, control, test.limit, quiet, func(i int) string { return test.candidates[i].ID }, 3)
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
