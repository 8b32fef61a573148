package load

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
)

// readJSON reads perf_analyzer's input file: an object whose "data" is a list of
// items, or a list of lists of items (sequences, whose order is kept). An item
// maps each input to a list of elements (nested or flat), to {"b64": "..."} with
// the raw bytes, or to {"content": either, "shape": [...]}. Other members, such
// as "validation_data", are not looked at.
func (d Data) readJSON(m Model) ([]item, error) {
	data, err := os.ReadFile(d.Path)
	if err != nil {
		return nil, err
	}
	var file struct {
		Data []json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", d.Path, err)
	}
	var items []item
	for i, entry := range file.Data {
		more, err := d.jsonEntry(m, entry)
		if err != nil {
			return nil, fmt.Errorf("%s: data[%d]: %w", d.Path, i, err)
		}
		items = append(items, more...)
	}
	if len(items) == 0 {
		return nil, fmt.Errorf(`%s holds no items (hint: {"data": [{"%s": [...]}]})`, d.Path, m.Inputs[0].Name)
	}
	return items, nil
}

// jsonEntry reads an item or a list of items.
func (d Data) jsonEntry(m Model, entry json.RawMessage) ([]item, error) {
	if bytes.HasPrefix(bytes.TrimSpace(entry), []byte("[")) {
		var list []json.RawMessage
		if err := json.Unmarshal(entry, &list); err != nil {
			return nil, err
		}
		var items []item
		for i, e := range list {
			more, err := d.jsonEntry(m, e)
			if err != nil {
				return nil, fmt.Errorf("[%d]: %w", i, err)
			}
			items = append(items, more...)
		}
		return items, nil
	}
	var tensors map[string]json.RawMessage
	if err := json.Unmarshal(entry, &tensors); err != nil {
		return nil, err
	}
	it := item{}
	for name, raw := range tensors {
		t, ok := m.input(name)
		if !ok {
			return nil, fmt.Errorf("input %q is not one of model %s (hint: its inputs are %s)", name, m.Name, m.inputNames())
		}
		v, err := d.jsonValue(m, t, raw)
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", name, err)
		}
		it[name] = v
	}
	return []item{it}, nil
}

// jsonTensor is the object form of a tensor.
type jsonTensor struct {
	Content json.RawMessage `json:"content"`
	B64     *string         `json:"b64"`
	Shape   []int64         `json:"shape"`
}

func (d Data) jsonValue(m Model, t Tensor, raw json.RawMessage) (value, error) {
	tensor := jsonTensor{Content: raw}
	if object(raw) {
		tensor.Content = nil
		if err := json.Unmarshal(raw, &tensor); err != nil {
			return value{}, err
		}
	}
	if object(tensor.Content) { // {"content": {"b64": "..."}, "shape": [...]}
		var inner jsonTensor
		if err := json.Unmarshal(tensor.Content, &inner); err != nil {
			return value{}, err
		}
		tensor.B64, tensor.Content = inner.B64, nil
	}
	shape := tensor.Shape
	if shape == nil {
		var err error
		if shape, err = d.shape(m, t); err != nil {
			return value{}, err
		}
	}
	v := value{shape: shape}
	var err error
	switch {
	case tensor.B64 != nil:
		v.raw, err = fromBase64(t, shape, *tensor.B64)
	case tensor.Content != nil:
		v.raw, err = fromElements(t, tensor.Content)
	default:
		err = fmt.Errorf(`neither a list nor "content" nor "b64"`)
	}
	return v, err
}

func object(raw json.RawMessage) bool {
	return bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{"))
}

// fromBase64 decodes raw bytes. One BYTES element may come without its length.
func fromBase64(t Tensor, shape []int64, text string) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	if t.Datatype == "BYTES" {
		count, _ := elements(shape)
		if got, ok := countBytes(raw); count == 1 && !(ok && got == 1) {
			return appendBytes(nil, raw), nil
		}
	}
	return raw, nil
}

// fromElements flattens a list of numbers, booleans or strings.
func fromElements(t Tensor, list json.RawMessage) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(list))
	decoder.UseNumber()
	var out []byte
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		switch v := token.(type) {
		case json.Delim:
			if v == '{' {
				return nil, fmt.Errorf("an object among the elements")
			}
		case json.Number:
			if out, err = appendNumber(out, t.Datatype, v.String()); err != nil {
				return nil, err
			}
		case bool:
			if t.Datatype != "BOOL" {
				return nil, fmt.Errorf("%t is no %s", v, t.Datatype)
			}
			out = append(out, map[bool]byte{true: 1}[v])
		case string:
			if t.Datatype != "BYTES" {
				return nil, fmt.Errorf("%q is no %s", v, t.Datatype)
			}
			out = appendBytes(out, []byte(v))
		default:
			return nil, fmt.Errorf("%v is no %s", token, t.Datatype)
		}
	}
}

// integers gives the size in bits and the sign of the integer datatypes.
var integers = map[string]struct {
	bits   int
	signed bool
}{
	"INT8": {8, true}, "INT16": {16, true}, "INT32": {32, true}, "INT64": {64, true},
	"UINT8": {8, false}, "UINT16": {16, false}, "UINT32": {32, false}, "UINT64": {64, false},
	"BOOL": {1, false},
}

// appendNumber appends a number, refusing what the datatype cannot hold.
func appendNumber(out []byte, datatype, text string) ([]byte, error) {
	if kind, ok := integers[datatype]; ok {
		var v uint64
		var err error
		if kind.signed {
			var signed int64
			signed, err = strconv.ParseInt(text, 10, kind.bits)
			v = uint64(signed)
		} else {
			v, err = strconv.ParseUint(text, 10, kind.bits)
		}
		if err != nil {
			return nil, fmt.Errorf("%s is no %s", text, datatype)
		}
		return appendInteger(out, datatype, v), nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || datatype == "BYTES" || math.IsInf(v, 0) {
		return nil, fmt.Errorf("%s is no %s", text, datatype)
	}
	return appendFloat(out, datatype, v), nil
}
