package batcher

import "time"

// item is a request inside the machine.
type item struct {
	Request
	arrived   Time
	expires   Time   // 0: never
	place     uint64 // in the order of responses, once in a batch
	cancelled bool
}

// level holds the waiting requests of one priority.
type level struct {
	policy  QueuePolicy
	waiting ring[item] // in order of arrival, apart from those taken out
	delayed ring[item] // expired under DelayExpired: served after waiting
}

func (l *level) len() int { return l.waiting.len() + l.delayed.len() }

func (l *level) at(i int) *item {
	if i < l.waiting.len() {
		return l.waiting.at(i)
	}
	return l.delayed.at(i - l.waiting.len())
}

// refused is a request that left the queue without having been in a batch.
type refused struct {
	id     uint64
	reason Reason
}

// cursor marks how far a pick has come: count requests are pending, that is
// wanted for the payload and still in the queue.
type cursor struct {
	level     int
	index     int // in the level: of the next request to look at
	count     int
	oldest    Time // arrival of the oldest pending request
	closest   Time // first expiry among the pending ones; 0: none has one
	inDelayed bool
	valid     bool
}

// queue is Q: the waiting requests of all levels, the most urgent level first.
type queue struct {
	levels  []level
	size    int // requests
	cur     cursor
	mark    cursor
	refused []refused
	// policing says that a waiting request may have to be taken out of the
	// middle: some request had a timeout or was cancelled. Most queues never do.
	policing bool
}

// reset empties the queue and gives it the levels of c.
func (q *queue) reset(c *Config) {
	count := max(1, c.PriorityLevels)
	for len(q.levels) < count {
		q.levels = append(q.levels, level{})
	}
	q.levels = q.levels[:count]
	for i := range q.levels {
		l := &q.levels[i]
		l.waiting.clear()
		l.delayed.clear()
		l.policy = c.Policy
		if p, ok := c.Policies[i+1]; ok {
			l.policy = p
		}
	}
	q.size, q.policing = 0, false
	q.refused = q.refused[:0]
	q.cur, q.mark = cursor{}, cursor{}
}

// push appends a request to its level, or returns why it is refused (R1).
func (q *queue) push(now Time, lvl int, r Request) (Reason, bool) {
	l := &q.levels[lvl]
	if l.policy.MaxSize > 0 && l.len() >= l.policy.MaxSize {
		return QueueFull, false
	}
	it := item{Request: r, arrived: now, expires: l.policy.expiry(now, r.Timeout)}
	if it.expires != 0 {
		q.policing = true
	}
	l.waiting.push(it)
	q.size++
	// Ahead of the pending requests: what was picked so far is void. Among the
	// delayed of the same level it is ahead as well.
	if lvl < q.cur.level || (lvl == q.cur.level && q.cur.inDelayed) {
		q.cur.valid = false
	}
	return 0, true
}

// expiry returns when a request of this policy expires, or 0 (R9).
func (p QueuePolicy) expiry(now Time, own time.Duration) Time {
	timeout := p.Timeout
	if p.AllowOverride && own > 0 && own < timeout {
		timeout = own
	}
	if timeout <= 0 {
		return 0
	}
	return now.Add(timeout)
}

// pop takes out the first request: the most urgent level, the delayed last.
func (q *queue) pop() item {
	q.cur.valid = false
	q.size--
	for i := range q.levels {
		l := &q.levels[i]
		if l.waiting.len() > 0 {
			return l.waiting.pop()
		}
		if l.delayed.len() > 0 {
			return l.delayed.pop()
		}
	}
	panic("batcher: pop from an empty queue")
}

// cancel marks the waiting request id.
func (q *queue) cancel(id uint64) {
	for i := range q.levels {
		for j := range q.levels[i].len() {
			if it := q.levels[i].at(j); it.ID == id {
				it.cancelled, q.policing = true, true
				return
			}
		}
	}
}

// dropExpired takes out what has expired anywhere in levels that refuse. The
// batcher does so only when it has waited 500 ms for a slot. It returns
// nothing: |Q| is not corrected by these requests in the server either.
func (q *queue) dropExpired(now Time) {
	if !q.policing {
		return
	}
	for i := range q.levels {
		l := &q.levels[i]
		if l.policy.DelayExpired {
			continue
		}
		for j := 0; j < l.waiting.len(); {
			it := l.waiting.at(j)
			if !it.expired(now) {
				j++
				continue
			}
			q.refused = append(q.refused, refused{it.ID, Expired})
			l.waiting.remove(j, 1)
			q.size--
			if i == q.cur.level {
				q.cur.valid = false
			}
		}
	}
}

func (it *item) expired(now Time) bool { return it.expires != 0 && now > it.expires }

func (it *item) size() int { return max(1, int(it.Size)) }
