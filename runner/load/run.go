package load

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
)

// probes is how many single requests may fail before a model counts as refusing.
const probes = 8

// Run offers the load and measures one point. It returns an error, and no result,
// when nothing could be measured: the spec is impossible, the memory limit is
// passed (MemoryError), the first answer is wrong (AnswerError), no request is
// answered (RejectedError), an instance does not answer (InstancesError),
// Boundary fails, or ctx ends. Whatever else happens
// while measuring is in the Result: errors, a verdict, failed checks.
//
// It returns at the latest a little after Timeout for the probe, MaxDuration for
// the warm-up, MaxDuration for the window and Timeout for the last calls, also
// when the server hangs. No goroutine is left behind.
func Run(ctx context.Context, t Transport, spec Spec) (Result, error) {
	r, release, err := newRun(ctx, t, spec)
	if err != nil {
		return Result{}, err
	}
	defer release()
	latency, err := r.probe(ctx)
	if err != nil {
		return Result{}, err
	}
	if err := r.rollCall(ctx); err != nil {
		return Result{}, err
	}
	return r.measure(ctx, latency)
}

// Probe sends one request, and a few more where they fail, and checks the first
// answer. Nothing is measured.
func Probe(ctx context.Context, t Transport, spec Spec) error {
	r, release, err := newRun(ctx, t, spec)
	if err != nil {
		return err
	}
	defer release()
	_, err = r.probe(ctx)
	return err
}

// newRun checks and completes the spec and encodes the requests, and puts their
// tensors into shared memory where that is asked for, until release is called.
func newRun(ctx context.Context, t Transport, spec Spec) (_ *run, release func(), err error) {
	if err := spec.Validate(); err != nil {
		return nil, nil, err
	}
	spec = spec.withDefaults()
	r := &run{spec: spec, transport: t, request: spec.Request}
	release = func() {}
	switch {
	case r.request != nil:
	case spec.Regions != nil:
		r.transport, r.request, release, err = share(ctx, t, &r.spec)
		return r, release, err
	default:
		if r.request, err = newRequest(spec.Model, spec.Data, spec.Load.BatchSize, encodingOf(t)); err != nil {
			return nil, nil, err
		}
	}
	return r, release, r.spec.fits(r.request.what(), r.request.Bytes(), r.request.Answer())
}

// run is the state of one Run.
type run struct {
	spec      Spec
	transport Transport
	request   *Request
	recorder  *recorder
	offered   generator
	shifted   time.Time // when the generator last was
	backlog   backlog   // since the window began, or since a while in the warm-up

	processors *processors

	begun    time.Time     // of the warm-up
	opened   time.Time     // of the window
	used     usage         // at that instant
	resent   int64         // the same
	latency  time.Duration // typical, for pauses and patience
	slack    int64         // requests that may be counted on one side only
	stopping stopping      // of the window
	asked    int           // requests of the roll call
}

// probe sends single requests until one is answered, checks the answer, and
// returns how long it took. The answer's size is then known for models whose
// outputs vary.
func (r *run) probe(ctx context.Context) (time.Duration, error) {
	var first error
	began := time.Now()
	for try := range probes {
		limited, cancel := context.WithTimeout(ctx, r.spec.Timeout)
		start := time.Now()
		answer, err := r.transport.Infer(limited, 0, &r.request.payloads[0], true)
		latency := time.Since(start)
		cancel()
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		if err == nil {
			if err := r.request.check(answer.Body); err != nil {
				return 0, fmt.Errorf("%s: %w", r.request.what(), err)
			}
			if r.spec.Regions != nil {
				return latency, nil // the region is made, and holds what there is
			}
			return latency, r.spec.fits(r.request.what(), r.request.Bytes(), int64(answer.Bytes))
		}
		if first == nil {
			first = err
		}
		// One that hung until its deadline, or that the server says can never
		// work, is not tried again; nor for longer than one request may take.
		if time.Since(began) >= r.spec.Timeout {
			return 0, r.rejected(int64(try+1), first)
		}
		if f, ok := errors.AsType[Failure](err); ok && f.Final() {
			return 0, r.rejected(int64(try+1), first)
		}
		switch statusOf(err).Code() {
		case codes.DeadlineExceeded, codes.InvalidArgument, codes.NotFound, codes.Unimplemented, codes.Unauthenticated, codes.PermissionDenied:
			return 0, r.rejected(int64(try+1), first)
		}
		sleep(ctx, 5*time.Millisecond<<try)
	}
	return 0, r.rejected(probes, first)
}

func (r *run) rejected(tries int64, err error) error {
	return &RejectedError{What: r.request.what(), Tries: tries, Reason: describe(err), Err: err}
}

// measure runs warm-up, window and drain.
func (r *run) measure(ctx context.Context, probed time.Duration) (Result, error) {
	r.begun, r.latency = time.Now(), probed
	r.recorder = newRecorder(r.begun, min(max(r.spec.Warmup/20, 5*time.Millisecond), batchWidth), r.spec.floats())
	debug.FreeOSMemory() // of earlier points and of encoding: the peak shall be this point's
	resetPeak()
	r.processors = claimProcessors(r.spec.host(), r.spec.Shared)
	defer r.processors.release()
	r.offered, r.shifted = r.generate(ctx, probed), r.begun
	defer func() { r.offered.stop(0) }() // after an error: at once
	if err := r.warm(ctx); err != nil {
		return Result{}, err
	}
	final, err := r.window(ctx)
	if err != nil {
		return Result{}, err
	}
	r.offered.stop(min(r.spec.Timeout, 2*time.Second+3*r.latency))
	final.varies = r.sways(ctx)
	return final.result(), nil
}

// generate starts the load.
func (r *run) generate(ctx context.Context, probed time.Duration) generator {
	c := caller{spec: r.spec, transport: r.transport, request: r.request, recorder: r.recorder, sent: new(atomic.Int64)}
	if r.spec.Load.Open() {
		return startArrivals(ctx, c)
	}
	if r.spec.Mix != nil {
		return r.spec.Mix.join(ctx, c, min(probed, time.Second))
	}
	return startCallers(ctx, c, min(probed, time.Second))
}

// warm waits until the load is steady.
func (r *run) warm(ctx context.Context) error {
	tick := min(max(r.spec.Warmup/4, 10*time.Millisecond), 250*time.Millisecond)
	least := r.warmRequests()
	most := max(r.spec.Warmup, r.spec.MaxDuration)
	for {
		sleep(ctx, tick)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		now := time.Now()
		elapsed := now.Sub(r.begun)
		successes, failures := r.recorder.counts()
		r.progress(false, elapsed, 0)
		if successes == 0 && (failures >= max(least, 2*probes) || elapsed >= max(most, r.spec.Timeout)) {
			return &RejectedError{What: r.request.what(), Tries: failures, Reason: r.recorder.reason()}
		}
		if successes == 0 {
			continue
		}
		warm := r.recorder.warmup(now)
		r.latency = warm.mean()
		changed := r.processors.adapt(r.spec.host(), r.latency)
		if elapsed >= r.spec.Warmup && r.pilesUp(now) {
			return nil // it will never be steady
		}
		if elapsed >= most || !changed && r.spec.warmed(elapsed, successes+failures, least, warm) {
			return nil
		}
	}
}

// leastArrivals is how many requests of an open loop a warm-up holds.
const leastArrivals = 20

// warmRequests is how many requests a warm-up holds at least: two of every caller.
func (r *run) warmRequests() int64 {
	if r.spec.Load.Open() {
		return leastArrivals
	}
	return int64(2 * r.spec.Load.Concurrency)
}

// waiting estimates how many requests of an open loop should have been sent by
// now and are not answered.
func (r *run) waiting(now time.Time) float64 {
	behind := max(r.offered.behind(now), 0)
	return float64(r.recorder.underway()) + behind.Seconds()*r.spec.Load.Rate
}

// pilesUp reports whether the requests of an open loop became hopelessly more
// between two instants of the warm-up, of which the second is twice as late.
func (r *run) pilesUp(now time.Time) bool {
	if !r.spec.Load.Open() {
		return false
	}
	if r.backlog.since.IsZero() || now.Sub(r.begun) >= 2*r.backlog.since.Sub(r.begun) {
		before := r.backlog
		r.mark(now)
		return !before.since.IsZero() && hopeless(before.grown(now, r.backlog.waiting))
	}
	return false
}

// mark remembers how many requests wait now.
func (r *run) mark(now time.Time) {
	r.backlog = backlog{rate: r.spec.Load.Rate, since: now, waiting: r.waiting(now)}
}
