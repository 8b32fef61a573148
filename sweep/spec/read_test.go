package spec

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tritonsweep/sweep"
)

const whole = `
# everything that a spec can say
models:
  - name: detector
    settings:
      delay: "0,1000..3000/1000"
      preferred: [none, [8, 4], "16,32"]
      count: 2
      group: "#0"
      max_batch: [8, 16]
      set:
        optimization.cuda.graphs: [false, true]
        parameters["mode"].string_value: fast
        instance_group[0].gpus: [[0], [0, 1]]
    combine: joint
    loads: {client_batch: [1, 8]}
    shapes: {x: 3x48x320}
  - name: other
settings: {count: [1, 2]}
loads: {concurrency: 4..8/4, client_batch: 1, rate: [12.5, 100..300/100], arrivals: constant}
limits: {p95: 15ms, p99: 20ms}
objective: p99
budget: {time: 1h30m, points: 500}
rounds: 2
seed: 7
mode: reload
measure: {duration: 4s, warmup: 500ms, precision: 0.05, input: zeros}
`

func TestRead(t *testing.T) {
	s, err := Read("spec.yaml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	const ms = 1_000_000
	want := &Spec{
		Models: []Model{{
			Name: "detector", Combine: "joint", Loads: Loads{ClientBatch: Numbers{1, 8}},
			Settings: Settings{
				Delay: Numbers{0, 1000, 2000, 3000}, Preferred: Sets{{}, {4, 8}, {16, 32}}, Count: Numbers{2}, Group: "#0",
				MaxBatch: Numbers{8, 16}, Set: map[string]Values{
					"optimization.cuda.graphs": {"false", "true"}, `parameters["mode"].string_value`: {`"fast"`},
					"instance_group[0].gpus": {"[0]", "[0, 1]"},
				},
			},
			Shapes: map[string]string{"x": "3x48x320"},
		}, {Name: "other"}},
		Settings: Settings{Count: Numbers{1, 2}},
		Loads:    Loads{Concurrency: Numbers{4, 8}, ClientBatch: Numbers{1}, Rate: Rates{12.5, 100, 200, 300}, Arrivals: "constant"},
		Limits:   Limits{P95: 15 * ms, P99: 20 * ms}, Objective: "p99",
		Budget: Budget{Time: 5400 * 1000 * ms, Points: 500}, Rounds: 2, Seed: 7, Mode: "reload",
		Measure: Measure{Duration: 4000 * ms, Warmup: 500 * ms, Precision: 0.05, Input: "zeros"},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error(diff)
	}
	joint, err := s.Space("detector", nil, 1e6)
	if err != nil || len(joint.Settings) != 4*3*1*2*2*1*2 || len(joint.Loads) != 12 {
		t.Errorf("%d settings, %d loads, %v", len(joint.Settings), len(joint.Loads), err)
	}
	each, err := s.Space("other", nil, 1e6)
	if err != nil || len(each.Settings) != 2 || len(each.Loads) != 6 {
		t.Errorf("%+v, %v", each, err)
	}
	if _, err := s.Space("nobody", nil, 1e6); err == nil {
		t.Error("a space of a model that is not there")
	}
}

// meaning marks what a schema cannot know.
var refused = []struct {
	text, want string
	meaning    bool
}{
	{"models: [{name: m}]\nround: 3\n", `spec.yaml:2:1: unknown key "round" in the spec (hint: did you mean rounds?)`, false},
	{"models:\n  - name: m\n    settings:\n      delais: 5\n", `spec.yaml:4:7: unknown key "delais" in models[0].settings (hint: did you mean delay?)`, false},
	{"models: [{nam: m}]\n", `unknown key "nam" in models[0] (hint: did you mean name?)`, false},
	{"rounds: 3\n", `the spec has no "models"`, false},
	{"models: []\n", "models: want a list with at least one entry", false},
	{"models: [{settings: {count: 1}}]\n", `models[0] has no "name"`, false},
	{"models: [{name: m}, {name: m}]\n", `model "m" is there twice`, true},
	{"models: [{name: ../m}]\n", "../m", true},
	{"models: [{name: m}]\nmodels: [{name: n}]\n", "models", true},
	{"models: [{name: m}]\nrounds: many\n", `spec.yaml:2:9: rounds: "many" is not a number that fits`, false},
	{"models: [{name: m}]\nrounds: 0\n", "rounds: 0 is not at least 1", false},
	{"models: [{name: m}]\nrounds: [1]\n", "rounds: want one value here", false},
	{"models: [{name: m}]\ncombine: both\n", `combine: unknown value "both" (hint: known are each, joint)`, false},
	{"models: [{name: m}]\nobjective: p999\n", `objective: unknown value "p999" (hint: did you mean p99?)`, false},
	{"models: [{name: m}]\nlimits: {p99: 20}\n", `limits.p99: "20" is not a positive time (hint: 20ms`, false},
	{"models: [{name: m}]\nmeasure: {precision: 1.5}\n", "measure.precision: 1.5 is not below 1", false},
	{"models: [{name: m}]\nsettings: {count: 0}\n", `settings.count: "0": 0 is below the least value, 1`, true},
	{"models: [{name: m}]\nsettings: {count: -1}\n", `settings.count`, false},
	{"models: [{name: m}]\nsettings: {delay: fast}\n", `settings.delay: "fast": not a number`, false},
	{"models: [{name: m}]\nsettings: {delay: 1.5}\n", `settings.delay: "1.5" is not a whole number`, false},
	{"models: [{name: m}]\nsettings: {delay: []}\n", "settings.delay: an empty list", false},
	{"models: [{name: m}]\nsettings: {delay: 5000..1}\n", "the range runs backwards", true},
	{"models: [{name: m}]\nsettings: {delay: }\n", "settings.delay: no value", false},
	{"models: [{name: m}]\nloads: {rate: 0}\n", "loads.rate: ", false},
	{"models: [{name: m}]\nloads: {rate: [{}]}\n", "is not a rate", false},
	{"models: [{name: m}]\nloads: {arrivals: bursts}\n", `unknown value "bursts"`, false},
	{"models: [{name: m}]\nsettings: {preferred: [8]}\n", "is not a set of sizes", false},
	{"models: [{name: m}]\nsettings: {preferred: 8}\n", "want a list of sets", false},
	{"models: [{name: m}]\nsettings: {set: {optimization.cuda.graph: true}}\n", `has no field "graph"; the nearest is "graphs"`, true},
	{"models: [{name: m}]\nsettings: {set: {optimization.cuda.graphs: 7}}\n", "settings.set: optimization.cuda.graphs: ", true},
	{"models: [{name: m}]\nsettings: {set: {max_batch_size: 7}}\n", "it has a setting of its own", true},
	{"models: [{name: m, shapes: {x: 3x}}]\n", `"3x" is not a shape`, true},
	{"models: &all [{name: m}]\n", "anchors, aliases and tags are not read", true},
	{"models: [{name: m}\n", "spec.yaml:", true},
	{"models\n", "want keys and values here", false},
	{"", "it is empty", false},
	{"models: [{name: m}]\n---\nmodels: [{name: m}]\n", "2 documents", true},
}

func TestReadRefuses(t *testing.T) {
	for _, tt := range refused {
		s, err := Read("spec.yaml", []byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) || !errors.As(err, new(*Error)) {
			t.Errorf("%q: %+v, error %v, want one with %q", tt.text, s, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: more than a line: %v", tt.text, err)
		}
	}
	if _, err := Read("spec.yaml", make([]byte, MaxBytes+1)); err == nil || !strings.Contains(err.Error(), "larger than 256 KiB") {
		t.Errorf("a large file: %v", err)
	}
}

// A billion points are counted, not made.
func TestHugeSpaces(t *testing.T) {
	settings := "settings: {delay: 0..999, count: 1..1000, max_batch: 1..1000}\n"
	s, err := Read("spec.yaml", []byte("models: [{name: m}]\ncombine: joint\n"+settings))
	if err != nil {
		t.Fatal(err)
	}
	loads := []sweep.Load{{Concurrency: 1, BatchSize: 1}}
	allocated := testing.AllocsPerRun(1, func() {
		if _, err := s.Space("m", loads, sweep.MaxPoints); err == nil || !strings.Contains(err.Error(), "make 1000000000 points a round") {
			t.Errorf("error %v", err)
		}
	})
	if allocated > 20_000 { // the axes' values alone are some thousands
		t.Errorf("%v allocations for a refusal", allocated)
	}
	var set strings.Builder
	for i := range 40 { // more than 2^63 combinations
		fmt.Fprintf(&set, "    parameters[p%d].string_value: [a, b, c]\n", i)
	}
	s, err = Read("spec.yaml", []byte("models: [{name: m}]\ncombine: joint\nsettings:\n  set:\n"+set.String()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Space("m", loads, sweep.MaxPoints); err == nil || !strings.Contains(err.Error(), "9223372036854775807 points") {
		t.Errorf("error %v", err)
	}
}

// Reading never panics, and never takes what it cannot turn into a space.
func FuzzRead(f *testing.F) {
	f.Add(whole)
	for _, tt := range refused {
		f.Add(tt.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Read("f", []byte(text))
		if err != nil {
			if !errors.As(err, new(*Error)) {
				t.Errorf("%T: %v", err, err)
			}
			return
		}
		for _, name := range s.Names() {
			space, err := s.Space(name, []sweep.Load{{Concurrency: 1, BatchSize: 1}}, 1000)
			if err == nil && (len(space.Settings) == 0 || len(space.Loads) == 0) {
				t.Errorf("an empty space of %q", name)
			}
		}
	})
}
