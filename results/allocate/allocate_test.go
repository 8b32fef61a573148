package allocate

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tritonsweep/results"
)

func option(count int, x float64) Option {
	return Option{count, results.Estimate{Value: x, Low: 0.9 * x, High: 1.1 * x}}
}

func TestSolve(t *testing.T) {
	const gib = 1 << 30
	models := []Model{
		{Name: "detector", Demand: 400, Now: 2, Each: 2 * gib, Options: []Option{option(4, 500), option(1, 200), option(2, 350)}},
		{Name: "embedder", Demand: 400, Now: 4, Each: gib, Options: []Option{option(1, 300), option(2, 420), option(4, 430)}},
	}
	r, err := Solve(models, 6*gib)
	if err != nil || r.Choices[0].Count != 2 || r.Choices[1].Count != 2 || r.Memory != 6*gib || math.Abs(r.Least-350.0/400) > 1e-9 {
		t.Errorf("%+v, %v", r, err)
	}
	if c := r.Choices[0]; c.Now != 2 || math.Abs(c.Share.Low-0.9*350/400) > 1e-9 {
		t.Errorf("%+v", c)
	}
	// Room that brings the worst nothing goes where the product grows.
	if r, _ := Solve(models, 9*gib); r.Choices[0].Count != 2 || r.Choices[1].Count != 4 {
		t.Errorf("%+v", r)
	}
	for want, c := range map[string]struct {
		models []Model
		budget float64
	}{
		"the smallest counts need 3072 MiB, the budget is 2048 MiB": {models, 2 * gib},
		"no model to allocate for":                                  {nil, gib},
		"is not known":                                              {[]Model{{Name: "x", Demand: 1}}, gib},
	} {
		if _, err := Solve(c.models, c.budget); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	many := make([]Model, 30)
	for i := range many {
		many[i] = Model{Name: "m", Demand: 1, Options: []Option{option(1, 1), option(2, 2)}}
	}
	if _, err := Solve(many, gib); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("%v", err)
	}
}

// The answer is that of looking at everything.
func TestSolveIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var models []Model
		for range rapid.IntRange(1, 4).Draw(t, "models") {
			m := Model{Name: "m", Demand: rapid.Float64Range(1, 100).Draw(t, "demand"), Each: float64(rapid.IntRange(0, 5).Draw(t, "each"))}
			for n := range rapid.IntRange(1, 4).Draw(t, "options") {
				m.Options = append(m.Options, option(n+1, rapid.Float64Range(1, 100).Draw(t, "throughput")))
			}
			models = append(models, m)
		}
		budget := float64(rapid.IntRange(1, 40).Draw(t, "budget"))
		best := outcome{minimum: -1}
		var all func(i int, so outcome)
		all = func(i int, so outcome) {
			if i == len(models) {
				if so.memory <= budget && so.better(best) {
					best = so
				}
				return
			}
			for k := range models[i].Options {
				m := &models[i]
				all(i+1, outcome{min(so.minimum, m.share(k)), so.product + math.Log(m.share(k)), so.memory + m.memory(k)})
			}
		}
		all(0, outcome{minimum: math.Inf(1)})
		got, err := Solve(models, budget)
		if (err == nil) != (best.minimum >= 0) {
			t.Fatalf("%v, but the best is %+v", err, best)
		}
		if err == nil && (got.Least != best.minimum || got.Memory > budget || math.Abs(got.Memory-best.memory) > 1e-9) {
			t.Fatalf("%+v, but the best is %+v", got, best)
		}
	})
}
