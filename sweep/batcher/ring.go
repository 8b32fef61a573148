package batcher

// ring is a queue in one slice that grows and never shrinks: after warm-up
// neither push nor pop allocates.
type ring[T any] struct {
	buf  []T // its length is a power of two, or 0
	head int
	n    int
}

func (r *ring[T]) len() int { return r.n }

// at returns the i-th element from the front; 0 <= i < len.
func (r *ring[T]) at(i int) *T { return &r.buf[(r.head+i)&(len(r.buf)-1)] }

func (r *ring[T]) push(v T) {
	if r.n == len(r.buf) {
		r.grow()
	}
	r.buf[(r.head+r.n)&(len(r.buf)-1)] = v
	r.n++
}

func (r *ring[T]) pop() T {
	v := r.buf[r.head]
	r.head = (r.head + 1) & (len(r.buf) - 1)
	r.n--
	return v
}

// remove takes out count elements from position i on. It is linear: only
// expired and cancelled requests leave a queue from its middle.
func (r *ring[T]) remove(i, count int) {
	for j := i; j+count < r.n; j++ {
		*r.at(j) = *r.at(j + count)
	}
	r.n -= count
}

func (r *ring[T]) clear() { r.head, r.n = 0, 0 }

func (r *ring[T]) grow() {
	bigger := make([]T, max(8, 2*len(r.buf)))
	for i := range r.n {
		bigger[i] = *r.at(i)
	}
	r.buf, r.head = bigger, 0
}
