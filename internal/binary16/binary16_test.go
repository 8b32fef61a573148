package binary16

import (
	"math"
	"testing"
)

// TestBinary16: every binary16 survives, and what lies between is rounded.
func TestBinary16(t *testing.T) {
	for bits := range 1 << 16 {
		v := Float(uint16(bits))
		if got := Bits(v); got != uint16(bits) && !(math.IsNaN(v) && math.IsNaN(Float(got))) {
			t.Fatalf("%#04x is %v, which becomes %#04x", bits, v, got)
		}
	}
	for v, want := range map[float64]uint16{65519: 0x7bff, 65520: 0x7c00, 1 + 1.0/2048: 0x3c00, 1 + 3.0/2048: 0x3c02, 1e-9: 0} {
		if got := Bits(v); got != want {
			t.Errorf("%v becomes %#04x, want %#04x", v, got, want)
		}
	}
}
