package tritonconfig

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// newField is a field that the file does not have yet: scalars, or the text of
// a whole message, or fields below it.
type newField struct {
	step   step
	values []string
	fields []*newField
}

// pending are the new fields of one block. They are inserted together, so that
// a preferred list and a delay share one new dynamic_batching.
type pending struct {
	block  *block
	fields []*newField
}

// pend notes that rest, which is missing in b, is to hold the literals.
func (e *editor) pend(b *block, rest []step, literals []string) error {
	var into *pending
	for i := range e.pending {
		if e.pending[i].block == b {
			into = &e.pending[i]
		}
	}
	if into == nil {
		e.pending = append(e.pending, pending{block: b})
		into = &e.pending[len(e.pending)-1]
	}
	for _, s := range rest {
		if s.index > 0 && s.desc.Message() == nil {
			return fmt.Errorf("%s: set the whole list to add to it", s)
		}
	}
	leaf(&into.fields, rest).values = literals
	return nil
}

// leaf returns the new field at the end of the steps, and makes those above it.
func leaf(fields *[]*newField, rest []step) *newField {
	var n *newField
	for _, s := range rest {
		n = find(fields, s)
		fields = &n.fields
	}
	return n
}

func find(fields *[]*newField, s step) *newField {
	for _, n := range *fields {
		if n.step == s {
			return n
		}
	}
	n := &newField{step: s}
	if s.indexed {
		key := quote(s.key)
		if s.desc.MapKey().Kind() != protoreflect.StringKind {
			key = s.key
		}
		n.fields = append(n.fields, &newField{step: step{desc: s.desc.MapKey(), index: -1}, values: []string{key}})
	}
	*fields = append(*fields, n)
	return n
}

// insertPending writes what pend collected. In the top level, a scalar goes to
// the scalars at the head of the file, a block behind the last field.
func (e *editor) insertPending() {
	for _, p := range e.pending {
		if p.block != e.root {
			e.insert(p.block, lastField(p.block), p.fields)
			continue
		}
		var scalars, blocks []*newField
		for _, n := range p.fields {
			if n.step.desc.Message() == nil {
				scalars = append(scalars, n)
			} else {
				blocks = append(blocks, n)
			}
		}
		head, last := e.headField(), lastField(e.root)
		if head == nil || head == last {
			e.insert(e.root, last, append(scalars, blocks...))
			continue
		}
		e.insert(e.root, head, scalars)
		e.insert(e.root, last, blocks)
	}
}

func lastField(b *block) *field {
	if len(b.fields) == 0 {
		return nil
	}
	return b.fields[len(b.fields)-1]
}

// headField returns the last of the scalars that the file begins with.
func (e *editor) headField() *field {
	var head *field
	for _, f := range e.root.fields {
		if f.values == nil || f.values[0].block != nil || f.isList() {
			break
		}
		head = f
	}
	return head
}

// insert writes new fields into b behind the field prev, or into an empty b.
func (e *editor) insert(b *block, prev *field, fields []*newField) {
	switch {
	case len(fields) == 0:
	case prev == nil && b == e.root:
		e.insertFirst(fields)
	case prev == nil:
		e.insertEmpty(b, fields)
	case b != e.root && !strings.Contains(string(e.src[b.open:b.close]), "\n"):
		e.insertInline(b, prev, fields)
	default:
		e.insertLines(b, prev, fields)
	}
}

// insertFirst writes the first fields of a file that has none.
func (e *editor) insertFirst(fields []*newField) {
	var text strings.Builder
	final := len(e.src) == 0 || e.src[len(e.src)-1] == '\n'
	if !final {
		text.WriteString(e.style.newline)
	}
	for i, n := range fields {
		if i > 0 {
			text.WriteString(e.style.newline)
		}
		text.WriteString(e.render(n, ""))
	}
	if final {
		text.WriteString(e.style.newline)
	}
	e.insertText(len(e.src), text.String())
}

// insertEmpty fills "{ }": on its line if it has one only, else before the
// line of the closing brace.
func (e *editor) insertEmpty(b *block, fields []*newField) {
	if !strings.Contains(string(e.src[b.open:b.close]), "\n") {
		parts := make([]string, len(fields))
		for i, n := range fields {
			parts[i] = e.renderInline(n)
		}
		e.replace(span{b.open + 1, b.close}, " "+strings.Join(parts, " ")+" ")
		return
	}
	outer := indent(e.src, b.open)
	var text strings.Builder
	for _, n := range fields {
		text.WriteString(outer + e.style.unit + e.render(n, outer+e.style.unit) + e.style.newline)
	}
	e.insertText(lineStart(e.src, b.close), text.String())
}

// insertInline adds to a message that stands on one line.
func (e *editor) insertInline(b *block, prev *field, fields []*newField) {
	mark, fill := e.separators(b, prev)
	var text strings.Builder
	text.WriteString(fill)
	for i, n := range fields {
		text.WriteString(" " + e.renderInline(n))
		if i < len(fields)-1 && fill != "" {
			text.WriteString(fill)
		} else {
			text.WriteString(mark)
		}
	}
	e.insertText(prev.end(), text.String())
}

// insertLines adds lines behind prev, in the top level with the blank lines
// between blocks that the file has.
func (e *editor) insertLines(b *block, prev *field, fields []*newField) {
	mark, fill := e.separators(b, prev)
	if fill != "" {
		e.insertText(prev.to, fill)
	}
	at := e.behind(prev)
	inner := indent(e.src, prev.from)
	if !startsLine(e.src, prev.from) && b != e.root {
		inner = indent(e.src, b.open) + e.style.unit
	}
	var text strings.Builder
	for i, n := range fields {
		text.WriteString(e.style.newline)
		if b == e.root && e.style.blank && n.step.desc.Message() != nil {
			text.WriteString(e.style.newline)
		}
		text.WriteString(inner + e.render(n, inner))
		if i < len(fields)-1 && fill != "" {
			text.WriteString(fill)
		} else {
			text.WriteString(mark)
		}
	}
	e.insertText(at, text.String())
}

// separators returns the comma or semicolon to write behind a new last field,
// and the one that prev lacks although all before it have one.
func (e *editor) separators(b *block, prev *field) (mark, fill string) {
	if prev.after >= 0 {
		return string(e.src[prev.after]), ""
	}
	if prev != lastField(b) || len(b.fields) < 2 {
		return "", ""
	}
	for _, f := range b.fields[:len(b.fields)-1] {
		if f.after < 0 {
			return "", ""
		}
	}
	return "", string(e.src[b.fields[0].after])
}
