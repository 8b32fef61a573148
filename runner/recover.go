package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"tritonsweep/runner/docker"
	"tritonsweep/runner/undo"
	"tritonsweep/sweep"
)

// ErrServerEnded is what Find returns for a server that ended with its run, as a
// simulated one does: nothing is left to verify.
var ErrServerEnded = errors.New("the server ended with its run")

// Recovery brings back what an ended run left behind.
type Recovery struct {
	State undo.State
	// Find returns the server of the reference, or nil with the reason why it
	// cannot be reached.
	Find         func(ctx context.Context, ref undo.Reference) (Server, error)
	ReadyTimeout time.Duration
	// Run, when set, is the only run to recover: another one's journal is left.
	Run string
	// Patience is how long to wait for whoever holds the repository, a guardian
	// for example; nil is not at all.
	Patience undo.Patience
	// Restored, when set, is called once the files are back, Note with what people
	// should know besides.
	Restored func()
	Note     func(text string)
}

// Recover restores the repository of a pending journal: files first, then, if
// the server may run something else, a restart and a comparison of what it runs
// with what the files say. A change that was committed is completed instead. It
// is idempotent. A HeldError means that the run
// still lives.
func (r Recovery) Recover(ctx context.Context, doc undo.Document, command string) error {
	if doc.Server.Scratch && gone(doc.Repository) {
		return errors.Join(undo.Discard(r.State, doc), r.State.Reap())
	}
	lock, err := undo.AcquireWithin(ctx, r.State.Shared(), doc.Repository, command, r.Patience)
	if err != nil {
		return err
	}
	defer lock.Release()
	journal, err := undo.Resume(lock)
	if err != nil || journal == nil {
		return err // nil: somebody else was faster
	}
	if r.Run != "" && journal.Run != r.Run {
		return journal.Close()
	}
	if journal.Phase == undo.Committed {
		return errors.Join(journal.Conclude(lock), r.State.Reap())
	}
	return r.recover(ctx, journal)
}

func (r Recovery) recover(ctx context.Context, journal *undo.Journal) error {
	err := journal.Restore()
	conflict := onlyConflicts(err)
	if err != nil && conflict == nil {
		return errors.Join(&NotRestoredError{Err: err, Journal: journal.Path()}, journal.Close())
	}
	// The mark only tells people how far it got. A disk that is full must not keep
	// the server from its files, and who dies here restores them once more.
	marked := journal.MarkRestored()
	if r.Restored != nil {
		r.Restored()
	}
	if journal.Touched {
		if err := r.bringBack(ctx, journal, conflict); err != nil {
			return errors.Join(conflict, &NotVerifiedError{err}, marked, leave(journal, err))
		}
	}
	if err := journal.Finish(); err != nil {
		return errors.Join(conflict, marked, fmt.Errorf("removing the journal: %w", err))
	}
	return errors.Join(conflict, r.State.Reap())
}

func gone(dir string) bool {
	_, err := os.Stat(dir)
	return errors.Is(err, fs.ErrNotExist)
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
	if errors.Is(err, ErrServerEnded) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(journal.Overrides) > 0 {
		return r.removeOverrides(ctx, server, journal.Active())
	}
	again := newRun(Config{Server: server, Mode: Restart, ReadyTimeout: r.ReadyTimeout})
	again.applier = &restartApplier{server: server}
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
		if err := again.verifyFile(ctx, entry.Model, entry.Original.Name, entry.Original.Data); err != nil {
			return err
		}
	}
	return nil
}
