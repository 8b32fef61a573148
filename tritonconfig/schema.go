package tritonconfig

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// build fills m from b and holds b against the schema: this is where a word in
// a number's place is found out, although the text format allows it. The first
// fault ends it.
func (f *File) build(b *block, m protoreflect.Message) *fault {
	first := map[protoreflect.FieldNumber]*field{}
	for _, e := range b.fields {
		name := e.name.text(f.src)
		e.desc = m.Descriptor().Fields().ByTextName(name)
		if e.desc == nil {
			if t := f.buildUnknown(e); t != nil {
				return t
			}
			continue
		}
		if t := f.twice(e, first); t != nil {
			return t
		}
		if e.desc.Message() == nil && e.colon < 0 {
			return &fault{at: e.name.to, reason: name + noColon, hint: noColonHint}
		}
		if e.isList() && !repeated(e.desc) {
			return &fault{at: e.brackets.from, reason: name + " takes one value, not a list"}
		}
		for _, v := range e.values {
			if t := f.buildValue(e, v, m); t != nil {
				return t
			}
		}
	}
	return nil
}

func repeated(d protoreflect.FieldDescriptor) bool { return d.IsList() || d.IsMap() }

// twice faults on a second value of a singular field, or of a second member of
// a oneof: Triton refuses both, and no edit could know which one was meant.
func (f *File) twice(e *field, first map[protoreflect.FieldNumber]*field) *fault {
	if repeated(e.desc) {
		return nil
	}
	name := e.name.text(f.src)
	if old := first[e.desc.Number()]; old != nil {
		line, _ := position(f.src, old.from)
		return &fault{at: e.from, reason: fmt.Sprintf("%s is set twice, first on line %d", name, line), hint: "keep one"}
	}
	first[e.desc.Number()] = e
	if o := e.desc.ContainingOneof(); o != nil && !o.IsSynthetic() {
		for i := range o.Fields().Len() {
			member := o.Fields().Get(i)
			if old := first[member.Number()]; old != nil && member != e.desc {
				line, _ := position(f.src, old.from)
				return &fault{at: e.from, reason: fmt.Sprintf("%s excludes %s on line %d", name, member.Name(), line), hint: "keep one"}
			}
		}
	}
	return nil
}

func (f *File) buildValue(e *field, v *value, m protoreflect.Message) *fault {
	d := e.desc
	switch isMessage := d.Message() != nil; {
	case isMessage && v.block == nil:
		return f.wrongKind(e, v, "a message in { }")
	case !isMessage && v.block != nil:
		return f.wrongKind(e, v, describe(d))
	case d.IsMap():
		return f.buildEntry(d, v, m)
	case isMessage && d.IsList():
		return f.build(v.block, m.Mutable(d).List().AppendMutable().Message())
	case isMessage:
		return f.build(v.block, m.Mutable(d).Message())
	}
	x, t := f.scalar(d, v)
	if t != nil {
		return t
	}
	if d.IsList() {
		m.Mutable(d).List().Append(x)
	} else {
		m.Set(d, x)
	}
	return nil
}

// buildEntry reads one "{ key: ... value ... }" of a map. What is missing has
// its default, as in Triton.
func (f *File) buildEntry(d protoreflect.FieldDescriptor, v *value, m protoreflect.Message) *fault {
	entries := m.Mutable(d).Map()
	key, val := d.MapKey().Default().MapKey(), entries.NewValue()
	first := map[protoreflect.FieldNumber]*field{}
	for _, e := range v.block.fields {
		e.desc = d.Message().Fields().ByTextName(e.name.text(f.src))
		if e.desc == nil {
			return &fault{at: e.from, reason: "a map entry has key and value only"}
		}
		if t := f.twice(e, first); t != nil {
			return t
		}
		if e.isList() {
			return &fault{at: e.brackets.from, reason: e.name.text(f.src) + " takes one value, not a list"}
		}
		x := e.values[0]
		switch isMessage := e.desc.Message() != nil; {
		case isMessage != (x.block != nil):
			return f.wrongKind(e, x, describe(e.desc))
		case isMessage:
			if t := f.build(x.block, val.Message()); t != nil {
				return t
			}
		default:
			s, t := f.scalar(e.desc, x)
			if t != nil {
				return t
			}
			if e.desc.Number() == d.MapKey().Number() {
				key = s.MapKey()
			} else {
				val = s
			}
		}
	}
	entries.Set(key, val)
	return nil
}

// buildUnknown looks for placeholders in a field that our schema does not know:
// it may be newer, so everything else in it is taken as it is.
func (f *File) buildUnknown(e *field) *fault {
	for _, v := range e.values {
		if v.kind == stringToken {
			if mark := inString(string(unquote(f.src[v.from:v.to]))); mark != "" {
				return templateFault(v.from, mark)
			}
		}
		if v.block == nil {
			continue
		}
		for _, inner := range v.block.fields {
			if t := f.buildUnknown(inner); t != nil {
				return t
			}
		}
	}
	return nil
}

func (f *File) wrongKind(e *field, v *value, need string) *fault {
	if v.block == nil && v.kind == wordToken {
		return f.wordFault(v, e.name.text(f.src)+" needs "+need)
	}
	got := "a message"
	if v.block == nil {
		got = v.text(f.src)
	}
	return &fault{at: v.from, reason: fmt.Sprintf("%s needs %s, got %s", e.name.text(f.src), need, got)}
}

// wordFault judges a word where none belongs: true and false are mistakes, any
// other word is a placeholder.
func (f *File) wordFault(v *value, reason string) *fault {
	word := f.src[v.literal.from:v.literal.to]
	switch string(word) {
	case "true", "True", "t", "false", "False", "f", "inf", "nan", "infinity":
		return &fault{at: v.from, reason: reason + ", got " + string(word)}
	}
	t := templateFault(v.from, f.marked(v))
	t.reason += ": " + reason
	return t
}

// marked returns the word of v with a #WORD that follows without a blank, as
// in "TYPE_#DTYPE".
func (f *File) marked(v *value) string {
	rest := f.src[v.to:]
	if len(rest) > 1 && rest[0] == '#' {
		return v.text(f.src) + "#" + string(rest[1:1+wordLen(rest[1:])])
	}
	return v.text(f.src)
}

func describe(d protoreflect.FieldDescriptor) string {
	switch d.Kind() {
	case protoreflect.BoolKind:
		return "true or false"
	case protoreflect.EnumKind:
		return "one of the values of " + string(d.Enum().Name())
	case protoreflect.StringKind, protoreflect.BytesKind:
		return "a string in quotes"
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return "a number"
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return "a message in { }"
	}
	if strings.HasPrefix(d.Kind().String(), "u") {
		return "a whole number from 0 up"
	}
	return "a whole number"
}

// UnknownField is a field that our schema does not know: one of a newer
// Triton, or a typing error, which Triton refuses.
type UnknownField struct {
	Path string // "dynamic_batching.max_queue_delay_ms"
	Line int
}

// Unknown lists the fields that are not in our schema, in file order, the
// outermost only. They are kept as they are.
func (f *File) Unknown() []UnknownField {
	var out []UnknownField
	f.unknown(f.root, "", &out)
	return out
}

func (f *File) unknown(b *block, prefix string, out *[]UnknownField) {
	for _, e := range b.fields {
		path := prefix + e.name.text(f.src)
		if e.desc == nil {
			line, _ := position(f.src, e.from)
			*out = append(*out, UnknownField{path, line})
			continue
		}
		for _, v := range e.values {
			if v.block != nil {
				f.unknown(v.block, path+".", out)
			}
		}
	}
}
