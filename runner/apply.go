package runner

import (
	"context"
	"errors"
	"fmt"

	"tritonsweep/internal/atomicfile"
	"tritonsweep/results"
	"tritonsweep/runner/load"
	"tritonsweep/runner/undo"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// Change replaces one model's config for good.
type Change struct {
	Model string
	// Data is the whole new file.
	Data []byte
	// Settings are what is new in it, for the canary's record.
	Settings tritonconfig.Settings
	// Infer demands an answered request before the change stays.
	Infer bool
	// Canary, when set, decides whether it stays.
	Canary *Canary
	// Entry is what the history is to say, given the file as it was.
	Entry func(original atomicfile.Snapshot) undo.Applied
}

// Canary measures a change: one load before it and the same load after it.
type Canary struct {
	Load sweep.Load
	// Judge returns why the change must not stay, or nil.
	Judge func(before, after results.Record) error
}

// Apply writes a change, restarts the server and verifies that it serves the
// model with it. Until the canary is content the change is on trial: if anything
// fails, and also if this process dies, the original is put back like after a
// sweep. Then one durable step decides that it stays.
func Apply(ctx context.Context, config Config, change Change) error {
	config.Plan.Trials = change.trials()
	r := newRun(config)
	defer r.closeClient()
	if err := r.prepare(ctx); err != nil {
		return err
	}
	if err := r.try(ctx, change); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return errors.Join(err, r.restore(context.WithoutCancel(ctx)))
	}
	r.tell(Event{Step: Committed})
	return r.conclude()
}

// trials are the change's and, before it, that of the config as it is.
func (c Change) trials() []sweep.Trial {
	before, after := sweep.Trial{Model: c.Model, Control: true, Round: 1}, sweep.Trial{Model: c.Model, Settings: c.Settings, Round: 1}
	if c.Canary != nil {
		before.Loads, after.Loads = []sweep.Load{c.Canary.Load}, []sweep.Load{c.Canary.Load}
	}
	return []sweep.Trial{before, after}
}

// try brings the change into force, asks the canary, and commits.
func (r *run) try(ctx context.Context, change Change) error {
	before, after := r.Plan.Trials[0], r.Plan.Trials[1]
	var old, now results.Record
	var err error
	if change.Canary != nil {
		if old, err = r.canary(ctx, before); err != nil {
			return err
		}
	}
	if err := r.commit(ctx, change, after); err != nil {
		return err
	}
	if change.Canary != nil {
		if now, err = r.canary(ctx, after); err != nil {
			return err
		}
		if err := change.Canary.Judge(old, now); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err // asked to stop before the decision: the old config it is
	}
	return r.journal.Commit(change.Entry(r.journal.Entry(change.Model).Original))
}

// commit brings the change into force and proves that it is.
func (r *run) commit(ctx context.Context, change Change, t sweep.Trial) error {
	r.tell(Event{Step: Applying, Trial: t, Points: r.sequence})
	r.changed = true
	if err := r.journal.Write(change.Model, change.Data); err != nil {
		return err
	}
	if err := r.journal.Touch(); err != nil {
		return err
	}
	if err := r.start(ctx, t, r.applier.revert, change.Model); err != nil {
		return err
	}
	r.tell(Event{Step: Verifying, Trial: t, Points: r.sequence})
	if err := r.verifyFile(ctx, change.Model, r.journal.Entry(change.Model).Original.Name, change.Data); err != nil {
		return err
	}
	if !change.Infer {
		return nil
	}
	return r.infer(ctx, change.Model)
}

// verifyFile compares everything that a model's file says with what is in force.
func (r *run) verifyFile(ctx context.Context, model, name string, data []byte) error {
	file, err := tritonconfig.Parse(name, data)
	if err != nil {
		return err
	}
	active, err := inForce(ctx, r.client, model)
	if err != nil {
		return err
	}
	config, err := file.Config()
	if err != nil {
		return err
	}
	if diff := tritonconfig.Match(file.Settings(), config, active); len(diff) > 0 {
		return &UnverifiedConfigError{Model: model, Differences: diff}
	}
	r.verified[model] = active
	return nil
}

// infer sends a request and checks its answer: a model that is ready need not work.
func (r *run) infer(ctx context.Context, model string) error {
	now, err := r.snapshot(ctx, model)
	if err != nil {
		return err
	}
	spec := r.Load
	spec.Load = sweep.Load{Concurrency: 1, BatchSize: 1}
	spec.Data = r.dataOf(model)
	spec, transport, err := r.reach(ctx, spec, model, now)
	if err != nil {
		return err
	}
	defer transport.Close()
	return load.Probe(ctx, transport, spec)
}

// canary measures one trial, which is in force already.
func (r *run) canary(ctx context.Context, t sweep.Trial) (results.Record, error) {
	l := t.Loads[0]
	r.tell(Event{Step: Measuring, Trial: t, Load: l, Points: r.sequence})
	record, err := r.point(ctx, t, l)
	if err != nil {
		return record, err
	}
	r.sequence++
	record.Sequence = r.sequence
	r.tell(Event{Step: Recorded, Trial: t, Load: l, Record: &record, Points: r.sequence})
	return record, nil
}

// conclude ends a committed journal, and the guardian with it.
func (r *run) conclude() error {
	if err := r.journal.Conclude(r.Lock); err != nil {
		return fmt.Errorf("applied, but not remembered yet for a rollback: %w (hint: tritonsweep restore completes it)", err)
	}
	return r.dismissGuardian()
}
