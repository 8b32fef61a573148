package batcher

type threadState uint8

const (
	parked threadState = iota // asleep until PQ has something
	asking                    // woken, or about to ask for a payload
	busy                      // inside the backend's execute call
)

// instanceThread runs one instance, or, with DeviceBlocking, all of them.
type instanceThread struct {
	state   threadState
	counted bool // in C
}

func (m *Machine) resetThreads() {
	count := m.instances
	if m.cfg.DeviceBlocking {
		count = 1
	}
	m.threads = append(m.threads[:0], make([]instanceThread, count)...)
	m.idle.clear()
	for i := range m.threads {
		m.threads[i] = instanceThread{state: parked, counted: true}
		m.idle.push(int32(i))
	}
	m.consumers = count
	m.rotation = 0
	m.batcher = batcherThread{state: sleeping, until: maxSleep}
}

// wakeIdle wakes the thread that has been parked longest. Which one the real
// server wakes is up to its operating system, which is nearly always that one.
func (m *Machine) wakeIdle() {
	if m.idle.len() == 0 {
		return
	}
	t := m.idle.pop()
	m.threads[t].state = asking
	m.act(Action{Kind: Resume, Pace: Wake, Thread: t})
}

// runInstance lets thread t take a payload, or park (R7). A thread that was
// woken may find PQ empty: another one came first.
func (m *Machine) runInstance(now Time, t int32) {
	th := &m.threads[t]
	if th.state != asking {
		return
	}
	if !th.counted {
		th.counted = true
		m.consumers++
		// The server does not tell the batcher (R13): a slot it waits for
		// may now be there, and it sleeps on.
		if m.cfg.Rules.NotifyParked {
			m.notify()
		}
	}
	if m.pq.len() == 0 {
		th.state = parked
		m.idle.push(t)
		return
	}
	i := m.dequeue(now)
	p := &m.payloads[i]
	p.thread = t
	th.state, th.counted = busy, false
	m.notify()
	instance := t
	if m.cfg.DeviceBlocking {
		instance = m.rotation
		m.rotation = (m.rotation + 1) % int32(m.instances)
	}
	m.act(Action{Kind: Execute, Batch: i, Instance: instance})
}

// executing returns the payload of a batch that an instance has, or nil.
func (m *Machine) executing(batch int32) *payload {
	if batch < 0 || int(batch) >= len(m.payloads) {
		return nil
	}
	if p := &m.payloads[batch]; p.taken {
		return p
	}
	return nil
}

// respond answers the requests of a batch.
func (m *Machine) respond(batch int32) {
	p := m.executing(batch)
	if p == nil || p.responded {
		return
	}
	p.responded = true
	for i := range p.items {
		m.answer(&p.items[i])
	}
	m.release(batch)
}

// returned ends the execute call of a batch: first the batcher hears of it,
// then the thread gets round to asking for the next payload.
func (m *Machine) returned(batch int32) {
	p := m.executing(batch)
	if p == nil || p.returned {
		return
	}
	p.returned = true
	t := p.thread
	m.notify()
	m.threads[t].state = asking
	m.act(Action{Kind: Resume, Pace: Ask, Thread: t})
	m.release(batch)
}
