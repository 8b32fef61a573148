package batcher

// arrive is R0, R1 and the first half of R9.
func (m *Machine) arrive(now Time, r Request) {
	m.open++
	if m.cfg.MaxBatch == 0 {
		r.Size = 1
	}
	if int(r.Size) > m.maxBatch {
		m.refuse(r.ID, TooLarge)
		return
	}
	if !m.cfg.Dynamic {
		m.direct(now, r)
		return
	}
	it := item{Request: r}
	m.queued += it.size() // before the limit is looked at, and never taken back
	if m.queue.size == 0 {
		m.catchUp(now)
	}
	if reason, ok := m.queue.push(now, m.levelOf(r.Priority), r); !ok {
		m.refuse(r.ID, reason)
		return
	}
	if m.batcher.state == spinning || (m.slot() && (m.cfg.VariableShape || m.saturated || m.stale() || m.queued >= m.wish)) {
		m.notify()
	}
}

// direct is R0: the request is a payload of its own.
func (m *Machine) direct(now Time, r Request) {
	it := item{Request: r, arrived: now}
	i := m.newPayload()
	m.payloads[i].add(it)
	m.enqueue(i)
}

// levelOf returns the index of the level that serves priority p.
func (m *Machine) levelOf(p int32) int {
	if m.cfg.PriorityLevels == 0 {
		return 0
	}
	if p < 1 || int(p) > m.cfg.PriorityLevels {
		return m.cfg.DefaultPriority - 1
	}
	return int(p) - 1
}

// catchUp does what NextDeadline spared the driver: an idle batcher wakes
// every 500 ms, finds Q empty and sleeps again.
func (m *Machine) catchUp(now Time) {
	b := &m.batcher
	if b.state != sleeping || b.notified || now < b.until {
		return
	}
	b.until += (1 + (now-b.until)/maxSleep) * maxSleep
	if m.saturated || m.stale() {
		m.renewPayload()
		m.saturated, m.wish = false, 0
	}
}
