package tritonsim

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"tritonsweep/internal/binary16"
	"tritonsweep/internal/tritonpb"
)

// widths gives the bytes of one element; those of BYTES bring their own length.
var widths = map[string]int{
	"BOOL": 1, "UINT8": 1, "INT8": 1,
	"UINT16": 2, "INT16": 2, "FP16": 2, "BF16": 2,
	"UINT32": 4, "INT32": 4, "FP32": 4,
	"UINT64": 8, "INT64": 8, "FP64": 8,
	"BYTES": 0,
}

// protocolName returns a data type as the inference protocol spells it.
func protocolName(t tritonpb.DataType) string {
	if t == tritonpb.DataType_TYPE_STRING {
		return "BYTES"
	}
	return strings.TrimPrefix(t.String(), "TYPE_")
}

// first is the first element of an item: what answers begin with.
type first [8]byte

// convert writes an element of another type the way a C cast would.
func (f first) convert(from, to string) first {
	if from == to || from == "BYTES" || to == "BYTES" {
		return f
	}
	if strings.Contains(from, "INT") && strings.Contains(to, "INT") {
		return integer(f.integer(from))
	}
	return float(f.float(from), to)
}

func integer(v int64) (f first) {
	binary.LittleEndian.PutUint64(f[:], uint64(v))
	return f
}

func (f first) integer(datatype string) int64 {
	bits := binary.LittleEndian.Uint64(f[:])
	switch datatype {
	case "INT8":
		return int64(int8(bits))
	case "INT16":
		return int64(int16(bits))
	case "INT32":
		return int64(int32(bits))
	case "UINT8", "BOOL":
		return int64(uint8(bits))
	case "UINT16":
		return int64(uint16(bits))
	case "UINT32":
		return int64(uint32(bits))
	}
	return int64(bits)
}

func (f first) float(datatype string) float64 {
	bits := binary.LittleEndian.Uint64(f[:])
	switch datatype {
	case "FP64":
		return math.Float64frombits(bits)
	case "FP32":
		return float64(math.Float32frombits(uint32(bits)))
	case "BF16":
		return float64(math.Float32frombits(uint32(bits) << 16))
	case "FP16":
		return binary16.Float(uint16(bits))
	}
	return float64(f.integer(datatype))
}

func float(v float64, datatype string) (f first) {
	var bits uint64
	switch datatype {
	case "FP64":
		bits = math.Float64bits(v)
	case "FP32":
		bits = uint64(math.Float32bits(float32(v)))
	case "BF16":
		bits = uint64(math.Float32bits(float32(v)) >> 16)
	case "FP16":
		bits = uint64(binary16.Bits(v))
	case "BOOL":
		if v != 0 {
			bits = 1
		}
	default:
		if v == v { // NaN has no integer
			bits = uint64(int64(v))
		}
	}
	binary.LittleEndian.PutUint64(f[:], bits)
	return f
}

// dims writes a shape as Triton does in its messages.
func dims(shape []int64) string {
	parts := make([]string, len(shape))
	for i, n := range shape {
		parts[i] = strconv.FormatInt(n, 10)
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// count returns the product of a shape, -1 if it is negative or absurd.
func count(shape []int64) int64 {
	n := int64(1)
	for _, d := range shape {
		if d < 0 || d > 0 && n > math.MaxInt64/16/d {
			return -1
		}
		n *= d
	}
	return n
}
