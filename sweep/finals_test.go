package sweep

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestFinalTrials: every finalist stands between two controls of its loads, the
// rounds are numbered on, and the cost is what the plan said at most.
func TestFinalTrials(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		delays := rapid.SliceOfNDistinct(rapid.IntRange(0, 50000), 1, 8, rapid.ID).Draw(t, "delays")
		rounds := rapid.IntRange(1, 4).Draw(t, "rounds")
		loads := Closed([]int{1, 8, 32}, []int{1})
		plan, err := NewPlan("test", []Space{{Model: "a", Settings: Delays(delays), Loads: loads}}, rounds, 3)
		if err != nil {
			t.Fatal(err)
		}
		var finalists []Finalist
		for i, s := range Delays(delays)[:min(len(delays), mostFinalists)] {
			finalists = append(finalists, Finalist{Model: "a", Settings: s, Loads: loads[i : i+1], Control: true})
		}
		trials := plan.FinalTrials(finalists, 0.05, 4*time.Second)
		if rounds == 1 {
			if plan.Finals != nil || trials != nil {
				t.Fatalf("finals of one round: %+v", trials)
			}
			return
		}
		most, points := plan.MostFinal()
		if want := rounds*(len(finalists)+1) + 1; len(trials) != want || most != want || points != 3*want {
			t.Fatalf("%d trials, at most %d (%d points); want %d", len(trials), most, points, want)
		}
		for i, f := range trials {
			if !f.Final || f.Round <= rounds || f.Index != len(plan.Trials)+i || f.Precision != 0.025 || f.MaxDuration != 8*time.Second {
				t.Fatalf("trial %d: %+v", i, f)
			}
			ends := i == 0 || i == len(trials)-1
			if ends && !f.Control {
				t.Fatalf("no control at the ends: %+v", f)
			}
			if f.Control && !slices.Equal(f.Loads, loads[:len(finalists)]) {
				t.Fatalf("the control's loads: %+v", f)
			}
		}
	})
}

func TestEstimateHoldsTheFinals(t *testing.T) {
	plan, err := NewPlan("test", []Space{{Model: "a", Settings: Delays([]int{1, 2}), Loads: Closed([]int{1}, []int{1})}}, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	// 1 + 2x3 trials, and 2x3 + 1 in the finals.
	cost := Cost{Trial: time.Second, Point: 10 * time.Second, Final: 100 * time.Second}
	if got, want := plan.Estimate(0, cost), 7*11*time.Second+7*101*time.Second; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := plan.Estimate(99, Cost{Point: time.Second}); got != 7*time.Second {
		t.Errorf("after the last trial: %s", got)
	}
}
