// Package binary16 converts the half-precision floats of IEEE 754, which Go lacks:
// a sign, five bits of exponent and ten of fraction.
package binary16

import "math"

// Float returns the value of a binary16, which a float64 holds exactly.
func Float(bits uint16) float64 {
	sign := 1 - 2*float64(bits>>15)
	exponent, fraction := int(bits>>10&0x1f), float64(bits&0x3ff)
	switch exponent {
	case 0: // subnormal: a multiple of 2^-24
		return sign * fraction * 0x1p-24
	case 0x1f:
		if fraction != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * (1 + fraction/1024) * math.Ldexp(1, exponent-15)
}

// Bits rounds to the nearest binary16, ties to even.
func Bits(v float64) uint16 {
	sign := uint16(math.Float64bits(v) >> 48 & 0x8000)
	magnitude := math.Abs(v)
	switch {
	case v != v:
		return sign | 0x7e00
	case magnitude >= 65520: // halfway beyond the largest
		return sign | 0x7c00
	case magnitude < 0x1p-14: // subnormal
		return sign | uint16(math.RoundToEven(magnitude*0x1p24))
	}
	fraction, exponent := math.Frexp(magnitude) // magnitude = fraction * 2^exponent, fraction in [0.5, 1)
	// A mantissa that rounds up to 2^11 carries into the exponent by itself.
	mantissa := uint16(math.RoundToEven(fraction * 0x1p11))
	return sign | (uint16(exponent+13)<<10 + mantissa)
}
