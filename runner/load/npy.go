package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The header of a .npy file is a Python dictionary of three known keys, after a
// magic text, a version and its length (NumPy, "NEP 1: a simple file format for
// NumPy arrays", 2007).
var (
	arrayMagic   = []byte("\x93NUMPY")
	arrayType    = regexp.MustCompile(`'descr'\s*:\s*'([<>|=])([a-zA-Z])(\d+)'`)
	arrayFortran = regexp.MustCompile(`'fortran_order'\s*:\s*True`)
	arrayShape   = regexp.MustCompile(`'shape'\s*:\s*\(([\d,\sL]*)\)`)
)

// arrayTypes gives the datatypes of NumPy's kinds and sizes in bytes.
var arrayTypes = map[string]string{
	"b1": "BOOL", "u1": "UINT8", "u2": "UINT16", "u4": "UINT32", "u8": "UINT64",
	"i1": "INT8", "i2": "INT16", "i4": "INT32", "i8": "INT64", "f2": "FP16", "f4": "FP32", "f8": "FP64",
}

// array is a decoded .npy file.
type array struct {
	datatype string
	width    int // of one element, bytes
	kind     byte
	big      bool // its numbers begin with the high byte
	shape    []int64
	data     []byte
}

// readArray reads the items of an input from a NumPy array: it has the rank of one
// item, or a dimension more before it.
func readArray(t Tensor, path string) ([]value, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	a, err := parseArray(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if a.datatype != t.Datatype {
		return nil, fmt.Errorf("%s holds %s, input %q is %s (hint: numpy's astype)", path, a.datatype, t.Name, t.Datatype)
	}
	items, shape := int64(1), a.shape
	if len(shape) == len(t.Shape)+1 {
		items, shape = shape[0], shape[1:]
	}
	if err := t.accept(shape); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if items == 0 {
		return nil, fmt.Errorf("%s holds no items", path)
	}
	size := len(a.data) / int(items)
	values := make([]value, items)
	for i := range values {
		values[i] = value{shape, a.raw(a.data[i*size : (i+1)*size])}
	}
	return values, nil
}

func parseArray(data []byte) (array, error) {
	header, rest, err := splitArray(data)
	if err != nil {
		return array{}, err
	}
	kind, dims := arrayType.FindStringSubmatch(header), arrayShape.FindStringSubmatch(header)
	switch {
	case kind == nil || dims == nil:
		return array{}, fmt.Errorf("an array of a type that is not supported: %.80s (hint: numbers, booleans, or strings as dtype 'S')", header)
	case arrayFortran.MatchString(header):
		return array{}, fmt.Errorf("the array is in Fortran's order (hint: numpy.ascontiguousarray)")
	}
	a := array{big: kind[1] == ">", kind: kind[2][0]}
	a.width, _ = strconv.Atoi(kind[3])
	switch a.datatype = arrayTypes[kind[2]+kind[3]]; {
	case a.kind == 'S':
		a.datatype = "BYTES"
	case a.kind == 'U':
		a.datatype, a.width = "BYTES", 4*a.width
	case a.datatype == "":
		return array{}, fmt.Errorf("an array of %s%s, which no input is", kind[2], kind[3])
	}
	for d := range strings.SplitSeq(dims[1], ",") {
		if d = strings.TrimSuffix(strings.TrimSpace(d), "L"); d == "" {
			continue
		}
		n, err := strconv.ParseInt(d, 10, 64)
		if err != nil {
			return array{}, fmt.Errorf("the dimension %.20q", d)
		}
		a.shape = append(a.shape, n)
	}
	count, ok := elements(a.shape)
	if !ok || int64(a.width) > int64(len(rest)) && count > 0 || int64(len(rest)) != count*int64(a.width) {
		return array{}, fmt.Errorf("%d bytes after the header, the shape %v of %d bytes each needs other", len(rest), a.shape, a.width)
	}
	a.data = rest
	return a, nil
}

// splitArray parts the header from the elements.
func splitArray(data []byte) (header string, rest []byte, err error) {
	if !bytes.HasPrefix(data, arrayMagic) || len(data) < 12 {
		return "", nil, fmt.Errorf("not a .npy file")
	}
	length, at := uint64(binary.LittleEndian.Uint16(data[8:])), uint64(10)
	if data[6] >= 2 {
		length, at = uint64(binary.LittleEndian.Uint32(data[8:])), 12
	}
	if at+length > uint64(len(data)) {
		return "", nil, fmt.Errorf("a .npy file that is cut off")
	}
	return string(data[at : at+length]), data[at+length:], nil
}

// raw brings elements into the protocol's form.
func (a array) raw(data []byte) []byte {
	if a.datatype == "BYTES" {
		var out []byte
		for element := range slices.Chunk(data, max(a.width, 1)) {
			out = appendBytes(out, a.text(element))
		}
		return out
	}
	if !a.big || a.width == 1 {
		return data
	}
	out := slices.Clone(data)
	for element := range slices.Chunk(out, a.width) {
		slices.Reverse(element)
	}
	return out
}

// text is one string, which NumPy fills up with zeros.
func (a array) text(element []byte) []byte {
	if a.kind == 'S' {
		return bytes.TrimRight(element, "\x00")
	}
	var order binary.ByteOrder = binary.LittleEndian
	if a.big {
		order = binary.BigEndian
	}
	var out []byte
	for r := range slices.Chunk(element, 4) {
		if v := order.Uint32(r); v != 0 {
			out = utf8.AppendRune(out, rune(v))
		}
	}
	return out
}
