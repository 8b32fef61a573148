package load

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultOutstanding is the most requests of an open loop that are under way at a
// time, where nothing else is said and the memory limit allows.
const DefaultOutstanding = 1024

// arrivals is the open loop: requests are sent at the instants of a schedule,
// whether or not earlier ones were answered, and their latency counts from that
// instant (Gil Tene, "How NOT to Measure Latency", 2013). One goroutine waits for
// the instants and hands each request to an idle caller.
//
// The callers are bounded. While all of them wait for answers, arrivals wait for
// a caller, in order and without being stored: the schedule is simply behind.
// They are counted as held, and their latency includes that wait.
type arrivals struct {
	caller
	begin    time.Time
	schedule *schedule
	pacer    *pacer
	due      atomic.Int64 // of the latest arrival, nanoseconds since begin

	mu    sync.Mutex
	idle  []*hand // the one that became idle last comes first: few connections stay busy
	hired int
	freed chan struct{} // told when a caller became idle

	dispatched sync.WaitGroup // the dispatcher
	busy       sync.WaitGroup // requests handed out
	hands      sync.WaitGroup // callers
	end        func()         // of the arrivals
	cancel     func()         // of the requests
}

// hand is a caller of an open loop: a goroutine that sends what it is handed.
type hand struct {
	number int
	next   chan arrival
}

// arrival is a request that is due.
type arrival struct {
	due  time.Time
	held bool // it had to wait for a caller
}

func startArrivals(ctx context.Context, c caller) *arrivals {
	arriving, end := context.WithCancel(ctx)
	calling, cancel := context.WithCancel(ctx)
	a := &arrivals{
		caller: c, begin: time.Now(), pacer: newPacer(),
		schedule: newSchedule(c.spec.Load, c.spec.Seed, c.spec.Intervals),
		freed:    make(chan struct{}, 1), end: end, cancel: cancel,
	}
	a.dispatched.Go(func() { a.dispatch(arriving, calling) })
	context.AfterFunc(arriving, a.pacer.close) // ends a wait under way
	return a
}

// stop ends the arrivals, lets requests finish, cancels those that take longer
// than patience, and returns when all callers are gone.
func (a *arrivals) stop(patience time.Duration) {
	a.end()
	a.dispatched.Wait()
	timer := time.AfterFunc(patience, a.cancel)
	defer timer.Stop()
	a.busy.Wait()
	a.cancel()
	a.hands.Wait()
}

// dispatch hands out the arrivals until arriving ends.
func (a *arrivals) dispatch(arriving, calling context.Context) {
	var heldUntil time.Time // when an arrival last got the caller that it had to wait for
	for {
		offset := a.schedule.next()
		a.due.Store(int64(offset))
		due := a.begin.Add(offset)
		a.pacer.until(arriving, due)
		s, waited := a.take(arriving, calling)
		if arriving.Err() != nil {
			return
		}
		if waited {
			heldUntil = time.Now()
		}
		a.busy.Add(1)
		s.next <- arrival{due, due.Before(heldUntil)}
	}
}

// behind returns for how long the latest arrival has been waiting for a caller, or
// a negative duration until it is due.
func (a *arrivals) behind(now time.Time) time.Duration {
	return now.Sub(a.begin) - time.Duration(a.due.Load())
}

// take returns an idle caller, hires one, or waits for one until arriving ends.
func (a *arrivals) take(arriving, calling context.Context) (s *hand, waited bool) {
	for {
		if s = a.free(calling); s != nil {
			return s, waited
		}
		waited = true
		select {
		case <-a.freed:
		case <-arriving.Done():
			return nil, true
		}
	}
}

func (a *arrivals) free(calling context.Context) (s *hand) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.idle); n > 0 {
		s, a.idle = a.idle[n-1], a.idle[:n-1]
	} else if a.hired < a.spec.Outstanding {
		s = &hand{number: a.hired, next: make(chan arrival, 1)}
		a.hired++
		a.hands.Go(func() { a.serve(calling, s) })
	}
	return s
}

// serve sends what one caller is handed.
func (a *arrivals) serve(ctx context.Context, s *hand) {
	for {
		select {
		case next := <-s.next:
			a.call(ctx, s.number, next.due, next.held)
			a.mu.Lock()
			a.idle = append(a.idle, s)
			a.mu.Unlock()
			a.busy.Done()
			select {
			case a.freed <- struct{}{}:
			default:
			}
		case <-ctx.Done():
			return
		}
	}
}

// shift does nothing: arrivals do not depend on the server, so they cannot fall
// into step with it.
func (a *arrivals) shift(time.Duration) {}
