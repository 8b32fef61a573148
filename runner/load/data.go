package load

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
)

// Sources of input data.
const (
	Zeros  = "zeros"
	Random = "random"
	File   = "file"
)

// Data says what the inputs hold.
type Data struct {
	// Source is Zeros, Random or File; empty means Zeros.
	Source string
	// Path is the file or folder of Source File:
	//   - a .json file in perf_analyzer's format ({"data": [...]});
	//   - for a model with one input, a file with the raw bytes of one item or of
	//     several, one after the other;
	//   - a folder with one such file per input, named like the input.
	Path string
	// Seed drives Random: equal seeds give equal bytes.
	Seed uint64
	// Distinct is the number of different items of Source Random, sent in
	// rotation; 0 means 1. A response cache or a lucky branch in the model
	// makes one item look faster than many.
	Distinct int
	// Shapes gives the shape of one item, by input, where the model's own has
	// dimensions that vary.
	Shapes map[string][]int64
}

// String names the source for records: "zeros", "random" or "file:NAME".
func (d Data) String() string {
	switch d.Source {
	case "", Zeros:
		return Zeros
	case File:
		return File + ":" + filepath.Base(d.Path)
	}
	return d.Source
}

// item is one item of every input: what a request of batch 1 carries.
type item map[string]value

// value is the raw tensor of one item, in the byte order of the protocol.
type value struct {
	shape []int64
	raw   []byte
}

// items makes the distinct items for a model.
func (d Data) items(m Model) ([]item, error) {
	for name := range d.Shapes {
		if _, ok := m.input(name); !ok {
			return nil, fmt.Errorf("a shape is given for input %q, which model %s does not have (hint: its inputs are %s)", name, m.Name, m.inputNames())
		}
	}
	switch d.Source {
	case "", Zeros:
		return d.generate(m, 1, func(t Tensor, n int64) []byte { return zeros(t.Datatype, n) })
	case Random:
		r := rand.New(rand.NewPCG(d.Seed, 0x6c6f6164))
		return d.generate(m, max(d.Distinct, 1), func(t Tensor, n int64) []byte { return randoms(t.Datatype, n, r) })
	case File:
		items, err := d.read(m)
		if err != nil {
			return nil, fmt.Errorf("reading input data: %w", err)
		}
		return items, nil
	}
	return nil, fmt.Errorf("unknown input data %q (hint: zeros, random or a file)", d.Source)
}

// generate fills n items.
func (d Data) generate(m Model, n int, fill func(t Tensor, elements int64) []byte) ([]item, error) {
	out := make([]item, n)
	for i := range out {
		out[i] = item{}
		for _, t := range m.Inputs {
			if t.Optional {
				continue
			}
			shape, err := d.shape(m, t)
			if err != nil {
				return nil, err
			}
			count, ok := elements(shape)
			if !ok {
				return nil, fmt.Errorf("shape %v of input %q is too large", shape, t.Name)
			}
			out[i][t.Name] = value{shape, fill(t, count)}
		}
	}
	return out, nil
}

// shape returns the concrete shape of an item of an input.
func (d Data) shape(m Model, t Tensor) ([]int64, error) {
	shape, given := d.Shapes[t.Name]
	if !given {
		shape = t.Shape
	}
	if given {
		if err := t.accept(shape); err != nil {
			return nil, err
		}
	}
	if slices.Contains(shape, -1) {
		example := strings.ReplaceAll(dimensions(shape), "-1", "32")
		return nil, fmt.Errorf("input %q of model %s has dimensions that vary, %v: a shape is needed (hint: for example %s:%s)",
			t.Name, m.Name, shape, t.Name, example)
	}
	return slices.Clone(shape), nil
}

// dimensions writes a shape as the command line takes it: 3x48x320.
func dimensions(shape []int64) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(shape), "[]"), " ", "x")
}

// complete checks that an item holds every input it must and none that the
// model does not have, each of the right size.
func (m Model) complete(it item) error {
	for _, name := range slices.Sorted(maps.Keys(it)) {
		t, ok := m.input(name)
		if !ok {
			return fmt.Errorf("input %q is not one of model %s (hint: its inputs are %s)", name, m.Name, m.inputNames())
		}
		v := it[name]
		if err := t.accept(v.shape); err != nil {
			return err
		}
		if err := t.holds(v); err != nil {
			return err
		}
	}
	for _, t := range m.Inputs {
		if _, ok := it[t.Name]; !ok && !t.Optional {
			return fmt.Errorf("input %q of model %s is missing", t.Name, m.Name)
		}
	}
	return nil
}

// holds compares the bytes of a value with its shape.
func (t Tensor) holds(v value) error {
	want := t.bytes(v.shape)
	if want >= 0 && int64(len(v.raw)) != want {
		return fmt.Errorf("input %q holds %d bytes, %s %v needs %d", t.Name, len(v.raw), t.Datatype, v.shape, want)
	}
	if want < 0 {
		count, _ := elements(v.shape)
		if got, ok := countBytes(v.raw); !ok || got != count {
			return fmt.Errorf("input %q does not hold %d strings, each after its length in 4 bytes", t.Name, count)
		}
	}
	return nil
}

// countBytes counts the elements of a raw BYTES tensor; ok is false when it is
// not one.
func countBytes(raw []byte) (n int64, ok bool) {
	for len(raw) > 0 {
		if len(raw) < 4 {
			return 0, false
		}
		length := uint64(raw[0]) | uint64(raw[1])<<8 | uint64(raw[2])<<16 | uint64(raw[3])<<24
		if length > uint64(len(raw)-4) {
			return 0, false
		}
		raw = raw[4+length:]
		n++
	}
	return n, true
}
