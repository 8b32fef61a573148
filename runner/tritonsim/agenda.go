package tritonsim

import "tritonsweep/sweep/batcher"

// agenda holds what is to happen next: a binary heap of sources by time, and
// for equal times by the order in which they were set.
type agenda struct{ heap []*source }

// source is something that happens at most once at a time, such as the next run
// of a thread.
type source struct {
	fire    func()
	answers bool // callers wait for it: no slack
	at      batcher.Time
	order   uint64
	place   int // in the heap, from 1; 0 while nothing is planned
}

func (s *source) before(other *source) bool {
	return s.at < other.at || s.at == other.at && s.order < other.order
}

// set plans s for a time, or, with batcher.Never, for none.
func (a *agenda) set(s *source, at batcher.Time, order uint64) {
	switch {
	case at == batcher.Never && s.place == 0:
		return
	case at == batcher.Never:
		a.drop(s)
		return
	case s.place == 0:
		a.heap = append(a.heap, s)
		s.place = len(a.heap)
	}
	s.at, s.order = at, order
	a.down(a.up(s.place))
}

// next returns the source that is due first, or nil.
func (a *agenda) next() *source {
	if len(a.heap) == 0 {
		return nil
	}
	return a.heap[0]
}

func (a *agenda) drop(s *source) {
	place, last := s.place, len(a.heap)
	a.swap(place, last)
	a.heap[last-1] = nil
	a.heap = a.heap[:last-1]
	s.place = 0
	if place < last {
		a.down(a.up(place))
	}
}

func (a *agenda) before(i, j int) bool { return a.heap[i-1].before(a.heap[j-1]) }

func (a *agenda) swap(i, j int) {
	h := a.heap
	h[i-1], h[j-1] = h[j-1], h[i-1]
	h[i-1].place, h[j-1].place = i, j
}

func (a *agenda) up(i int) int {
	for i > 1 && a.before(i, i/2) {
		a.swap(i, i/2)
		i /= 2
	}
	return i
}

func (a *agenda) down(i int) {
	for 2*i <= len(a.heap) {
		child := 2 * i
		if child < len(a.heap) && a.before(child+1, child) {
			child++
		}
		if !a.before(child, i) {
			return
		}
		a.swap(child, i)
		i = child
	}
}
