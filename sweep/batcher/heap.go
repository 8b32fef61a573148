package batcher

// agenda is an index heap: the next time of each of a fixed number of sources.
// Equal times come out in the order of the sources, so that runs repeat.
type agenda struct {
	at   []Time  // by source; Never when it has nothing to do
	heap []int32 // sources, the earliest first
	pos  []int32 // by source: its place in heap
}

// reset gives the agenda n sources without anything to do.
func (a *agenda) reset(n int) {
	a.at, a.heap, a.pos = a.at[:0], a.heap[:0], a.pos[:0]
	for i := range n {
		a.at = append(a.at, Never)
		a.heap = append(a.heap, int32(i))
		a.pos = append(a.pos, int32(i))
	}
}

// add makes one more source, with nothing to do.
func (a *agenda) add() int32 {
	source := int32(len(a.at))
	a.at = append(a.at, Never) // never earlier than its parent in the heap
	a.heap = append(a.heap, source)
	a.pos = append(a.pos, source)
	return source
}

// next returns the earliest source and its time.
func (a *agenda) next() (source int32, at Time) {
	s := a.heap[0]
	return s, a.at[s]
}

// set moves a source to another time.
func (a *agenda) set(source int32, at Time) {
	was := a.at[source]
	if at == was {
		return
	}
	a.at[source] = at
	if at < was {
		a.up(a.pos[source])
	} else {
		a.down(a.pos[source])
	}
}

func (a *agenda) less(s, t int32) bool {
	return a.at[s] < a.at[t] || (a.at[s] == a.at[t] && s < t)
}

func (a *agenda) up(i int32) {
	s := a.heap[i]
	for i > 0 {
		parent := (i - 1) / 2
		p := a.heap[parent]
		if !a.less(s, p) {
			break
		}
		a.heap[i], a.pos[p] = p, i
		i = parent
	}
	a.heap[i], a.pos[s] = s, i
}

func (a *agenda) down(i int32) {
	s := a.heap[i]
	n := int32(len(a.heap))
	for {
		child := 2*i + 1
		if child >= n {
			break
		}
		if child+1 < n && a.less(a.heap[child+1], a.heap[child]) {
			child++
		}
		c := a.heap[child]
		if !a.less(c, s) {
			break
		}
		a.heap[i], a.pos[c] = c, i
		i = child
	}
	a.heap[i], a.pos[s] = s, i
}
