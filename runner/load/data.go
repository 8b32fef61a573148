package load

import (
	"fmt"
	"maps"
	"math/rand/v2"
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
	// Source is Zeros, Random or File; empty means Zeros. It is for the inputs that
	// Inputs does not name.
	Source string
	// Path is the file or folder of Source File:
	//   - a .json file in perf_analyzer's format ({"data": [...]});
	//   - for a model with one input, a file or folder as in Feed;
	//   - a folder with one file of raw bytes per input, named like the input.
	Path string
	// Range is that of random numbers; nil for the datatypes' own.
	Range *Range
	// Inputs holds sources for single inputs, by name; several are sent in
	// rotation, and inputs that have fewer than others begin anew.
	Inputs map[string][]Feed
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

// String names the source for records: "zeros", "random", "file:NAME", and then
// those of single inputs, "mask=zeros".
func (d Data) String() string {
	text := Feed{d.Source, d.Path, d.Range}.String()
	if d.Source == "" {
		text = Zeros
	}
	for _, name := range slices.Sorted(maps.Keys(d.Inputs)) {
		for _, f := range d.Inputs[name] {
			text += ", " + name + "=" + f.String()
		}
	}
	return text
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
	for name := range d.Inputs {
		if _, ok := m.input(name); !ok {
			return nil, fmt.Errorf("data are given for input %q, which model %s does not have (hint: its inputs are %s)", name, m.Name, m.inputNames())
		}
	}
	var items []item
	if d.Source == File && len(d.Inputs) < len(m.Inputs) {
		var err error
		if items, err = d.read(m); err != nil {
			return nil, fmt.Errorf("reading input data: %w", err)
		}
	}
	columns, err := d.columns(m)
	if err != nil {
		return nil, err
	}
	return weave(items, columns), nil
}

// columns returns the values of the inputs that a file of all inputs does not give.
func (d Data) columns(m Model) (map[string][]value, error) {
	r := rand.New(rand.NewPCG(d.Seed, 0x6c6f6164))
	columns := map[string][]value{}
	for _, t := range m.Inputs {
		feeds := d.Inputs[t.Name]
		if feeds == nil && (t.Optional || d.Source == File) {
			continue
		}
		if feeds == nil {
			feeds = []Feed{{Source: d.Source, Range: d.rangeOf(t)}}
		}
		for _, f := range feeds {
			more, err := d.values(m, t, f, r)
			if err != nil {
				return nil, fmt.Errorf("input data of %s: %w", t.Name, err)
			}
			columns[t.Name] = append(columns[t.Name], more...)
		}
	}
	return columns, nil
}

// rangeOf is the common range, for the inputs that have numbers.
func (d Data) rangeOf(t Tensor) *Range {
	if t.Datatype == "BYTES" || t.Datatype == "BOOL" {
		return nil
	}
	return d.Range
}

// weave gives the items the values of columns, in rotation. There are as many
// items as the longest of all has.
func weave(items []item, columns map[string][]value) []item {
	n := len(items)
	for _, values := range columns {
		n = max(n, len(values))
	}
	out := make([]item, n)
	for i := range out {
		out[i] = item{}
		if len(items) > 0 {
			maps.Copy(out[i], items[i%len(items)])
		}
		for name, values := range columns {
			out[i][name] = values[i%len(values)]
		}
	}
	return out
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
