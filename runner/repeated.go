package runner

import (
	"context"
	"fmt"

	"tritonsweep/results"
	"tritonsweep/runner/load"
	"tritonsweep/sweep"
)

// compareInputs asks every model, as it was found, whether it answers input that it
// knows faster than other input. What it finds is a check of all of the model's
// records. Only an interruption is an error. A pipeline sends its models what it
// likes, and is not asked.
func (r *run) compareInputs(ctx context.Context) error {
	if r.Pipeline != nil {
		return nil
	}
	for _, model := range r.models() {
		c := r.compareInput(ctx, model)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r.repeated[model] = c
		if c.Suspect {
			r.tell(Event{Step: Warning, Text: fmt.Sprintf("%s: %s", model, c.Detail)})
		}
	}
	return nil
}

// compareInput is the rule for one model. Where it cannot be judged, nothing is
// held against it.
func (r *run) compareInput(ctx context.Context, model string) results.Check {
	loaded, stop := r.guard(ctx)
	defer stop()
	repetition, err := r.repetition(loaded, model)
	if err != nil {
		return results.Check{Name: "repeated", Passed: true, Detail: "repeated and new input were not compared: " + err.Error()}
	}
	return repetition.Check()
}

// repetition compares with the batch of the model's first point.
func (r *run) repetition(ctx context.Context, model string) (load.Repetition, error) {
	p := &part{trial: sweep.Trial{Model: model}, load: sweep.Load{Concurrency: 1, BatchSize: 1}}
	for _, t := range r.Plan.Trials {
		if t.Model == model && len(t.Loads) > 0 {
			p.load.BatchSize = t.Loads[0].BatchSize
			break
		}
	}
	if err := r.specify(ctx, p, 0); err != nil {
		return load.Repetition{}, err
	}
	spec, transport, err := r.reach(ctx, p.spec, model, p.before)
	if err != nil {
		return load.Repetition{}, err
	}
	defer transport.Close()
	return load.CompareRepeated(ctx, transport, spec)
}
