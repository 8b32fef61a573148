package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tritonsweep/results"
	"tritonsweep/runner/docker"
	"tritonsweep/runner/triton"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// mostMismatches ends a sweep whose configs do not come into force.
const mostMismatches = 2

// trial applies one settings value and measures it under every load. A config
// that the server refuses, or that does not come into force, is a result; only
// what would spoil the following trials too is returned.
func (r *run) trial(ctx context.Context, t sweep.Trial) error {
	t, err := r.leaveOut(t)
	if err != nil || len(t.Loads) == 0 {
		return err
	}
	if dead, found := r.tooHungry(t); found {
		return r.recordAll(t, results.Refused, fmt.Sprintf("not tried: the server was killed for lack of memory with %s", dead))
	}
	err = r.bring(ctx, t)
	var refused *RefusedError
	var unverified *UnverifiedConfigError
	switch {
	case err == nil:
		if !t.Settings.IsZero() { // the control proves nothing about changes
			r.mismatch = 0
		}
	case errors.As(err, &refused):
		return r.recordAll(t, results.Refused, refused.Reason)
	case errors.As(err, &unverified):
		if err := r.recordAll(t, results.Void, unverified.Error()); err != nil {
			return err
		}
		if r.mismatch++; r.mismatch >= mostMismatches {
			return fmt.Errorf("%d trials in a row did not come into force: %w", r.mismatch, err)
		}
		return nil
	default:
		return err
	}
	r.stopped, r.ended = nil, nil
	for _, l := range t.Loads {
		record := results.Record{}
		switch {
		case r.ended != nil:
			record = r.moot(t, l)
		case r.stopped != nil && heavier(l, *r.stopped):
			record = r.spare(t, l, *r.stopped)
		default:
			r.tell(Event{Step: Measuring, Trial: t, Load: l, Points: r.sequence})
			if record, err = r.point(ctx, t, l); err != nil {
				return err
			}
		}
		if err := r.record(t, record); err != nil {
			return err
		}
		if err := r.spoilt(); err != nil {
			return err
		}
		r.learn(record)
	}
	if r.ended != nil && r.Mode != Restart { // nobody starts it again
		return fmt.Errorf("the server ended: %w", r.ended)
	}
	return nil
}

// spoilt returns what a point showed that ends the run.
func (r *run) spoilt() error {
	if r.foreign != nil {
		return r.foreign
	}
	return r.hurt
}

// bring makes the server run the trial's settings and proves that it does.
func (r *run) bring(ctx context.Context, t sweep.Trial) error {
	r.tell(Event{Step: Applying, Trial: t, Points: r.sequence})
	r.changed = r.changed || r.Mode != None
	if err := r.start(ctx, t, func(ctx context.Context) error { return r.applier.apply(ctx, t) }, t.Model); err != nil {
		return err
	}
	r.tell(Event{Step: Verifying, Trial: t, Points: r.sequence})
	return r.verify(ctx, t)
}

// mostStarts is how often a server that crashes while it starts is started: on
// a busy machine Triton's backends sometimes do, whatever the config.
const mostStarts = 3

// start lets change bring about a start of the server, or a reload, and waits
// until it serves the models.
func (r *run) start(ctx context.Context, t sweep.Trial, change func(context.Context) error, models ...string) error {
	for attempt := 1; ; attempt++ {
		begin := time.Now()
		if err := change(ctx); err != nil {
			return err
		}
		r.tell(Event{Step: Starting, Trial: t, Points: r.sequence})
		err := r.ready(ctx, t, begin, models...)
		refused, ok := errors.AsType[*RefusedError](err)
		if !ok || !refused.Crashed || attempt == mostStarts {
			return err
		}
		r.tell(Event{Step: Warning, Text: fmt.Sprintf("the server crashed while starting, starting it again: %v", err)})
		change = r.applier.revert // restarts it with what is on disk now
	}
}

// ready waits until the server serves the models. A server that ended on its
// own refused the config.
func (r *run) ready(ctx context.Context, t sweep.Trial, since time.Time, models ...string) error {
	ctx, cancel := context.WithTimeout(ctx, r.ReadyTimeout)
	defer cancel()
	var ended error
	stopped := func() error {
		if r.Server != nil && r.Mode == Restart {
			ended = r.Server.Stopped(ctx)
		}
		return ended
	}
	err := stopped()
	if err == nil && r.Mode == Restart {
		err = r.reconnect(ctx)
	}
	for _, model := range models {
		if err == nil {
			err = r.client.WaitReady(ctx, model, triton.Wait{Stopped: stopped})
		}
	}
	switch {
	case err == nil:
		return nil
	case ended != nil:
		r.starved(t, ended)
		reason := r.refusal(ctx, since, ended)
		return &RefusedError{Model: models[0], Reason: reason, Crashed: crashed(ended) || strings.Contains(reason, deadStub)}
	}
	return r.notReady(ctx, models[0], since, err)
}

// notReady tells a server that runs but does not serve the model, which a
// config can cause too, from an interruption.
func (r *run) notReady(ctx context.Context, model string, since time.Time, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &RefusedError{Model: model, Reason: fmt.Sprintf("not ready after %s: %s", r.ReadyTimeout, r.refusal(ctx, since, err))}
	}
	return err
}

func (r *run) reconnect(ctx context.Context) error {
	client, err := r.Server.Connect(ctx)
	if err != nil {
		return fmt.Errorf("connecting to the restarted server: %w", err)
	}
	r.closeClient() // of the old process
	r.client = client
	return nil
}

// closeClient closes a connection that the run made; the caller's is the
// caller's.
func (r *run) closeClient() {
	if r.client != r.Config.Client {
		_ = r.client.Close() // it only read
	}
}

// deadStub is in what Triton says when a process of its Python backend died, or
// did not come up in time, while a model was loaded: on a busy machine one does,
// whatever the config, and Triton then ends of its own will.
const deadStub = "Stub process"

// crashed tells an end by a signal from an exit of Triton's own will. Running
// out of memory is none: it would happen again.
func crashed(ended error) bool {
	exit, ok := errors.AsType[*docker.ExitError](ended)
	return ok && exit.ExitCode > 128 && !exit.OOMKilled
}

// verify compares the config in force with the one asked for.
func (r *run) verify(ctx context.Context, t sweep.Trial) error {
	active, err := r.client.Config(ctx, t.Model)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return &UnverifiedConfigError{Model: t.Model, Err: err} // it died after it was ready, which may pass
	}
	if diff := tritonconfig.Match(t.Settings, r.originals[t.Model], active); len(diff) > 0 {
		return &UnverifiedConfigError{Model: t.Model, Differences: diff}
	}
	r.verified[t.Model] = active
	return nil
}

// recordAll gives every load of a trial the same verdict.
func (r *run) recordAll(t sweep.Trial, verdict results.Verdict, reason string) error {
	for _, l := range t.Loads {
		if err := r.record(t, r.untried(t, l, verdict, reason)); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) record(t sweep.Trial, record results.Record) error {
	r.sequence++
	record.Sequence = r.sequence
	if err := r.Record(record); err != nil {
		return &RecordError{err}
	}
	r.outcome.add(record)
	r.tell(Event{Step: Recorded, Trial: t, Load: record.Load, Record: &record, Points: r.sequence})
	return nil
}
