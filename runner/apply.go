package runner

import (
	"context"
	"errors"
	"time"

	"tritonsweep/internal/atomicfile"
	"tritonsweep/runner/undo"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// Change replaces one model's config for good.
type Change struct {
	Model string
	// Settings is what must be in force afterwards; zero where Data is a whole
	// older file (a rollback).
	Settings tritonconfig.Settings
	Data     []byte
}

// Apply writes a change, restarts the server and verifies that it serves the
// model with it. If that fails in any way the original is put back, like after
// a sweep. The returned snapshot is the file as it was.
func Apply(ctx context.Context, config Config, change Change) (before atomicfile.Snapshot, err error) {
	config.Plan = sweep.Plan{Trials: []sweep.Trial{{Model: change.Model}}}
	r := &run{Config: config, client: config.Client}
	defer r.closeClient()
	if err := r.prepare(ctx); err != nil {
		return before, err
	}
	before = r.journal.Entry(change.Model).Original
	if err := r.commit(ctx, change); err != nil {
		return before, errors.Join(err, r.restore(context.WithoutCancel(ctx)))
	}
	return before, r.finish()
}

// commit brings the change into force.
func (r *run) commit(ctx context.Context, change Change) error {
	r.changed = true
	if err := r.journal.Write(change.Model, change.Data); err != nil {
		return err
	}
	if err := r.start(ctx, sweep.Trial{Model: change.Model}, r.applier.revert, change.Model); err != nil {
		return err
	}
	if change.Settings.IsZero() {
		return nil
	}
	return r.verify(ctx, sweep.Trial{Model: change.Model, Settings: change.Settings})
}

// Remembered returns the history entry of a change that was applied.
func Remembered(change Change, before atomicfile.Snapshot, run string, now time.Time) undo.Applied {
	return undo.Applied{Time: now.UTC(), Run: run, Model: change.Model, Before: before, After: atomicfile.Sum(change.Data)}
}
