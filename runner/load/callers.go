package load

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Answers are decoded and checked now and then, at the beginning more often. These
// are primes, so that all requests of a rotation have their turn.
const (
	checkEvery  = 997
	checkSooner = 31
	checkSoon   = 1024 // for so many requests
)

// looked reports whether the answer to request n is decoded.
func looked(n int64) bool { return n%checkEvery == 0 || n < checkSoon && n%checkSooner == 0 }

// generator offers the load.
type generator interface {
	// stop ends the load, lets requests finish, cancels those that take longer
	// than patience, and returns when no goroutine is left.
	stop(patience time.Duration)
	// shift draws anew how the requests lie against each other, where they wait
	// for answers.
	shift(most time.Duration)
	// behind is for how long the next request should have been sent already.
	behind(now time.Time) time.Duration
}

// caller sends requests and records what came of them, for both kinds of loop.
type caller struct {
	spec      Spec
	transport Transport
	request   *Request
	recorder  *recorder
	sent      *atomic.Int64 // requests begun, for the rotation of payloads
}

// callers is the closed loop: a number of goroutines that send as soon as they
// were answered.
type callers struct {
	caller
	segment atomic.Int64 // a change makes every caller pause once
	pause   atomic.Int64 // the longest such pause, nanoseconds
	stopped atomic.Bool
	group   sync.WaitGroup
	cancel  context.CancelFunc
}

// startCallers starts all callers, each after a random part of jitter.
func startCallers(ctx context.Context, c caller, jitter time.Duration) *callers {
	ctx, cancel := context.WithCancel(ctx)
	all := &callers{caller: c, cancel: cancel}
	all.pause.Store(int64(jitter))
	for i := range c.spec.Load.Concurrency {
		random := rand.New(rand.NewPCG(c.spec.Seed, uint64(i)))
		all.group.Go(func() { all.loop(ctx, i, random) })
	}
	return all
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
func (c *callers) shift(most time.Duration) {
	c.pause.Store(int64(most))
	c.segment.Add(1)
}

// behind is nothing: a closed loop has no schedule.
func (c *callers) behind(time.Time) time.Duration { return 0 }

func (c *callers) loop(ctx context.Context, caller int, random *rand.Rand) {
	c.wait(ctx, random)
	segment, failures := c.segment.Load(), 0
	for !c.stopped.Load() && ctx.Err() == nil {
		if now := c.segment.Load(); now != segment {
			segment = now
			c.recorder.paused(c.wait(ctx, random))
			continue
		}
		if c.call(ctx, caller, time.Time{}, false) {
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
// because the run did is no result. Its latency counts from due, or from now
// where that is zero; held says that it waited for a free caller.
func (c *caller) call(ctx context.Context, number int, due time.Time, held bool) bool {
	n := c.sent.Add(1) - 1
	payload := &c.request.payloads[n%int64(len(c.request.payloads))]
	keep := looked(n)
	limited, cancel := context.WithTimeout(ctx, c.spec.Timeout)
	defer cancel()
	t := timing{due: due, start: time.Now(), held: held}
	if due.IsZero() || t.start.Before(due) { // by the microseconds that no alarm is worth
		t.due = t.start
	}
	c.recorder.enter(t)
	answer, err := c.transport.Infer(limited, number, payload, keep)
	t.end = time.Now()
	if err != nil {
		if ctx.Err() == nil {
			c.recorder.failure(t, err)
		}
		return false
	}
	if !answer.Received.IsZero() {
		t.end = answer.Received
	}
	c.recorder.success(t, answer)
	if keep {
		response, err := c.request.decode(answer.Body)
		if err != nil {
			c.recorder.badAnswer(err)
		} else {
			c.recorder.take(c.spec, int(n%int64(len(c.request.payloads))), response)
		}
		if r, ok := c.transport.(recycler); ok {
			r.recycle(answer.Body)
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
