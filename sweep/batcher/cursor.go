package batcher

// cursorValid reports whether the pending requests of an earlier pick still
// stand. Only requests with timeouts are picked step by step (R9); all others
// are looked at anew each time.
func (q *queue) cursorValid(now Time) bool { return q.cur.valid && now < q.cur.closest }

func (q *queue) resetCursor() { q.cur = cursor{valid: true} }

// atEnd reports whether every waiting request is pending.
func (q *queue) atEnd() bool { return q.cur.count >= q.size }

// next returns the request that the cursor points to.
func (q *queue) next() *item { return q.levels[q.cur.level].at(q.cur.index) }

// advance makes the request at the cursor a pending one.
func (q *queue) advance() {
	c := &q.cur
	l := &q.levels[c.level]
	it := l.at(c.index)
	if it.expires != 0 && c.index < l.waiting.len() && (c.closest == 0 || it.expires < c.closest) {
		c.closest = it.expires
	}
	if c.count == 0 || it.arrived < c.oldest {
		c.oldest = it.arrived
	}
	c.index++
	c.count++
	c.inDelayed = c.index > l.waiting.len()
}

// applyPolicy moves the cursor to the next request that may enter a batch. On
// its way it takes out the cancelled and the expired. It returns the items
// that left the queue.
func (q *queue) applyPolicy(now Time) int {
	items := 0
	for q.cur.level < len(q.levels) {
		l := &q.levels[q.cur.level]
		if q.policing {
			items += q.applyTo(l, now)
		}
		if q.cur.index < l.len() || q.size <= q.cur.count {
			break
		}
		q.cur.level++
		q.cur.index = 0
	}
	return items
}

// applyTo takes out, from the cursor on, all requests up to the first that may
// enter a batch.
func (q *queue) applyTo(l *level, now Time) int {
	items, gone := 0, 0
	for q.cur.index+gone < l.waiting.len() {
		it := l.waiting.at(q.cur.index + gone)
		switch {
		case it.cancelled:
			q.refused = append(q.refused, refused{it.ID, Cancelled})
			items += it.size()
			q.size--
		case it.expired(now) && l.policy.DelayExpired:
			l.delayed.push(*it)
		case it.expired(now):
			q.refused = append(q.refused, refused{it.ID, Expired})
			items += it.size()
			q.size--
		default:
			l.waiting.remove(q.cur.index, gone)
			return items
		}
		gone++
	}
	l.waiting.remove(q.cur.index, gone)
	return items
}
