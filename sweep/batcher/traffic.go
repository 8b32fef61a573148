package batcher

import (
	"cmp"
	"slices"
	"time"
)

// traffic makes a model's requests and takes them through its front end, a
// server that handles one after another. Both are in order of time, so a ring
// does where a heap would be needed otherwise.
type traffic struct {
	waiting ring[entry]   // in the front end, by the time at which they leave it
	free    Time          // when the front end is next free
	client  Time          // when the callers' machine is
	sent    []sending     // by request ID
	unused  []uint64      // IDs of answered requests (open loop and script)
	starts  []start       // closed loop: callers that wait, the next one last
	clock   Time          // open loop: intended time of the last request
	next    int           // script: index of the next arrival
	begun   time.Duration // script: when its present turn began

	// Of a closed loop whose callers are shifted: the latencies so far, which
	// period this is, and when the next one begins.
	latencies Time
	answers   int64
	period    int32
	shiftAt   Time
}

// entry is a request on its way through the front end.
type entry struct {
	leaves   Time
	id       uint64
	priority int32
	timeout  time.Duration
	shape    uint64
}

// sending is what the callers remember of a request.
type sending struct {
	at     Time
	items  int32
	period int32 // in which the caller last shifted
}

// start is a caller that sends when its time has come.
type start struct {
	at Time
	id uint64
}

func (o *traffic) reset(m *simModel) {
	o.waiting.clear()
	o.free, o.client, o.clock, o.next, o.begun = 0, 0, 0, 0, 0
	o.latencies, o.answers, o.period = 0, 0, 0
	o.sent, o.unused, o.starts = o.sent[:0], o.unused[:0], o.starts[:0]
	l := &m.def.Load
	o.shiftAt = Time(l.Shift)
	for id := range l.Callers {
		o.sent = append(o.sent, sending{})
		o.starts = append(o.starts, start{Time(m.sim.rng.Float64() * float64(l.Jitter)), uint64(id)})
	}
	slices.SortFunc(o.starts, func(a, b start) int { return cmp.Compare(b.at, a.at) }) // taken from the end
	o.refill(m)
}

// pop takes the request that leaves the front end now. There is none when a
// caller of a closed loop has only just begun.
func (o *traffic) pop(m *simModel) (Request, bool) {
	if o.waiting.len() == 0 {
		o.begin(m, m.sim.now)
		o.plan(m)
		return Request{}, false
	}
	e := o.waiting.pop()
	o.refill(m)
	return Request{
		ID: e.id, Size: o.sent[e.id].items, Priority: e.priority, Timeout: e.timeout, Shape: e.shape,
	}, true
}

// refill lets the next request of a load that waits for no answers into an
// empty front end.
func (o *traffic) refill(m *simModel) {
	if o.waiting.len() == 0 {
		switch l := &m.def.Load; {
		case l.Callers > 0:
			o.begin(m, m.sim.now)
		case l.Rate > 0:
			o.clock += o.interval(m)
			o.send(m, o.newID(), o.clock, Arrival{})
		default:
			o.play(m)
		}
	}
	o.plan(m)
}

// plan sets when something next happens here: a request leaves the front end,
// or, when that is empty, a caller sends its first.
func (o *traffic) plan(m *simModel) {
	at := Never
	if o.waiting.len() > 0 {
		at = o.waiting.at(0).leaves
	} else if n := len(o.starts); n > 0 {
		at = o.starts[n-1].at
	}
	m.sim.agenda.set(m.arrivalSource, at)
}

// begin sends the requests of the waiting callers whose time has come by until.
func (o *traffic) begin(m *simModel, until Time) {
	for n := len(o.starts); n > 0 && o.starts[n-1].at <= until; n-- {
		next := o.starts[n-1]
		o.starts = o.starts[:n-1]
		o.send(m, next.id, next.at, Arrival{})
	}
}

// wait lets caller id send at a later time.
func (o *traffic) wait(id uint64, at Time) {
	s := start{at, id}
	place, _ := slices.BinarySearchFunc(o.starts, s, func(a, b start) int { return cmp.Compare(b.at, a.at) })
	o.starts = slices.Insert(o.starts, place, s)
}

// shift returns by how much caller id, which was answered and is to send at the
// given time, is later because of Load.Shift.
func (o *traffic) shift(m *simModel, id uint64, at Time) Time {
	l := &m.def.Load
	if l.Shift == 0 {
		return 0
	}
	o.latencies += at - o.sent[id].at
	o.answers++
	mean := o.latencies / Time(o.answers)
	if at >= o.shiftAt {
		o.period++
		o.shiftAt = at + max(Time(l.Shift), shiftLatencies*mean)
	}
	if o.period == o.sent[id].period {
		return 0
	}
	o.sent[id].period = o.period
	return Time(m.sim.rng.Float64() * float64(mean))
}

// interval draws the time to the next request of an open loop.
func (o *traffic) interval(m *simModel) Time {
	mean := float64(time.Second) / m.def.Load.Rate
	if m.def.Load.Constant {
		return Time(mean)
	}
	return Time(m.sim.rng.ExpFloat64() * mean)
}

// play sends the next arrival of the script.
func (o *traffic) play(m *simModel) {
	l := &m.def.Load
	if o.next == len(l.Script) {
		if l.Period == 0 {
			return
		}
		o.next = 0
		o.begun += l.Period
	}
	a := l.Script[o.next]
	o.next++
	o.send(m, o.newID(), Time(o.begun+a.At), a)
}

// send takes a request into the front end. Calls must be in order of time.
func (o *traffic) send(m *simModel, id uint64, at Time, a Arrival) {
	l := &m.def.Load
	items := int32(max(1, l.Batch))
	if a.Size > 0 {
		items = int32(a.Size)
	}
	shape := a.Shape
	if l.Shapes > 1 {
		shape = m.sim.rng.Uint64N(uint64(l.Shapes))
	}
	o.sent[id].at, o.sent[id].items = at, items
	o.free = max(o.free, at) + m.sim.sc.Timing.front(m.sim.rng)
	o.waiting.push(entry{o.free, id, int32(a.Priority), a.Timeout, shape})
}

// newID returns an ID that no request under way has.
func (o *traffic) newID() uint64 {
	if n := len(o.unused); n > 0 {
		id := o.unused[n-1]
		o.unused = o.unused[:n-1]
		return id
	}
	o.sent = append(o.sent, sending{})
	return uint64(len(o.sent) - 1)
}

// done hears that request id was answered or refused at the given time: its
// caller, if the loop is closed, sends the next one when that has reached it.
func (o *traffic) done(m *simModel, id uint64, at Time) {
	if m.def.Load.Callers == 0 {
		o.unused = append(o.unused, id)
		return
	}
	at += Time(m.sim.sc.Timing.Latency + m.sim.sc.Timing.Think)
	later := o.shift(m, id, at)
	if each := Time(m.sim.sc.Timing.Client); each > 0 {
		o.client = max(o.client, at) + each
		at = o.client
	}
	idle := o.waiting.len() == 0
	switch {
	case later > 0 || m.sim.sc.Timing.RespondEach > 0: // another instance's responses may come between
		o.wait(id, at+later)
	default:
		o.begin(m, at) // the front end takes requests in order of time
		o.send(m, id, at, Arrival{})
	}
	if idle {
		o.plan(m)
	}
}
