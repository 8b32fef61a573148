package batcher

import "time"

// pick looks through Q and decides what goes into P now (R4). It returns 0
// when the pending requests (queue.cur.count of them, m.pending items) are to
// be moved, else how long the batcher is to wait for more.
func (m *Machine) pick(now Time) Time {
	q := &m.queue
	if !q.cursorValid(now) {
		q.resetCursor()
		m.pending = 0
	}
	m.queued -= q.applyPolicy(now)
	best, full := m.scan(now)
	if q.cur.count == 0 {
		return 0
	}
	age := now - q.cur.oldest // of the oldest in Q: what is in P does not count
	late := m.delay > 0 && age >= m.delay
	if best > 0 && !late {
		if m.delay == 0 {
			m.saturated = true
		}
		m.pending, q.cur = best, q.mark
		return 0
	}
	inP := m.payloads[m.current].size
	if full || inP+m.pending >= m.maxPreferred() {
		m.saturated = true
		return 0
	}
	if late || m.delay == 0 {
		return 0
	}
	m.wish = m.nextPreferred(inP+m.pending) - inP
	if inP > 0 && !m.saturated && !m.isPreferred[inP] {
		return 0 // P waits for an instance anyway: better a little larger
	}
	return m.wait(now, m.delay-age)
}

// scan makes requests pending from the front of Q until no more fit. It
// returns the items up to the marked place, which is the largest preferred
// size that can be reached, or the last place before passing all of them; and
// whether something stood in the way of a larger batch.
func (m *Machine) scan(now Time) (best int, full bool) {
	q, p := &m.queue, &m.payloads[m.current]
	inP, largest := p.size, m.maxPreferred()
	for !q.atEnd() {
		it := q.next()
		size := it.size()
		if inP+q.cur.count > 0 {
			grown := inP + m.pending + size
			if grown > largest && best == 0 {
				// Even with best 0: this is how a full payload gets one more.
				best = m.pending
				q.mark = q.cur
				m.saturated = true
			}
			if grown > m.maxBatch {
				return best, true
			}
			if m.cfg.VariableShape && it.Shape != p.shape {
				p.closed = true
				return best, true
			}
		} else {
			p.shape = it.Shape
		}
		m.pending += size
		q.advance()
		m.queued -= q.applyPolicy(now)
		if m.isPreferred[inP+m.pending] {
			best = m.pending
			q.mark = q.cur
		}
	}
	return best, false
}

// maxPreferred is pm, the largest preferred size.
func (m *Machine) maxPreferred() int { return m.preferred[len(m.preferred)-1] }

// nextPreferred returns the smallest preferred size above n, or the smallest
// of all when there is none.
func (m *Machine) nextPreferred(n int) int {
	for _, size := range m.preferred {
		if size > n {
			return size
		}
	}
	return m.preferred[0]
}

// wait shortens left to the first expiry among the pending requests. The
// server counts in whole microseconds: less than one means that it does not wait.
func (m *Machine) wait(now, left Time) Time {
	if closest := m.queue.cur.closest; closest != 0 {
		if now <= closest {
			left = min(left, closest-now)
		} else {
			left = Time(time.Microsecond)
		}
	}
	return left - left%Time(time.Microsecond)
}
