package load

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"slices"

	"tritonsweep/internal/binary16"
	"tritonsweep/internal/tritonpb/service"
)

// mostSketched is how many elements of a tensor a sketch holds.
const mostSketched = 256

// sketch is an answer in little memory: of each output the shape and evenly spaced
// elements, or the hash of strings.
type sketch []tensorSketch

type tensorSketch struct {
	name   string
	shape  []int64
	exact  bool      // its elements are equal or not, and never nearly so
	values []float64 // of strings none
	hash   uint64    // of strings
}

// sketchOf sketches row number row of rows that an answer holds; of several only
// those outputs whose rows have a size.
func sketchOf(response *service.ModelInferResponse, row, rows int) sketch {
	var out sketch
	raw := response.GetRawOutputContents()
	for i, o := range response.GetOutputs() {
		if i >= len(raw) {
			break
		}
		t := tensorSketch{name: o.GetName(), shape: slices.Clone(o.GetShape())}
		width := datatypes[o.GetDatatype()]
		if rows > 1 {
			if width == 0 || len(t.shape) == 0 || t.shape[0] != int64(rows) {
				continue
			}
			t.shape[0] = 1
		}
		size := len(raw[i]) / rows
		part := raw[i][row*size : (row+1)*size]
		if width == 0 {
			h := fnv.New64a()
			_, _ = h.Write(part) // it never fails
			t.hash, t.exact = h.Sum64(), true
		} else {
			_, t.exact = integers[o.GetDatatype()]
			t.values = spaced(o.GetDatatype(), width, part)
		}
		out = append(out, t)
	}
	return out
}

// spaced returns evenly spaced elements of a raw tensor.
func spaced(datatype string, width int, raw []byte) []float64 {
	count := len(raw) / width
	values := make([]float64, min(count, mostSketched))
	for i := range values {
		at := i * count / len(values) * width
		values[i] = number(datatype, raw[at:at+width])
	}
	return values
}

// number reads one element. Large integers lose their last digits, all in the same
// way.
func number(datatype string, raw []byte) float64 {
	var bits uint64
	for i, b := range raw {
		bits |= uint64(b) << (8 * i)
	}
	switch datatype {
	case "FP64":
		return math.Float64frombits(binary.LittleEndian.Uint64(raw))
	case "FP32":
		return float64(math.Float32frombits(uint32(bits)))
	case "BF16":
		return float64(math.Float32frombits(uint32(bits) << 16))
	case "FP16":
		return binary16.Float(uint16(bits))
	}
	if integers[datatype].signed {
		shift := 64 - 8*len(raw)
		return float64(int64(bits<<shift) >> shift)
	}
	return float64(bits)
}

// distance is how far apart two answers are, from 0, and in which output: of
// floats the norm of the difference by that of the values, of what is equal or not
// the share that is not. Of outputs that only one of them holds nothing is said.
func (s sketch) distance(other sketch) (worst float64, output string) {
	for _, t := range s {
		i := slices.IndexFunc(other, func(o tensorSketch) bool { return o.name == t.name })
		if i < 0 {
			continue
		}
		if d := t.distance(other[i]); d > worst {
			worst, output = d, t.name
		}
	}
	return worst, output
}

func (t tensorSketch) distance(other tensorSketch) float64 {
	if !slices.Equal(t.shape, other.shape) || len(t.values) != len(other.values) || t.hash != other.hash {
		return 1
	}
	unequal, difference, norm := 0, 0.0, 0.0
	for i, a := range t.values {
		b := other.values[i]
		if a == b || a != a && b != b {
			if !math.IsInf(a, 0) && a == a {
				norm += a * a
			}
			continue
		}
		if unequal++; !t.exact && (a-b != a-b || math.IsInf(a-b, 0)) {
			return 1 // one of them is no finite number
		}
		difference += (a - b) * (a - b)
		norm += max(a*a, b*b)
	}
	switch {
	case unequal == 0:
		return 0
	case t.exact:
		return float64(unequal) / float64(len(t.values))
	}
	return math.Sqrt(difference / norm)
}
