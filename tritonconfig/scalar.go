package tritonconfig

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"tritonsweep/internal/nearest"
)

// scalar reads v as a value of the field d.
func (f *File) scalar(d protoreflect.FieldDescriptor, v *value) (protoreflect.Value, *fault) {
	var none protoreflect.Value
	switch d.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind:
		return f.stringValue(d, v)
	case protoreflect.EnumKind:
		return f.enumValue(d, v)
	case protoreflect.BoolKind:
		return f.boolValue(d, v)
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return f.floatValue(d, v)
	}
	if v.kind != numberToken {
		return none, f.notA(d, v)
	}
	n, err := strconv.ParseUint(v.literal.text(f.src), 0, 64)
	if err != nil && !isRange(err) {
		return none, f.notA(d, v)
	}
	x, ok := integer(d.Kind(), n, v.negative)
	if err != nil || !ok {
		return none, &fault{at: v.from, reason: fmt.Sprintf("%s: %s is out of range", d.Name(), v.text(f.src))}
	}
	return x, nil
}

func isRange(err error) bool {
	e, ok := err.(*strconv.NumError)
	return ok && e.Err == strconv.ErrRange
}

func integer(k protoreflect.Kind, n uint64, negative bool) (protoreflect.Value, bool) {
	switch k {
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(n)), !negative && n <= math.MaxUint32
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(n), !negative
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		i, ok := signed(n, negative, math.MaxInt32)
		return protoreflect.ValueOfInt32(int32(i)), ok
	}
	i, ok := signed(n, negative, math.MaxInt64)
	return protoreflect.ValueOfInt64(i), ok
}

func signed(n uint64, negative bool, most uint64) (int64, bool) {
	if negative {
		return -int64(n), n <= most+1
	}
	return int64(n), n <= most
}

func (f *File) stringValue(d protoreflect.FieldDescriptor, v *value) (protoreflect.Value, *fault) {
	if v.kind != stringToken {
		return protoreflect.Value{}, f.notA(d, v)
	}
	s := string(unquote(f.src[v.from:v.to]))
	if mark := inString(s); mark != "" {
		return protoreflect.Value{}, templateFault(v.from, mark)
	}
	if d.Kind() == protoreflect.BytesKind {
		return protoreflect.ValueOfBytes([]byte(s)), nil
	}
	return protoreflect.ValueOfString(strings.ToValidUTF8(s, "\uFFFD")), nil
}

// boolValue accepts what Triton does: words in three spellings, 0 and 1.
func (f *File) boolValue(d protoreflect.FieldDescriptor, v *value) (protoreflect.Value, *fault) {
	text := v.text(f.src)
	switch {
	case v.kind == wordToken && (text == "true" || text == "True" || text == "t"):
		return protoreflect.ValueOfBool(true), nil
	case v.kind == wordToken && (text == "false" || text == "False" || text == "f"):
		return protoreflect.ValueOfBool(false), nil
	case v.kind == numberToken && !v.negative:
		if n, err := strconv.ParseUint(text, 0, 64); err == nil && n <= 1 {
			return protoreflect.ValueOfBool(n == 1), nil
		}
	}
	return protoreflect.Value{}, f.notA(d, v)
}

func (f *File) floatValue(d protoreflect.FieldDescriptor, v *value) (protoreflect.Value, *fault) {
	bits := 64
	if d.Kind() == protoreflect.FloatKind {
		bits = 32
	}
	text := strings.ToLower(v.literal.text(f.src))
	plain := strings.TrimRight(text, "f")
	switch {
	case v.kind == wordToken && (text == "inf" || text == "infinity" || text == "nan"):
		plain = text
	case v.kind != numberToken, isHexOrOctal(text):
		return protoreflect.Value{}, f.notA(d, v)
	}
	// A number beyond the range becomes infinite, in Triton too.
	x, err := strconv.ParseFloat(plain, bits)
	if err != nil && !isRange(err) {
		return protoreflect.Value{}, f.notA(d, v)
	}
	if v.negative {
		x = -x
	}
	if bits == 32 {
		return protoreflect.ValueOfFloat32(float32(x)), nil
	}
	return protoreflect.ValueOfFloat64(x), nil
}

func isHexOrOctal(text string) bool {
	return len(text) > 1 && text[0] == '0' && (text[1] == 'x' || isDigit(text[1]))
}

// enumValue accepts a name, or any number: protobuf leaves enums open.
func (f *File) enumValue(d protoreflect.FieldDescriptor, v *value) (protoreflect.Value, *fault) {
	switch {
	case v.kind == wordToken && !v.negative:
		if x := d.Enum().Values().ByName(protoreflect.Name(v.text(f.src))); x != nil {
			return protoreflect.ValueOfEnum(x.Number()), nil
		}
		return protoreflect.Value{}, f.enumFault(d, v)
	case v.kind == numberToken:
		n, err := strconv.ParseUint(v.literal.text(f.src), 0, 64)
		if i, ok := signed(n, v.negative, math.MaxInt32); err == nil && ok {
			return protoreflect.ValueOfEnum(protoreflect.EnumNumber(i)), nil
		}
	}
	return protoreflect.Value{}, f.notA(d, v)
}

// enumFault tells a wrong value from a placeholder: a wrong value starts as
// the right ones do (TYPE_, KIND_).
func (f *File) enumFault(d protoreflect.FieldDescriptor, v *value) *fault {
	word, mark := v.text(f.src), f.marked(v)
	values := d.Enum().Values()
	prefix, names := string(values.Get(0).Name()), make([]string, values.Len())
	for i := range names {
		names[i] = string(values.Get(i).Name())
		prefix = commonPrefix(prefix, names[i])
	}
	if mark == word && (prefix == "" || strings.HasPrefix(word, prefix) && word != prefix) {
		hint := "the nearest is " + nearest.Of(word, names)
		if word == "TYPE_BYTES" {
			hint = "a model config says TYPE_STRING"
		}
		return &fault{at: v.from, reason: fmt.Sprintf("%s has no value named %s", d.Enum().Name(), word), hint: hint}
	}
	t := templateFault(v.from, mark)
	t.reason += fmt.Sprintf(": %s needs %s", d.Name(), describe(d))
	return t
}

func (f *File) notA(d protoreflect.FieldDescriptor, v *value) *fault {
	reason := fmt.Sprintf("%s needs %s", d.Name(), describe(d))
	if v.kind == wordToken {
		return f.wordFault(v, reason)
	}
	return &fault{at: v.from, reason: reason + ", got " + v.text(f.src)}
}

func commonPrefix(a, b string) string {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return a[:n]
}
