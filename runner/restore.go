package runner

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"tritonsweep/runner/undo"
	"tritonsweep/sweep"
)

// restore puts every config back, restarts the server if it may run something
// else, and verifies that it runs the originals. Files come first and need no
// server; a closed Hurry ends it after them.
func (r *run) restore(ctx context.Context) error {
	if r.journal == nil && !r.changed {
		return nil
	}
	if r.foreign != nil && r.Mode == Reload {
		// What is loaded now is theirs, and our override went when it came.
		r.tell(Event{Step: Warning, Text: fmt.Sprintf("%s: what somebody else loaded stays", r.foreign.Model)})
		if r.journal == nil {
			return nil
		}
		return r.finish()
	}
	r.tell(Event{Step: Restoring, Points: r.sequence})
	var conflict error
	if r.journal != nil {
		err := r.journal.Restore()
		if conflict = onlyConflicts(err); err != nil && conflict == nil {
			return errors.Join(&NotRestoredError{Err: err, Journal: r.journal.Path()}, r.journal.Close())
		}
		if err := r.journal.MarkRestored(); err != nil {
			// A full disk must not keep the server from getting its files back;
			// a later recovery finds them restored.
			r.tell(Event{Step: Warning, Text: fmt.Sprintf("noting that the files are restored: %v", err)})
		}
	}
	if err := r.verifyOriginals(ctx, conflict); err != nil {
		unverified := &NotVerifiedError{err}
		if r.journal != nil {
			return errors.Join(conflict, unverified, leave(r.journal, err))
		}
		return errors.Join(conflict, unverified)
	}
	if r.journal != nil {
		if err := r.finish(); err != nil {
			return errors.Join(conflict, err)
		}
	}
	r.tell(Event{Step: Done, Points: r.sequence})
	return conflict
}

// verifyOriginals makes the server run the restored configs and checks it.
func (r *run) verifyOriginals(ctx context.Context, conflict error) error {
	if !r.changed {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.ReadyTimeout+stopReserve)
	defer cancel()
	go func() {
		select {
		case <-r.Hurry:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := r.start(ctx, sweep.Trial{}, r.applier.revert, r.models()...); err != nil {
		return err
	}
	for model, original := range r.originals {
		if conflicting(conflict, model) {
			continue // their config runs now, as they wanted
		}
		same, err := serves(ctx, r.client, model, original)
		if err != nil {
			return err
		}
		if !same {
			return fmt.Errorf("%s: %w", model, errAnotherConfig)
		}
	}
	return nil
}

// stopReserve is added to the deadline of the last restart: a server that
// drains requests takes that long to stop.
const stopReserve = time.Minute

// onlyConflicts returns err when all that it joins are conflicts, which leave
// nothing to restore; otherwise nil.
func onlyConflicts(err error) error {
	for part := range parts(err) {
		if _, ok := errors.AsType[*undo.ConflictError](part); !ok {
			return nil
		}
	}
	return err
}

func conflicting(err error, model string) bool {
	for part := range parts(err) {
		if c, ok := errors.AsType[*undo.ConflictError](part); ok && c.Model == model {
			return true
		}
	}
	return false
}

// parts yields what err joins.
func parts(err error) iter.Seq[error] {
	return func(yield func(error) bool) {
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok {
			if err != nil {
				yield(err)
			}
			return
		}
		for _, part := range joined.Unwrap() {
			if !yield(part) {
				return
			}
		}
	}
}
