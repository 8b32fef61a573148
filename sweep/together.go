package sweep

import "math/rand/v2"

// NewTogether plans what models cost each other: in every round each model is
// measured alone under its load, and all at the same time, in an order that is
// shuffled from the seed.
func NewTogether(name string, models []string, loads map[string]Load, rounds int, seed uint64) Plan {
	plan := Plan{Sweep: name, Seed: seed, Rounds: rounds}
	random := rand.New(rand.NewPCG(seed, 1))
	for round := 1; round <= rounds; round++ {
		occasions := make([][]Trial, 1, 1+len(models)) // the first is that of all
		for _, model := range models {
			t := Trial{Round: round, Model: model, Control: true, Loads: []Load{loads[model]}}
			occasions = append(occasions, []Trial{t})
			t.Together = true
			occasions[0] = append(occasions[0], t)
		}
		random.Shuffle(len(occasions), func(a, b int) { occasions[a], occasions[b] = occasions[b], occasions[a] })
		for _, occasion := range occasions {
			plan.add(occasion...)
		}
	}
	return plan
}

// NewMix plans several models at the same time, once.
func NewMix(name string, models []string, loads map[string]Load, seed uint64) Plan {
	plan := Plan{Sweep: name, Seed: seed, Rounds: 1}
	for _, model := range models {
		plan.add(Trial{Round: 1, Model: model, Control: true, Together: true, Loads: []Load{loads[model]}})
	}
	return plan
}

// Occasions parts the trials into those that are measured one after another, and
// those at the same time.
func (p Plan) Occasions() [][]Trial {
	var out [][]Trial
	for _, t := range p.Trials {
		if n := len(out); n > 0 && t.Together && out[n-1][0].Together && out[n-1][0].Round == t.Round {
			out[n-1] = append(out[n-1], t)
			continue
		}
		out = append(out, []Trial{t})
	}
	return out
}
