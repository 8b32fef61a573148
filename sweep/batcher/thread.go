package batcher

import "time"

// maxSleep is how long the batcher thread sleeps at most, whatever it waits for.
const maxSleep = Time(500 * time.Millisecond)

type batcherState uint8

const (
	sleeping batcherState = iota // until notified or until
	slotWait                     // until there is a slot for a payload, looked at when notified
	looping                      // running, or about to run once more
	spinning                     // looping without effect: see spin
)

type batcherThread struct {
	state    batcherState
	notified bool // woken, but not yet running: further wake-ups are lost
	until    Time
}

// slot reports whether one more payload may be made (R2).
func (m *Machine) slot() bool {
	if m.prefetch {
		return m.pq.len() < 2*m.instances
	}
	return m.consumers > 0
}

// notify wakes the batcher thread if it sleeps. A thread that is awake hears
// nothing, as with any condition variable.
func (m *Machine) notify() {
	b := &m.batcher
	if b.state == looping || b.notified || !m.cfg.Dynamic {
		return
	}
	b.notified = true
	pace := Wake
	if b.state == spinning {
		pace = Loop
	}
	m.act(Action{Kind: Resume, Pace: pace, Thread: BatcherThread})
}

// runBatcher is one round of the batcher's loop (R3).
func (m *Machine) runBatcher(now Time) {
	b := &m.batcher
	if !m.cfg.Dynamic || (b.state != looping && !b.notified && now < b.until) {
		return
	}
	b.notified = false
	if b.state == slotWait {
		if !m.slot() {
			m.missSlot(now)
			return
		}
	} else {
		if m.saturated || m.stale() {
			m.renewPayload()
			m.saturated = false
			m.wish = 0
		}
		if m.queue.size == 0 {
			m.sleep(sleeping, now+maxSleep)
			return
		}
		if !m.slot() {
			m.sleep(slotWait, now+maxSleep)
			return
		}
	}
	if m.stale() {
		m.loop()
		return
	}
	wait := m.pick(now)
	m.refuseDropped()
	if wait > 0 {
		m.sleep(sleeping, now+wait)
		return
	}
	if m.queue.cur.count == 0 && !m.saturated && m.queue.size > 0 {
		m.spin(now)
		return
	}
	m.take()
	m.loop()
}

// spin stands for a busy loop: a request of another shape is next, P is in PQ
// and can take nothing, and the server looks again and again until an instance
// has taken P. Here the thread sleeps until anything at all happens, which
// comes to the same.
func (m *Machine) spin(now Time) {
	until := now + maxSleep
	if m.queue.policing {
		until = now + Time(time.Millisecond) // a request may expire meanwhile
	}
	m.sleep(spinning, until)
}

// missSlot goes back to sleep; after 500 ms without a slot it refuses what has
// expired meanwhile.
func (m *Machine) missSlot(now Time) {
	if now < m.batcher.until {
		return
	}
	m.queue.dropExpired(now)
	m.refuseDropped()
	m.batcher.until = now + maxSleep
}

// take moves the pending requests to P, and P to PQ unless it is there.
func (m *Machine) take() {
	count := m.queue.cur.count
	if count == 0 {
		return
	}
	p := &m.payloads[m.current]
	for range count {
		it := m.queue.pop()
		if m.cfg.PreserveOrdering {
			it.place = m.order.reserve(it.ID)
		}
		p.add(it)
	}
	m.queued -= m.pending
	m.pending = 0
	if p.state == building {
		m.enqueue(m.current)
	}
}

func (m *Machine) refuseDropped() {
	for _, r := range m.queue.refused {
		m.refuse(r.id, r.reason)
	}
	m.queue.refused = m.queue.refused[:0]
}

func (m *Machine) sleep(state batcherState, until Time) {
	m.batcher.state, m.batcher.until = state, until
}

func (m *Machine) loop() {
	m.batcher.state = looping
	m.act(Action{Kind: Resume, Pace: Loop, Thread: BatcherThread})
}
