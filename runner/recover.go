package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tritonsweep/runner/docker"
	"tritonsweep/runner/undo"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// Recovery brings back what an ended run left behind.
type Recovery struct {
	State undo.State
	// Find returns the server of the reference, or nil with the reason why it
	// cannot be reached.
	Find         func(ctx context.Context, ref undo.Reference) (Server, error)
	ReadyTimeout time.Duration
}

// Recover restores the repository of a pending journal: files first, then, if
// the server may run something else, a restart and a comparison of what it runs
// with what the files say. It is idempotent. A HeldError means that the run
// still lives.
func (r Recovery) Recover(ctx context.Context, doc undo.Document, command string) error {
	lock, err := undo.Acquire(r.State, doc.Repository, command)
	if err != nil {
		return err
	}
	defer lock.Release()
	journal, err := undo.Resume(lock)
	if err != nil || journal == nil {
		return err // nil: somebody else was faster
	}
	err = journal.Restore()
	conflict := onlyConflicts(err)
	if err != nil && conflict == nil {
		return errors.Join(&NotRestoredError{Err: err, Journal: journal.Path()}, journal.Close())
	}
	if err := journal.MarkRestored(); err != nil {
		return errors.Join(conflict, &NotVerifiedError{err}, journal.Close())
	}
	if journal.Touched {
		if err := r.bringBack(ctx, journal, conflict); err != nil {
			return errors.Join(conflict, &NotVerifiedError{err}, leave(journal, err))
		}
	}
	return errors.Join(conflict, journal.Finish())
}

// leave keeps the journal of a server that could not be verified, so that a
// later restore can try again. When the container is gone there is nothing left
// to verify: whatever replaces it starts with the restored files.
func leave(journal *undo.Journal, err error) error {
	if errors.Is(err, docker.ErrGone) || errors.Is(err, docker.ErrNotFound) {
		return journal.Finish()
	}
	return journal.Close()
}

// bringBack restarts the server and checks each model of the journal.
func (r Recovery) bringBack(ctx context.Context, journal *undo.Journal, conflict error) error {
	server, err := r.Find(ctx, journal.Server)
	if err != nil {
		return err
	}
	again := &run{
		Config:  Config{Server: server, Mode: Restart, ReadyTimeout: r.ReadyTimeout},
		applier: &restartApplier{server: server},
	}
	defer again.closeClient()
	var models []string
	for _, entry := range journal.Files {
		models = append(models, entry.Model)
	}
	if err := again.start(ctx, sweep.Trial{}, again.applier.revert, models...); err != nil {
		return err
	}
	for _, entry := range journal.Files {
		if conflicting(conflict, entry.Model) {
			continue
		}
		file, err := tritonconfig.Parse(entry.Original.Name, entry.Original.Data)
		if err != nil {
			return err
		}
		active, err := again.client.Config(ctx, entry.Model)
		if err != nil {
			return fmt.Errorf("reading the config in force: %w", err)
		}
		config, err := file.Config()
		if err != nil {
			return err
		}
		if diff := tritonconfig.Match(file.Settings(), config, active); len(diff) > 0 {
			return &UnverifiedConfigError{Model: entry.Model, Differences: diff}
		}
	}
	return nil
}
