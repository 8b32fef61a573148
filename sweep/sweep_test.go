package sweep

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tritonsweep/tritonconfig"
)

func TestParseValues(t *testing.T) {
	for text, want := range map[string][]int{
		"1000":                   {1000},
		"8,1,8, 32":              {1, 8, 32},
		"0,1000..5000/1000":      {0, 1000, 2000, 3000, 4000, 5000},
		"1..4":                   {1, 2, 3, 4},
		"1..10/4":                {1, 5, 9},
		"25000,0,1000..2000/500": {0, 1000, 1500, 2000, 25000},
	} {
		if got, err := ParseValues(text, 0); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                     "not a number",
		"fast":                 "not a number",
		"1,,2":                 "not a number",
		"-5":                   "below the least value",
		"9..1":                 "backwards",
		"1..9/0":               "at least 1",
		"1..9/-1":              "at least 1",
		"0..1000000000":        "more than 1000",
		"99999999999999999999": "not a number",
		"0..999,2000..2999":    "more than 1000",
	} {
		if _, err := ParseValues(text, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
}

func TestParseSets(t *testing.T) {
	got, err := ParseSets("none; 8,4;4,8;16")
	if want := [][]int{{}, {4, 8}, {16}}; err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for _, bad := range []string{"", "0", "4;;8", "none,4"} {
		if _, err := ParseSets(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestDefaultSets(t *testing.T) {
	for maxBatch, want := range map[int][][]int{
		128: {{}, {4, 8, 16, 32, 64, 128}, {8, 16, 32, 64, 128}, {128}},
		4:   {{}, {4}},
		1:   {{}},
	} {
		if got := DefaultSets(maxBatch); !cmp.Equal(got, want) {
			t.Errorf("max batch %d: %v, want %v", maxBatch, got, want)
		}
	}
}

// TestPlanProperties: every setting of every model stands in every round
// exactly once, the control beside it, and equal seeds give equal plans.
func TestPlanProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		delays := rapid.SliceOfNDistinct(rapid.IntRange(0, 50000), 1, 8, rapid.ID).Draw(t, "delays")
		rounds := rapid.IntRange(1, 5).Draw(t, "rounds")
		seed := rapid.Uint64().Draw(t, "seed")
		loads := Closed([]int{1, 8}, []int{1})
		spaces := []Space{{Model: "a", Settings: Delays(delays), Loads: loads}, {Model: "b", Settings: Counts([]int{1, 2}, ""), Loads: loads}}
		plan, err := NewPlan("test", spaces, rounds, seed)
		if err != nil {
			t.Fatal(err)
		}
		if want := 2 + rounds*(len(delays)+1+2+1); len(plan.Trials) != want || plan.Points() != 2*want {
			t.Fatalf("%d trials, %d points", len(plan.Trials), plan.Points())
		}
		seen := map[string]int{}
		for i, trial := range plan.Trials {
			if trial.Index != i || i > 0 && trial.Round < plan.Trials[i-1].Round {
				t.Fatalf("trial %d: %+v", i, trial)
			}
			if trial.Control != trial.Settings.IsZero() {
				t.Fatalf("control and settings disagree: %+v", trial)
			}
			if first := i == 0 || trial.Round > plan.Trials[i-1].Round; first && !trial.Control {
				t.Fatalf("round %d does not begin with a control: %+v", trial.Round, trial)
			}
			if trial.Round > 0 {
				seen[trial.Model+trial.Settings.Key()]++
			} else if !trial.Control {
				t.Fatalf("before all: %+v", trial)
			}
		}
		for key, n := range seen {
			if n != rounds {
				t.Fatalf("%s stands %d times in %d rounds", key, n, rounds)
			}
		}
		again, _ := NewPlan("test", spaces, rounds, seed)
		if !cmp.Equal(plan, again) {
			t.Fatal("equal seeds give different plans")
		}
	})
}

func TestPlanRefusesWhatCannotBeRun(t *testing.T) {
	loads := Closed([]int{1}, []int{1})
	twice := []tritonconfig.Settings{{PreferredBatchSizes: []int{4, 8}}, {PreferredBatchSizes: []int{8, 4, 4}}}
	many := make([]int, 999)
	for i := range many {
		many[i] = i
	}
	for name, c := range map[string]struct {
		space  Space
		rounds int
		want   string
	}{
		"no settings": {Space{Model: "m", Settings: nil, Loads: loads}, 1, "nothing to try"},
		"no loads":    {Space{Model: "m", Settings: Delays([]int{1}), Loads: nil}, 1, "nothing to try"},
		"no rounds":   {Space{Model: "m", Settings: Delays([]int{1}), Loads: loads}, 0, "rounds"},
		"twice":       {Space{Model: "m", Settings: twice, Loads: loads}, 1, "named twice"},
		"too many":    {Space{Model: "m", Settings: Delays(many), Loads: loads}, 11, "more than 10000 points"},
	} {
		if _, err := NewPlan("test", []Space{c.space}, c.rounds, 1); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestAnUntouchedSpaceNeedsNoControl(t *testing.T) {
	space := Space{Model: "m", Settings: []tritonconfig.Settings{{}}, Loads: Closed([]int{1, 4}, []int{1})}
	plan, err := NewPlan("concurrency", []Space{space}, 2, 1)
	if err != nil || len(plan.Trials) != 2 || plan.Trials[0].Control || plan.Finals != nil {
		t.Errorf("%+v, %v", plan, err)
	}
}

// What a space skips is listed once for each reason, and the control is never.
func TestSkippedPoints(t *testing.T) {
	loads := Closed([]int{1, 8}, []int{1})
	space := Space{Model: "m", Settings: Delays([]int{0, 1, 2}), Loads: loads, Skip: func(s tritonconfig.Settings, l Load) string {
		switch {
		case *s.MaxQueueDelay == 0:
			return "all"
		case *s.MaxQueueDelay == 1 && l.Concurrency == 8:
			return "one"
		}
		return ""
	}}
	plan, err := NewPlan("test", []Space{space}, 2, 1)
	if err != nil || plan.Points() != 2+2*(1+2+2) || len(plan.Skipped) != 2 {
		t.Fatalf("%d points, skipped %+v, %v", plan.Points(), plan.Skipped, err)
	}
	if all, one := plan.Skipped[0], plan.Skipped[1]; all.Loads != nil || len(one.Loads) != 1 || one.Loads[0].Concurrency != 8 {
		t.Errorf("%+v", plan.Skipped)
	}
}

func TestJointIsTheProduct(t *testing.T) {
	axes := [][]tritonconfig.Settings{Delays([]int{1, 2, 3}), Counts([]int{1, 2}, ""), Others("optimization.priority", []string{"PRIORITY_MIN", "PRIORITY_MAX"})}
	joint, each := Joint(axes), Each(axes)
	if int64(len(joint)) != Size(3, 2, 2) || len(each) != 7 {
		t.Errorf("%d combinations, %d one after another", len(joint), len(each))
	}
	keys := map[string]bool{}
	for _, s := range joint {
		keys[s.Key()] = true
		if s.MaxQueueDelay == nil || s.InstanceCount == nil || len(s.Other) != 1 {
			t.Errorf("%s lacks an axis", s)
		}
	}
	if len(keys) != len(joint) || Joint(nil) != nil || len(Each(nil)) != 0 {
		t.Errorf("%d keys of %d", len(keys), len(joint))
	}
	if Size(1<<40, 1<<40) != math.MaxInt64 {
		t.Error("Size wraps around")
	}
}
