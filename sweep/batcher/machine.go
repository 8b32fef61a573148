package batcher

import "slices"

// Machine is the scheduler of one model. It is not safe for concurrent use:
// a driver on the real clock holds a lock around Step.
type Machine struct {
	cfg         Config
	maxBatch    int
	delay       Time
	prefetch    bool
	instances   int
	preferred   []int
	isPreferred []bool // by size, 0..maxBatch

	queue   queue
	queued  int // |Q| in items, as the server counts it: R1 compares it with wish
	pending int // items of the pending requests

	payloads  []payload
	free      []int32
	current   int32 // P; -1 without dynamic batching
	saturated bool  // P is full: the next round begins a new one
	wish      int   // np: arrivals wake the batcher once |Q| reaches it
	pq        ring[int32]

	batcher   batcherThread
	threads   []instanceThread
	idle      ring[int32] // parked threads, the longest parked first
	rotation  int32       // R12: the next instance of the one thread
	consumers int         // C: instances that ask for work less payloads made for them

	order   responseOrder
	open    int // requests that are not answered
	now     Time
	actions []Action
}

// New returns a Machine for c: all instances parked, nothing waiting.
func New(c Config) (*Machine, error) {
	m := new(Machine)
	if err := m.Reset(c); err != nil {
		return nil, err
	}
	return m, nil
}

// Reset makes m as New returns it, for c, and keeps its memory.
func (m *Machine) Reset(c Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	m.cfg = c
	m.maxBatch = max(1, c.MaxBatch)
	m.instances = max(1, c.Instances)
	m.delay, m.prefetch = 0, true
	if c.Dynamic {
		m.delay, m.prefetch = Time(c.Delay), c.Prefetch()
		m.setPreferred()
	}
	m.queue.reset(&c)
	m.queued, m.pending, m.wish, m.open, m.saturated = 0, 0, 0, 0, false
	m.pq.clear()
	m.order.clear()
	m.resetPayloads()
	m.resetThreads()
	return nil
}

func (m *Machine) setPreferred() {
	m.preferred = m.cfg.preferredSizes(m.preferred)
	m.isPreferred = slices.Grow(m.isPreferred[:0], m.maxBatch+1)[:m.maxBatch+1]
	clear(m.isPreferred)
	for _, size := range m.preferred {
		m.isPreferred[size] = true
	}
}

func (m *Machine) resetPayloads() {
	m.free = m.free[:0]
	for i := range m.payloads {
		m.payloads[i] = payload{items: m.payloads[i].items[:0]}
		m.free = append(m.free, int32(i))
	}
	m.current = -1
	if m.cfg.Dynamic {
		m.current = m.newPayload()
	}
}

// Step tells the machine that e happened at now and returns what follows from
// it, in order. The slice is valid until the next call. Events that do not fit
// the state (a Run nobody asked for, a Batch that is not being executed) are
// ignored.
func (m *Machine) Step(now Time, e Event) []Action {
	m.actions = m.actions[:0]
	m.now = now
	switch e.Kind {
	case Arrive:
		m.arrive(now, e.Request)
	case Run:
		if e.Thread == BatcherThread {
			m.runBatcher(now)
		} else if int(e.Thread) < len(m.threads) && e.Thread >= 0 {
			m.runInstance(now, e.Thread)
		}
	case Respond:
		m.respond(e.Batch)
	case Return:
		m.returned(e.Batch)
	case Finish:
		m.respond(e.Batch)
		m.returned(e.Batch)
	case Cancel:
		m.queue.cancel(e.Request.ID)
		if m.batcher.state == spinning {
			m.notify()
		}
	}
	return m.actions
}

// NextDeadline returns when the batcher thread wakes by itself: the driver is
// to send it a Run at that time (or a little later, as a real timer would). It
// returns Never while the thread is not asleep or has nothing to wake for.
func (m *Machine) NextDeadline() Time {
	b := &m.batcher
	if b.state == looping || b.notified || m.queue.size == 0 {
		return Never
	}
	return b.until
}

// Open returns the number of requests that are not answered: waiting, in a
// payload, being executed, or held back for the sake of order. A model can be
// unloaded without loss when it is 0.
func (m *Machine) Open() int { return m.open }

// Waiting returns the number of requests in Q.
func (m *Machine) Waiting() int { return m.queue.size }

// Prepared returns the number of payloads in PQ.
func (m *Machine) Prepared() int { return m.pq.len() }

// Parked returns the number of instance threads that sleep for want of work
// and that nobody has woken yet.
func (m *Machine) Parked() int { return m.idle.len() }

// BatchSize returns the items of a batch that is being executed.
func (m *Machine) BatchSize(batch int32) int { return m.payloads[batch].size }

// BatchRequests returns the number of requests of a batch that is being executed.
func (m *Machine) BatchRequests(batch int32) int { return len(m.payloads[batch].items) }

// BatchRequest returns the i-th request of a batch that is being executed, and
// when it arrived.
func (m *Machine) BatchRequest(batch int32, i int) (Request, Time) {
	it := &m.payloads[batch].items[i]
	return it.Request, it.arrived
}

func (m *Machine) act(a Action) {
	a.At = m.now
	m.actions = append(m.actions, a)
}

// refuse answers a request with an error.
func (m *Machine) refuse(id uint64, why Reason) {
	m.open--
	m.act(Action{Kind: Refuse, ID: id, Reason: why})
}
