package tritonconfig

import (
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"tritonsweep/internal/tritonpb"
)

var modelConfig = new(tritonpb.ModelConfig).ProtoReflect().Descriptor()

// literals splits the text of a value, as a person would write it behind the
// colon, into the literals of its elements: "8", "[4, 8]", "KIND_CPU", "{ }".
// Quotes around a string may be left out.
func literals(d protoreflect.FieldDescriptor, text string) ([]string, error) {
	text = strings.TrimSpace(text)
	if d.Kind() == protoreflect.StringKind && !strings.HasPrefix(text, `"`) &&
		!strings.HasPrefix(text, `'`) && !strings.HasPrefix(text, "[") {
		text = quote(text)
	}
	const name = "x:"
	p := &parser{lexer: lexer{src: []byte(name + text)}}
	p.advance()
	top := &block{open: -1}
	p.fields(top)
	switch {
	case p.fault != nil:
		return nil, fmt.Errorf("%q is no value of %s: %s", text, d.Name(), p.fault.reason)
	case len(top.fields) != 1 || len(p.comments) > 0 || top.fields[0].after >= 0:
		return nil, fmt.Errorf("%q is more than one value", text)
	case top.fields[0].isList() && !repeated(d):
		return nil, fmt.Errorf("%s takes one value, not a list", d.Name())
	}
	var out []string
	for _, v := range top.fields[0].values {
		out = append(out, v.text(p.src))
	}
	return out, nil
}

// same reports whether the literal means what v means.
func (f *File) same(d protoreflect.FieldDescriptor, v *value, literal string) bool {
	old := v.text(f.src)
	if old == literal || d.Message() != nil {
		return old == literal
	}
	was, t := f.scalar(d, v)
	if t != nil {
		return false
	}
	is, err := scalarOf(d, literal)
	return err == nil && was.Equal(is)
}

// scalarOf reads one literal as a value of d.
func scalarOf(d protoreflect.FieldDescriptor, literal string) (protoreflect.Value, error) {
	const name = "x:"
	g := &File{src: []byte(name + literal)}
	p := &parser{lexer: lexer{src: g.src}}
	p.advance()
	top := &block{open: -1}
	p.fields(top)
	if p.fault != nil || len(top.fields) != 1 || len(top.fields[0].values) != 1 {
		return protoreflect.Value{}, fmt.Errorf("%q is no value", literal)
	}
	x, t := g.scalar(d, top.fields[0].values[0])
	if t != nil {
		return protoreflect.Value{}, fmt.Errorf("%s", t.reason)
	}
	return x, nil
}

// respell writes a whole number in the base of the old literal, so that
// putting the old value back gives the old bytes.
func respell(old, literal string) string {
	n, err := strconv.ParseUint(literal, 10, 64)
	if err != nil || len(old) < 2 || old[0] != '0' {
		return literal
	}
	if old[1]|0x20 != 'x' {
		return "0" + leftPad(strconv.FormatUint(n, 8), len(old)-1)
	}
	digits := leftPad(strconv.FormatUint(n, 16), len(old)-2)
	if strings.ContainsAny(old[2:], "ABCDEF") {
		digits = strings.ToUpper(digits)
	}
	return old[:2] + digits
}
