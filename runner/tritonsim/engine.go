package tritonsim

import (
	"math/rand/v2"
	"sync"
	"time"

	"tritonsweep/sweep/batcher"
)

// engine runs the schedulers of all models on the real clock. One lock, one
// agenda and one alarm serve them all, since models may share a device.
//
// Time is that of the plan, not that of the wake-up. What was due at t happens
// at t for all that follows from it, even when the machine was busy and the
// engine woke up late: only the answer leaves late, and lateness never adds up.
// An arrival takes the time at which it is there, and whatever was due before
// that goes first.
type engine struct {
	mu      sync.Mutex
	start   time.Time
	now     batcher.Time // of what happens at the moment
	threads agenda       // what the server's threads do among themselves
	answers agenda       // what lets answers leave
	order   uint64
	alarm   alarm
	armed   batcher.Time
	closed  bool
	done    chan struct{} // closed with it
	rng     *rand.Rand
	timing  batcher.Timing
	devices map[string]*device
}

// device is what executions share: one at a time, in the order of asking.
type device struct{ free batcher.Time }

func newEngine(seed uint64, timing batcher.Timing, newAlarm func(ring func()) (alarm, error)) (*engine, error) {
	e := &engine{
		start: time.Now(), armed: batcher.Never, timing: timing,
		done: make(chan struct{}),
		rng:  rand.New(rand.NewPCG(seed, 0x73696d)), devices: map[string]*device{},
	}
	alarm, err := newAlarm(e.ring)
	if err != nil {
		return nil, err
	}
	e.alarm = alarm
	return e, nil
}

// close stops the clock: what has not happened never will.
func (e *engine) close() {
	e.mu.Lock()
	e.closed = true
	close(e.done)
	e.mu.Unlock()
	e.alarm.close()
}

// lock begins a change at the present time, after all that was due before.
func (e *engine) lock() {
	e.mu.Lock()
	e.catchUp()
}

// unlock ends it.
func (e *engine) unlock() {
	e.arm()
	e.mu.Unlock()
}

// ring is the alarm. It may be a little early, and is then set once more.
func (e *engine) ring() {
	e.lock()
	e.armed = batcher.Never
	e.unlock()
}

// catchUp lets everything happen that is due. Time never goes back: an arrival
// that had to wait for the lock comes after what was done meanwhile.
func (e *engine) catchUp() {
	present := max(e.now, batcher.Time(time.Since(e.start)))
	for s := e.next(); s != nil && s.at <= present && !e.closed; s = e.next() {
		e.now = max(e.now, s.at)
		e.set(s, batcher.Never)
		s.fire()
	}
	e.now = present
}

// next returns what is due first, or nil.
func (e *engine) next() *source {
	a, b := e.threads.next(), e.answers.next()
	if a == nil || b != nil && b.before(a) {
		return b
	}
	return a
}

// set plans a source for a time, or, with batcher.Never, for none.
func (e *engine) set(s *source, at batcher.Time) {
	e.order++
	if s.answers {
		e.answers.set(s, at, e.order)
	} else {
		e.threads.set(s, at, e.order)
	}
}

// slack is by how much the alarm may be late for what only threads see. They do
// several things within that time, and each alarm costs more than all of them.
const slack = batcher.Time(100 * time.Microsecond)

// arm sets the alarm for what comes next, unless it is set for that.
func (e *engine) arm() {
	next := batcher.Never
	if s := e.threads.next(); s != nil {
		next = s.at + slack
	}
	if s := e.answers.next(); s != nil {
		next = min(next, s.at)
	}
	if next == e.armed || next == batcher.Never || e.closed {
		return
	}
	e.armed = next
	e.alarm.set(time.Duration(next) - time.Since(e.start))
}

// draw returns a time that the operating system would decide.
func (e *engine) draw(l batcher.Lag) batcher.Time {
	if l.Mean <= l.Min {
		return batcher.Time(l.Min)
	}
	return batcher.Time(l.Min) + batcher.Time(e.rng.ExpFloat64()*float64(l.Mean-l.Min))
}

func (e *engine) device(name string) *device {
	if name == "" {
		return nil
	}
	if e.devices[name] == nil {
		e.devices[name] = new(device)
	}
	return e.devices[name]
}
