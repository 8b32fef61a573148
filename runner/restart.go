package runner

import (
	"context"
	"fmt"

	"tritonsweep/runner/undo"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// restartApplier writes the configs and restarts the server.
type restartApplier struct {
	server  Server
	journal *undo.Journal
	files   map[string]*tritonconfig.File // untouched
}

func (a *restartApplier) apply(ctx context.Context, t sweep.Trial) error {
	edited, _, err := a.files[t.Model].Apply(t.Settings)
	if err != nil {
		return &RefusedError{Model: t.Model, Reason: err.Error()}
	}
	for model, file := range a.files {
		if model == t.Model {
			file = edited
		}
		if err := a.journal.Write(model, file.Bytes()); err != nil {
			return err
		}
	}
	if err := a.journal.Touch(); err != nil {
		return err
	}
	return a.restart(ctx)
}

func (a *restartApplier) revert(ctx context.Context) error {
	return a.restart(ctx) // the files are back already
}

func (a *restartApplier) restart(ctx context.Context) error {
	if err := a.server.Restart(ctx); err != nil {
		return fmt.Errorf("restarting the server: %w", err)
	}
	return nil
}

// noneApplier changes nothing.
type noneApplier struct{}

func (noneApplier) apply(_ context.Context, t sweep.Trial) error {
	if !t.Settings.IsZero() {
		return fmt.Errorf("%s: mode none cannot apply %s", t.Model, t.Settings)
	}
	return nil
}

func (noneApplier) revert(context.Context) error { return nil }
