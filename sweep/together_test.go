package sweep

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// In every round each model is measured once alone and once with all others.
func TestTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		models := []string{"a", "b", "c"}[:rapid.IntRange(2, 3).Draw(t, "models")]
		rounds := rapid.IntRange(1, 4).Draw(t, "rounds")
		loads := map[string]Load{}
		for i, m := range models {
			loads[m] = Load{Concurrency: i + 1, BatchSize: 1}
		}
		plan := NewTogether("interference", models, loads, rounds, rapid.Uint64().Draw(t, "seed"))
		if plan.Points() != 2*len(models)*rounds || !slices.Equal(slices.Sorted(slices.Values(plan.Models())), models) {
			t.Fatalf("%d points of %v", plan.Points(), plan.Models())
		}
		alone, together := map[string]int{}, 0
		occasions := plan.Occasions()
		for _, trials := range occasions {
			if len(trials) == 1 {
				alone[trials[0].Model]++
			} else if len(trials) == len(models) {
				together++
			}
			for _, trial := range trials {
				if trial.Together != (len(trials) > 1) || trial.Loads[0] != loads[trial.Model] {
					t.Errorf("%+v among %d", trial, len(trials))
				}
			}
		}
		if len(occasions) != rounds*(len(models)+1) || together != rounds || alone["a"] != rounds || alone["b"] != rounds {
			t.Errorf("%d occasions, %d together, alone %v", len(occasions), together, alone)
		}
	})
}
