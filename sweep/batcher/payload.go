package batcher

type payloadState uint8

const (
	building  payloadState = iota // P, not yet in PQ
	scheduled                     // in PQ: open to top-ups while it is P
	executing                     // taken by an instance, or too old to grow
)

// payload is a batch in the making.
type payload struct {
	state     payloadState
	closed    bool // a request of another shape was next: nothing is added or merged
	responded bool
	returned  bool
	items     []item
	size      int  // items over all requests
	oldest    Time // arrival of the oldest request
	shape     uint64
	thread    int32 // that executes it, once taken
	taken     bool  // out of PQ, for an instance
	merged    bool  // its requests went into another payload
}

// done reports whether nobody but P can still point at the payload.
func (p *payload) done() bool { return p.merged || (p.responded && p.returned) }

func (p *payload) add(it item) {
	if len(p.items) == 0 || it.arrived < p.oldest {
		p.oldest = it.arrived
	}
	p.size += it.size()
	p.items = append(p.items, it)
}

// newPayload returns the index of an empty payload.
func (m *Machine) newPayload() int32 {
	if n := len(m.free); n > 0 {
		i := m.free[n-1]
		m.free = m.free[:n-1]
		return i
	}
	m.payloads = append(m.payloads, payload{})
	return int32(len(m.payloads) - 1)
}

// release gives a payload back once nothing points at it.
func (m *Machine) release(i int32) {
	p := &m.payloads[i]
	if i == m.current || !p.done() {
		return
	}
	*p = payload{items: p.items[:0]}
	m.free = append(m.free, i)
}

// renewPayload replaces P (R3).
func (m *Machine) renewPayload() {
	old := m.current
	if old >= 0 && m.payloads[old].state == building {
		return // empty: what was moved to it would have been put into PQ
	}
	m.current = m.newPayload()
	if old >= 0 {
		// Requests may be pending still (R9), all of the old P's shape. The
		// server forgets that shape, and may join unequal requests then.
		m.payloads[m.current].shape = m.payloads[old].shape
		m.release(old)
	}
}

// stale reports whether P can no longer grow.
func (m *Machine) stale() bool {
	p := &m.payloads[m.current]
	return p.state == executing || (m.cfg.Rules.NoTopUp && p.state == scheduled)
}

// enqueue appends payload i to PQ and wakes an idle instance thread.
func (m *Machine) enqueue(i int32) {
	m.payloads[i].state = scheduled
	m.consumers--
	m.pq.push(i)
	m.wakeIdle()
}

// dequeue takes the first payload for an instance and merges into it what is
// older than the delay and fits (R6).
func (m *Machine) dequeue(now Time) int32 {
	i := m.pq.pop()
	p := &m.payloads[i]
	p.state, p.taken = executing, true
	if m.delay == 0 || m.maxBatch <= 1 || p.closed || m.cfg.Rules.NoMerge {
		return i
	}
	for m.pq.len() > 0 {
		j := *m.pq.at(0)
		next := &m.payloads[j]
		if next.closed || now-next.oldest <= m.delay {
			break
		}
		// Marked before its size is looked at: one that does not fit stays
		// first in PQ, but grows no more.
		next.state = executing
		if p.size+next.size > m.maxBatch || (m.cfg.VariableShape && p.shape != next.shape) {
			break
		}
		m.pq.pop()
		m.merge(p, j)
	}
	return i
}

func (m *Machine) merge(p *payload, j int32) {
	next := &m.payloads[j]
	p.items = append(p.items, next.items...)
	p.size += next.size
	p.oldest = min(p.oldest, next.oldest)
	next.merged = true
	if m.cfg.Rules.CountMerges {
		m.consumers++
	}
	m.notify()
	m.release(j)
}
