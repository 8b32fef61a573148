package runner

import (
	"context"

	"tritonsweep/results"
	"tritonsweep/runner/load"
	"tritonsweep/runner/pipeline"
	"tritonsweep/sweep"
)

// RunPipelines carries out a plan whose models are targets of an HTTP API.
// Nothing is changed, so there is nothing to restore: of the config only Run,
// Plan, Load, Base, Record and Progress are used.
func RunPipelines(ctx context.Context, config Config, targets map[string]*pipeline.Request) (Outcome, error) {
	config.Mode = None
	r := newRun(config)
	for _, t := range r.Plan.Trials {
		for _, l := range t.Loads {
			r.tell(Event{Step: Measuring, Trial: t, Load: l, Points: r.sequence})
			records, err := r.twice(ctx, func() []results.Record {
				return []results.Record{r.measureTarget(ctx, t, l, targets[t.Model])}
			})
			if err == nil {
				err = r.record(t, records[0])
			}
			if err != nil {
				r.outcome.Interrupted = ctx.Err() != nil
				return r.outcome, err
			}
		}
	}
	return r.outcome, nil
}

// measureTarget measures one target under one load.
func (r *run) measureTarget(ctx context.Context, t sweep.Trial, l sweep.Load, target *pipeline.Request) results.Record {
	record := r.blank(t, l)
	record.Environment = r.environment(snapshot{})
	record.Environment.Pipeline, record.Environment.InputSource = target.Target().Address(), target.Source()
	spec := r.Load
	spec.Load, spec.Seed = l, r.Plan.Seed+uint64(r.sequence)
	if l.Arrivals != sweep.Recorded {
		spec.Intervals = nil
	}
	w := r.watchWindow(Identity{})
	defer w.stop()
	spec.Boundary = func(_ context.Context, at load.Phase) error { w.boundary(at); return nil }
	result, stages, err := pipeline.Measure(ctx, target, spec)
	if err != nil {
		unmeasured(&record, err)
		return record
	}
	r.fill(&record, result)
	record.Stages = stages
	w.judge(&record, result, nil)
	return record
}

// fill puts what the client saw into a record.
func (r *run) fill(record *results.Record, result load.Result) {
	record.Start, record.Duration, record.Warmup = result.Start, result.Duration.Seconds(), result.Warmup.Seconds()
	record.Client = result.Client()
	record.Resources.ClientMemory = result.PeakMemory()
}
