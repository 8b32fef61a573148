package tritonsim

import "testing"

// TestPool: a buffer has the length asked for, also when it was another's
// before, and what the pool did not make does not get in.
func TestPool(t *testing.T) {
	var p pool
	for _, length := range []int{0, 1, 255, 256, 257, 16384, 1 << maxPooled, 1<<maxPooled + 1} {
		for range 3 {
			b := p.Get(length)
			if len(*b) != length {
				t.Fatalf("asked for %d bytes, got %d", length, len(*b))
			}
			clear(*b)
			p.Put(b)
		}
	}
	foreign := make([]byte, 300)
	p.Put(&foreign)
	if b := p.Get(300); cap(*b) != 512 {
		t.Errorf("a buffer of capacity %d", cap(*b))
	}
	if n := testing.AllocsPerRun(100, func() { p.Put(p.Get(4000)) }); n > 1 {
		t.Errorf("%v allocations for a buffer that was there", n)
	}
}
