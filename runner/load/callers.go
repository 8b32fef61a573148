package load

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// checkEvery is how often an answer is decoded and checked.
const checkEvery = 1000

// callers is the closed loop: a number of goroutines that send as soon as they
// were answered.
type callers struct {
	spec      Spec
	transport Transport
	request   *Request
	recorder  *recorder

	sent    atomic.Int64 // requests begun, for the rotation of payloads
	segment atomic.Int64 // a change makes every caller pause once
	pause   atomic.Int64 // the longest such pause, nanoseconds
	shifted time.Time    // when they last did; the controller's
	stopped atomic.Bool
	group   sync.WaitGroup
	cancel  context.CancelFunc
}

// startCallers starts all callers, each after a random part of jitter.
func startCallers(ctx context.Context, s Spec, t Transport, r *Request, rec *recorder, jitter time.Duration) *callers {
	ctx, cancel := context.WithCancel(ctx)
	c := &callers{spec: s, transport: t, request: r, recorder: rec, cancel: cancel}
	c.pause.Store(int64(jitter))
	c.shifted = time.Now()
	for i := range s.Load.Concurrency {
		random := rand.New(rand.NewPCG(s.Seed, uint64(i)))
		c.group.Go(func() { c.loop(ctx, i, random) })
	}
	return c
}

// stop lets callers finish their requests, cancels those that take longer than
// patience, and returns when all are gone.
func (c *callers) stop(patience time.Duration) {
	c.stopped.Store(true)
	timer := time.AfterFunc(patience, c.cancel)
	defer timer.Stop()
	c.group.Wait()
	c.cancel()
}

// shift makes every caller wait once for a random time up to at most, between two
// of its requests. The callers' phases against each other, and against the
// server's batches, are drawn anew.
func (c *callers) shift(now time.Time, most time.Duration) {
	c.shifted = now
	c.pause.Store(int64(most))
	c.segment.Add(1)
}

func (c *callers) loop(ctx context.Context, caller int, random *rand.Rand) {
	c.wait(ctx, random)
	segment, failures := c.segment.Load(), 0
	for !c.stopped.Load() && ctx.Err() == nil {
		if now := c.segment.Load(); now != segment {
			segment = now
			c.recorder.paused(c.wait(ctx, random))
			continue
		}
		if c.call(ctx, caller) {
			failures = 0
			continue
		}
		// A server that refuses at once would be asked a hundred thousand times
		// a second, and the client's CPU be all that is measured.
		failures = min(failures+1, 8)
		c.recorder.paused(sleep(ctx, time.Millisecond<<(failures-1)))
	}
}

// wait pauses for a random part of the current pause and returns how long it was.
func (c *callers) wait(ctx context.Context, random *rand.Rand) time.Duration {
	return sleep(ctx, time.Duration(random.Int64N(max(c.pause.Load(), 1))))
}

// call sends one request and records what came of it. A request that ended
// because the run did is no result.
func (c *callers) call(ctx context.Context, caller int) bool {
	n := c.sent.Add(1) - 1
	payload := &c.request.payloads[n%int64(len(c.request.payloads))]
	keep := n%checkEvery == 0
	limited, cancel := context.WithTimeout(ctx, c.spec.Timeout)
	defer cancel()
	start := time.Now()
	answer, err := c.transport.Infer(limited, caller, payload, keep)
	end := time.Now()
	if err != nil {
		if ctx.Err() == nil {
			c.recorder.failure(start, end, err)
		}
		return false
	}
	if !answer.Received.IsZero() {
		end = answer.Received
	}
	c.recorder.success(start, end, answer)
	if keep {
		if err := c.request.check(answer.Body); err != nil {
			c.recorder.badAnswer(err)
		}
	}
	return true
}

// sleep waits and returns how long it did; ctx ends it early.
func sleep(ctx context.Context, d time.Duration) time.Duration {
	start := time.Now()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return time.Since(start)
}
