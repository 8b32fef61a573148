package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// window measures until the intervals are narrow at two looks in a row or the
// time is up.
func (r *run) window(ctx context.Context) (*outcome, error) {
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	limit := r.opened.Add(r.spec.MaxDuration)
	r.stopping = newStopping(r.spec)
	for {
		if err := r.sleepUntil(ctx, r.opened.Add(r.stopping.next), limit); err != nil {
			return nil, err
		}
		now := time.Now()
		v := r.recorder.look(now)
		j := r.spec.judge(v)
		grown, arrived := r.backlog.grown(now, r.waiting(now))
		if j.known {
			r.latency = time.Duration(j.mean.Value * float64(time.Millisecond))
		}
		r.progress(true, v.elapsed, j.width)
		if r.spec.Load.Open() && v.elapsed >= r.spec.MinDuration && hopeless(grown, arrived) {
			return r.close(ctx)
		}
		switch r.stopping.look(v.elapsed, limit.Sub(now), r.latency, j) {
		case enough:
			return r.close(ctx)
		case anew:
			if err := r.open(ctx); err != nil {
				return nil, err
			}
		}
	}
}

// open begins a window.
func (r *run) open(ctx context.Context) error {
	if err := r.gather(ctx, WindowStart); err != nil {
		return err
	}
	before, _ := r.recorder.counts()
	if err := r.boundary(ctx, WindowStart); err != nil {
		return err
	}
	r.used, r.resent = r.spec.host(), resentBy(r.transport)
	r.opened = time.Now()
	r.recorder.begin(r.opened)
	r.mark(r.opened)
	after, _ := r.recorder.counts()
	r.slack = after - before
	return nil
}

// close ends the window.
func (r *run) close(ctx context.Context) (*outcome, error) {
	if err := r.gather(ctx, WindowEnd); err != nil {
		return nil, err
	}
	before, _ := r.recorder.counts()
	if err := r.boundary(ctx, WindowEnd); err != nil {
		return nil, err
	}
	end := time.Now()
	w := r.recorder.end(end)
	grown, arrived := r.backlog.grown(end, r.waiting(end))
	effort := r.spec.host().since(r.used, end.Sub(r.opened))
	after, _ := r.recorder.counts()
	o := &outcome{
		run: r, window: w, end: end, effort: effort, resent: resentBy(r.transport) - r.resent,
		tolerance: int64(r.spec.Load.Concurrency) + max(w.flow.before, w.flow.after) + max(r.slack, after-before),
	}
	if r.spec.Load.Open() && overloaded(grown, arrived) {
		o.overload = backlogText(r.spec.Load, grown, arrived)
	}
	return o, nil
}

// gather waits for others; what is answered meanwhile is in no window's count.
func (r *run) gather(ctx context.Context, at Phase) error {
	if r.spec.Gather == nil || ctx.Err() != nil {
		return contextError(ctx)
	}
	return r.spec.Gather(ctx, at)
}

func (r *run) boundary(ctx context.Context, at Phase) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if r.spec.Boundary == nil {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, r.spec.Timeout)
	defer cancel()
	if err := r.spec.Boundary(limited, at); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("at the %s: %w", at, err)
	}
	return nil
}

// sleepUntil waits for the next look or the limit, and shifts the callers against
// each other on the way.
func (r *run) sleepUntil(ctx context.Context, look, limit time.Time) error {
	if limit.Before(look) {
		look = limit
	}
	for {
		segment := r.shifted.Add(max(time.Second, 100*r.latency))
		if !segment.Before(look) {
			sleep(ctx, time.Until(look))
			return contextError(ctx)
		}
		sleep(ctx, time.Until(segment))
		if err := contextError(ctx); err != nil {
			return err
		}
		r.shifted = time.Now()
		r.offered.shift(r.latency)
	}
}

func contextError(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return errors.New("interrupted")
}

func (r *run) progress(measuring bool, elapsed time.Duration, width float64) {
	if r.spec.Progress == nil {
		return
	}
	successes, _ := r.recorder.counts()
	if math.IsInf(width, 1) {
		width = 0
	}
	r.spec.Progress(Progress{Measuring: measuring, Elapsed: elapsed, Requests: successes, Precision: width})
}
