package load

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"tritonsweep/internal/binary16"
)

// datatypes gives the bytes of one element; BYTES elements have none of their own.
var datatypes = map[string]int{
	"BOOL": 1, "UINT8": 1, "INT8": 1,
	"UINT16": 2, "INT16": 2, "FP16": 2, "BF16": 2,
	"UINT32": 4, "INT32": 4, "FP32": 4,
	"UINT64": 8, "INT64": 8, "FP64": 8,
	"BYTES": 0,
}

// mostRandomInteger is the end of the range of random integers. It fits INT8,
// and every vocabulary: an index beyond a table ends in an error of the model.
const mostRandomInteger = 100

// zeros returns n elements of zero; those of BYTES are empty strings.
func zeros(datatype string, n int64) []byte {
	if datatype == "BYTES" {
		return make([]byte, 4*n)
	}
	return make([]byte, n*int64(datatypes[datatype]))
}

// randoms returns n random elements: floats in [0, 1), integers in [0, 100), or
// both in a range, whose end integers reach; booleans, strings of 8 to 16
// lower-case letters.
func randoms(datatype string, n int64, span *Range, r *rand.Rand) []byte {
	if datatype == "BYTES" {
		out := make([]byte, 0, 16*n)
		for range n {
			word := make([]byte, 8+r.IntN(9))
			for i := range word {
				word[i] = 'a' + byte(r.IntN(26))
			}
			out = appendBytes(out, word)
		}
		return out
	}
	whole, real := Range{0, mostRandomInteger - 1}, Range{0, 1}
	if span != nil {
		whole, real = *span, *span
	}
	out := make([]byte, 0, n*int64(datatypes[datatype]))
	for range n {
		switch datatype {
		case "FP16", "BF16", "FP32", "FP64":
			out = appendFloat(out, datatype, real.Low+r.Float64()*(real.High-real.Low))
		case "BOOL":
			out = append(out, byte(r.IntN(2)))
		default:
			low := int64(math.Ceil(whole.Low))
			out = appendInteger(out, datatype, uint64(low+r.Int64N(max(int64(math.Floor(whole.High))-low, 0)+1)))
		}
	}
	return out
}

// appendBytes appends one BYTES element: its length, little endian, and itself.
func appendBytes(out, element []byte) []byte {
	out = binary.LittleEndian.AppendUint32(out, uint32(len(element)))
	return append(out, element...)
}

// appendInteger appends the low bytes of v, which is two's complement where
// the datatype is signed.
func appendInteger(out []byte, datatype string, v uint64) []byte {
	switch datatypes[datatype] {
	case 1:
		return append(out, byte(v))
	case 2:
		return binary.LittleEndian.AppendUint16(out, uint16(v))
	case 4:
		return binary.LittleEndian.AppendUint32(out, uint32(v))
	default:
		return binary.LittleEndian.AppendUint64(out, v)
	}
}

func appendFloat(out []byte, datatype string, v float64) []byte {
	switch datatype {
	case "FP64":
		return binary.LittleEndian.AppendUint64(out, math.Float64bits(v))
	case "FP16":
		return binary.LittleEndian.AppendUint16(out, binary16.Bits(v))
	case "BF16":
		return binary.LittleEndian.AppendUint16(out, bfloat16(v))
	default:
		return binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(v)))
	}
}

// bfloat16 keeps the upper half of a float32, rounded to the nearest even.
func bfloat16(v float64) uint16 {
	bits := math.Float32bits(float32(v))
	if v != v {
		return uint16(bits>>16) | 0x40 // rounding must not turn NaN into infinity
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}
