package tritonconfig

import "google.golang.org/protobuf/reflect/protoreflect"

// The syntax tree holds offsets only: the bytes of the file stay where they
// are, and an edit replaces some of them (edit.go).

// block is the inside of a message, or the whole file.
type block struct {
	open, close int // offsets of the braces; -1 and the length of the file at the top
	fields      []*field
}

// field is one "name: value", "name { ... }" or "name: [ ... ]".
type field struct {
	span     // from the name to the end of the value
	name     span
	colon    int  // offset of the colon, or -1
	brackets span // of a list, from '[' to after ']'; zero for a value alone
	values   []*value
	after    int // offset of the ',' or ';' behind the field, or -1

	desc protoreflect.FieldDescriptor // nil for a field newer than our schema
}

// value is a scalar or a message: the only one of its field, or one element of
// a list.
type value struct {
	span
	block    *block // nil for a scalar
	kind     tokenKind
	negative bool
	literal  span // of a scalar, without the minus
	comma    int  // offset of the ',' behind a list element, or -1
}

func (f *field) isList() bool { return f.brackets.to > 0 }

// end returns the offset behind the field and its separator.
func (f *field) end() int {
	if f.after >= 0 {
		return f.after + 1
	}
	return f.to
}

// named returns the fields of that name, in file order. A repeated field may
// occur several times.
func (b *block) named(src []byte, name string) []*field {
	var out []*field
	for _, f := range b.fields {
		if f.name.text(src) == name {
			out = append(out, f)
		}
	}
	return out
}

// elements returns the values of several occurrences of one field.
func elements(fields []*field) []*value {
	var out []*value
	for _, f := range fields {
		out = append(out, f.values...)
	}
	return out
}

// walk calls visit for every field below b, parents first.
func (b *block) walk(visit func(parent *block, f *field)) {
	for _, f := range b.fields {
		visit(b, f)
		for _, v := range f.values {
			if v.block != nil {
				v.block.walk(visit)
			}
		}
	}
}
