package load

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Feed says where the values of an input come from.
type Feed struct {
	Source string // Zeros, Random or File
	// Path is what File reads:
	//   - .npy: a NumPy array, of one item, or of several with a dimension before it;
	//   - .jpg, .jpeg, .png: a picture, scaled to the input's height and width, as
	//     channels first or last, whichever the shape says; for a BYTES input the
	//     file as it is;
	//   - .txt, for a BYTES input: each line is an element;
	//   - a folder: each of its files, in the order of their names;
	//   - any other file: the raw bytes of one item, or of several.
	Path string
	// Range is that of random numbers, or what black and white of a picture
	// become; nil for the datatype's own.
	Range *Range
}

// Range holds the ends of a range of numbers.
type Range struct{ Low, High float64 }

func (r Range) String() string { return fmt.Sprintf("%g..%g", r.Low, r.High) }

// ParseFeed reads zeros, random, or the path of a file or folder, with a range
// behind it where one is wanted: random:0..255, photo.jpg:-1..1.
func ParseFeed(text string) (Feed, error) {
	name, span := text, (*Range)(nil)
	if i := strings.LastIndexByte(text, ':'); i > 0 {
		if low, high, found := strings.Cut(text[i+1:], ".."); found {
			from, err := strconv.ParseFloat(low, 64)
			to, err2 := strconv.ParseFloat(high, 64)
			if err != nil || err2 != nil || !(from <= to) || to-from > 1e300 {
				return Feed{}, fmt.Errorf("%q is not a range (hint: 0..255)", text[i+1:])
			}
			name, span = text[:i], &Range{from, to}
		}
	}
	switch {
	case name == "":
		return Feed{}, fmt.Errorf("no input data (hint: zeros, random or a file)")
	case name == Zeros && span != nil:
		return Feed{}, fmt.Errorf("zeros have no range (hint: random:%s)", span)
	case name == Zeros || name == Random:
		return Feed{Source: name, Range: span}, nil
	}
	if _, err := os.Stat(name); err != nil {
		return Feed{}, fmt.Errorf("%w (hint: zeros, random or a file)", err)
	}
	return Feed{Source: File, Path: name, Range: span}, nil
}

// String names the feed for records; a file without its folder.
func (f Feed) String() string {
	text := f.Source
	if f.Source == File {
		text += ":" + filepath.Base(f.Path)
	}
	if f.Range != nil {
		text += ":" + f.Range.String()
	}
	return text
}

// values returns the distinct values of one input.
func (d Data) values(m Model, t Tensor, f Feed, r *rand.Rand) ([]value, error) {
	if f.Source == File {
		return d.readFeed(m, t, f)
	}
	shape, err := d.shape(m, t)
	if err != nil {
		return nil, err
	}
	count, ok := elements(shape)
	if !ok {
		return nil, fmt.Errorf("shape %v of input %q is too large", shape, t.Name)
	}
	switch f.Source {
	case "", Zeros:
		return []value{{shape, zeros(t.Datatype, count)}}, nil
	case Random:
		if err := f.fits(t); err != nil {
			return nil, err
		}
		out := make([]value, max(d.Distinct, 1))
		for i := range out {
			out[i] = value{shape, randoms(t.Datatype, count, f.Range, r)}
		}
		return out, nil
	}
	return nil, fmt.Errorf("unknown input data %q (hint: zeros, random or a file)", f.Source)
}

// fits checks that a datatype can hold the range.
func (f Feed) fits(t Tensor) error {
	if f.Range == nil {
		return nil
	}
	kind, integer := integers[t.Datatype]
	switch {
	case t.Datatype == "BYTES" || t.Datatype == "BOOL":
		return fmt.Errorf("input %q is %s, which has no range", t.Name, t.Datatype)
	case !integer:
		return nil
	}
	low, high := 0.0, float64(uint64(1)<<min(kind.bits, 53))-1
	if kind.signed {
		high = float64(uint64(1)<<min(kind.bits-1, 53)) - 1
		low = -high - 1
	}
	if f.Range.Low < low || f.Range.High > high || math.Ceil(f.Range.Low) > f.Range.High {
		return fmt.Errorf("input %q is %s, which does not hold the range %s", t.Name, t.Datatype, f.Range)
	}
	return nil
}

// readFeed reads the values of one input from a file or the files of a folder.
func (d Data) readFeed(m Model, t Tensor, f Feed) ([]value, error) {
	if err := f.fits(t); err != nil {
		return nil, err
	}
	info, err := os.Stat(f.Path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return d.readFile(m, t, f.Path, f.Range)
	}
	entries, err := os.ReadDir(f.Path) // sorted
	if err != nil {
		return nil, err
	}
	var values []value
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		more, err := d.readFile(m, t, filepath.Join(f.Path, e.Name()), f.Range)
		if err != nil {
			return nil, err
		}
		if values = append(values, more...); len(values) > mostRotation {
			return nil, fmt.Errorf("%s holds more than %d items", f.Path, mostRotation)
		}
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("the folder %s holds no files", f.Path)
	}
	return values, nil
}

// pictureExtensions are the files that hold pictures.
var pictureExtensions = []string{".jpg", ".jpeg", ".png"}

// readFile reads one file by its extension.
func (d Data) readFile(m Model, t Tensor, path string, span *Range) ([]value, error) {
	extension := strings.ToLower(filepath.Ext(path))
	picture := slices.Contains(pictureExtensions, extension)
	if span != nil && !(picture && t.Datatype != "BYTES") {
		return nil, fmt.Errorf("%s: only pictures and random numbers have a range", path)
	}
	switch {
	case picture && t.Datatype == "BYTES":
		return d.readElement(m, t, path)
	case picture:
		return d.readPicture(m, t, path, span)
	case extension == ".npy":
		return readArray(t, path)
	case extension == ".txt" && t.Datatype == "BYTES":
		return d.readLines(m, t, path)
	case extension == ".json":
		return nil, fmt.Errorf("%s: JSON holds all inputs of a model (hint: --input MODEL/=%s)", path, path)
	}
	return d.readRaw(m, t, path)
}

// readElement takes a whole file as the one element of an item.
func (d Data) readElement(m Model, t Tensor, path string) ([]value, error) {
	shape, err := d.shape(m, t)
	if err != nil {
		return nil, err
	}
	if n, _ := elements(shape); n != 1 {
		return nil, fmt.Errorf("%s is one element, input %q takes %d", path, t.Name, n)
	}
	data, err := os.ReadFile(path)
	return []value{{shape, appendBytes(nil, data)}}, err
}

// readLines reads a text, each of whose lines is an element; an item takes as many
// as its shape has.
func (d Data) readLines(m Model, t Tensor, path string) ([]value, error) {
	shape, err := d.shape(m, t)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	each, _ := elements(shape)
	each = max(each, 1)
	var values []value
	var raw []byte
	n := int64(0)
	for line := range bytes.Lines(text) {
		raw = appendBytes(raw, bytes.TrimRight(line, "\r\n"))
		if n++; n%each == 0 {
			values, raw = append(values, value{shape, raw}), nil
		}
	}
	if n == 0 || n%each != 0 {
		return nil, fmt.Errorf("%s holds %d lines, which is not a whole number of items of %d strings", path, n, each)
	}
	return values, nil
}
