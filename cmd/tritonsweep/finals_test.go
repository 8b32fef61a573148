package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"tritonsweep/results"
	"tritonsweep/runner/load"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// plannedRun is a run of three delays whose planned rounds were measured: a
// shorter delay is faster, and the last control is off by so much.
func plannedRun(t *testing.T, off float64) (results.Run, []results.Record) {
	t.Helper()
	space := sweep.Space{Model: "m", Settings: sweep.Delays([]int{1000, 2000, 9000}), Loads: sweep.Closed([]int{8}, []int{1})}
	plan, err := sweep.NewPlan("queue-delay", []sweep.Space{space}, 3, 5)
	if err != nil {
		t.Fatal(err)
	}
	run := results.Run{ID: "r", Plan: plan, Start: time.Unix(0, 0)}
	var records []results.Record
	for i, trial := range plan.Trials {
		level := 100.0
		if d := trial.Settings.MaxQueueDelay; d != nil && *d < 9000 {
			level = 150 - float64(*d)/1000
		}
		if trial.Round == 0 {
			level *= off
		}
		records = append(records, fastRecord(trial, i+1, level))
	}
	return run, records
}

var knownModel = results.Environment{ModelSHA256: "5e1f", ConfigSHA256: "c0f1", Server: "triton 2.51.0", Tool: "1"}

func fastRecord(t sweep.Trial, sequence int, level float64) results.Record {
	return results.Record{
		Run: "r", Sequence: sequence, Model: t.Model, Round: t.Round, Control: t.Control, Final: t.Final, Settings: t.Settings,
		Load: sweep.Closed([]int{8}, []int{1})[0], Verdict: results.OK, Start: time.Unix(int64(10*sequence), 0), Duration: 4,
		Active:      tritonconfig.Settings{MaxQueueDelay: tritonconfig.Ptr(uint64(7))}.Overlay(t.Settings),
		Environment: knownModel,
		Client:      results.Client{Requests: 4000, Throughput: narrow(level), P50: narrow(8000 / level), P90: narrow(9000 / level), P95: narrow(9500 / level)},
	}
}

func follow(run results.Run, records []results.Record, resumed *resumption) (*finals, *strings.Builder) {
	var said strings.Builder
	display := newProgress(&said, run.Plan, sweep.Cost{})
	f := newFinals(run, options{spec: load.Spec{Precision: 0.04, MaxDuration: time.Second}, resumed: resumed}, display)
	for _, r := range records {
		f.record(r)
	}
	return f, &said
}

func TestFinalsAreAskedFor(t *testing.T) {
	run, records := plannedRun(t, 1)
	f, said := follow(run, records, nil)
	if f.display.points() != run.Plan.Points()+3*4+1 {
		t.Errorf("%d points at most", f.display.points())
	}
	rounds := map[int]int{}
	for trial, more := f.next(); more; trial, more = f.next() {
		rounds[trial.Round]++
		if !trial.Final || trial.Precision != 0.02 || trial.Settings.MaxQueueDelay != nil && *trial.Settings.MaxQueueDelay == 9000 {
			t.Errorf("%+v", trial)
		}
	}
	// The control and the two that cannot be told apart, thrice, and the control.
	if want := map[int]int{4: 3, 5: 3, 6: 3, 7: 1}; len(rounds) != len(want) || rounds[4] != 3 || rounds[7] != 1 {
		t.Errorf("trials by round: %v, want %v", rounds, want)
	}
	if f.display.points() != run.Plan.Points()+10 || f.display.finals != 10 || !strings.Contains(said.String(), "finals: 2 settings may be the best") {
		t.Errorf("%d points, said:\n%s", f.display.points(), said)
	}
}

func TestNoFinalsOnANoisyMachine(t *testing.T) {
	for _, force := range []bool{false, true} {
		run, records := plannedRun(t, 1.2)
		run.Force = force
		f, said := follow(run, records, nil)
		if _, more := f.next(); more != force {
			t.Errorf("force %t: finals %t", force, more)
		}
		if !strings.Contains(said.String(), "too noisy: m as configured differed from itself by 1") {
			t.Errorf("said:\n%s", said)
		}
	}
}

// TestResumedFinals: finals that were measured are not measured again, unless
// something before them is.
func TestResumedFinals(t *testing.T) {
	run, records := plannedRun(t, 1)
	f, _ := follow(run, records, nil)
	for range 4 {
		trial, more := f.next()
		if !more {
			t.Fatal("there are no finals")
		}
		records = append(records, fastRecord(trial, len(records)+1, 120))
	}
	whole := &resumption{run: run}
	whole.sort(records, map[string]results.Environment{"m": knownModel})
	if whole.finals() != 4 || len(whole.rest(run.Plan).Trials) != 0 {
		t.Fatalf("%d finals are kept, dropped %q", whole.finals(), whole.dropped)
	}
	rest, _ := follow(run, nil, whole)
	n := 0
	for trial, more := rest.next(); more; trial, more = rest.next() {
		n++
		if trial.Round == 4 {
			t.Errorf("measured again: %+v", trial)
		}
	}
	if n != 6 {
		t.Errorf("%d trials are left of ten, four were measured", n)
	}
	records[3].Verdict = results.Void
	again := &resumption{run: run}
	again.sort(records, map[string]results.Environment{"m": knownModel})
	if again.finals() != 0 || !strings.Contains(strings.Join(again.dropped, "\n"), "4 measured again, m: the rounds before the finals are not complete") {
		t.Errorf("%d finals are kept, dropped %q", again.finals(), again.dropped)
	}
	again.describe(io.Discard, run.Plan)
}
