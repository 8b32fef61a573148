package main

import (
	"fmt"
	"io"
	"slices"

	"tritonsweep/results"
	"tritonsweep/results/report"
	"tritonsweep/runner/load"
	"tritonsweep/sweep"
)

// finals follows a run from its planned rounds to its finals: it collects the
// records, and when the plan is through it says which trials measure the best
// settings afresh.
type finals struct {
	run     results.Run
	spec    load.Spec
	display *progress
	records []results.Record
	have    map[planPoint]bool // of a resumed run: what need not be measured again
	warned  bool
	chosen  bool
	trials  []sweep.Trial
}

// newFinals follows a run; of a plan without finals it has nothing to say.
func newFinals(run results.Run, o options, display *progress) *finals {
	f := &finals{run: run, spec: o.spec, display: display, have: map[planPoint]bool{}}
	_, display.finals = run.Plan.MostFinal()
	if o.resumed != nil {
		f.records = slices.Clone(o.resumed.kept)
		for _, r := range o.resumed.kept {
			if r.Final {
				f.have[pointOf(r)] = true
			}
		}
		display.finals -= len(f.have)
	}
	return f
}

// record takes a record in. Once every model's untouched config was measured
// twice, it says if the machine is too noisy for what is about to begin.
func (f *finals) record(r results.Record) {
	if !f.warned && r.Round == 1 && !r.Settings.IsZero() {
		f.warned = true
		for model, floor := range report.Analyze(f.run, f.records).TooNoisy() {
			f.display.note(fmt.Sprintf("too noisy: %s as configured differed from itself by %.1f %%: there will be no recommendation%s",
				model, 100*floor.Difference, f.hint()))
		}
	}
	f.records = append(f.records, r)
}

func (f *finals) hint() string {
	if f.run.Force {
		return " but a forced one"
	}
	return " unless it calms down (hint: end what else uses the machine, or --force)"
}

// next returns the trials of the finals, one at a time.
func (f *finals) next() (sweep.Trial, bool) {
	if !f.chosen {
		f.chosen = true
		f.choose()
	}
	if len(f.trials) == 0 {
		return sweep.Trial{}, false
	}
	t := f.trials[0]
	f.trials = f.trials[1:]
	return t, true
}

func (f *finals) choose() {
	settings := map[string]bool{}
	points := 0
	for _, t := range report.Finals(f.run, f.records, f.spec.Precision, f.spec.MaxDuration) {
		if !t.Settings.IsZero() {
			settings[t.Model+t.Settings.Key()] = true
		}
		t = without(t, f.have)
		if points += len(t.Loads); len(t.Loads) > 0 {
			f.trials = append(f.trials, t)
		}
	}
	f.display.setFinals(points)
	if points > 0 {
		f.display.note(fmt.Sprintf("finals: %d settings may be the best, measured afresh beside the untouched config: %d points", len(settings), points))
	}
}

// describeFinals tells what a plan adds to its trials.
func describeFinals(w io.Writer, plan sweep.Plan) {
	if trials, points := plan.MostFinal(); trials > 0 {
		fmt.Fprintf(w, "then: up to %d of the best are measured afresh, in %d rounds beside the untouched config: %d trials, %d points at most\n",
			plan.Finals.Settings, plan.Finals.Rounds, trials, points)
	}
}
