package tritonconfig

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// change asks for one field, or one element of it, to hold these literals.
// None means that the field goes.
type change struct {
	path   []step
	values []string
}

// splice replaces the bytes of a span.
type splice struct {
	span
	text string
}

// editor turns changes into splices of one file. All offsets are those of the
// original: the splices are applied together at the end.
type editor struct {
	*File
	style   style
	splices []splice
	pending []pending
	notes   []pendingNote
}

// edit makes the changes and returns the new file, or f itself when nothing
// has to change. What is there already is changed first, so that new fields
// find their place among those that stay.
func (f *File) edit(changes []change) (*File, []Note, error) {
	var present, missing []change
	for _, c := range changes {
		at, err := f.locate(c.path)
		switch {
		case err != nil:
			return nil, nil, err
		case len(at.rest) == 0:
			present = append(present, c)
		case len(c.values) > 0:
			missing = append(missing, c)
		}
	}
	out, notes, err := f.pass(present, nil)
	if err == nil {
		out, notes, err = out.pass(missing, notes)
	}
	if err != nil {
		return nil, nil, err
	}
	return out, out.number(notes), nil
}

// pass makes changes that do not depend on each other. It returns the notes,
// those of an earlier pass among them, with offsets in the new text.
func (f *File) pass(changes []change, notes []pendingNote) (*File, []pendingNote, error) {
	if len(changes) == 0 {
		return f, notes, nil
	}
	e := &editor{File: f, style: f.style(), notes: notes}
	for _, c := range changes {
		if err := e.change(c); err != nil {
			return nil, nil, err
		}
	}
	e.insertPending()
	if len(e.splices) == 0 {
		return f, notes, nil
	}
	out, err := Parse(f.name, e.apply())
	if err != nil {
		return nil, nil, fmt.Errorf("editing %s: %w", f.name, err)
	}
	for i := range e.notes {
		e.notes[i].comment = e.moved(e.notes[i].comment)
	}
	return out, e.notes, nil
}

func (e *editor) change(c change) error {
	last := c.path[len(c.path)-1]
	at, err := e.locate(c.path)
	switch {
	case err != nil:
		return err
	case len(at.rest) > 0:
		return e.pend(at.block, at.rest, c.values)
	case len(c.values) == 0 && at.value != nil && at.fields[0].isList():
		return fmt.Errorf("%s: one element of a list cannot be removed", last)
	case len(c.values) == 0:
		for _, field := range at.fields {
			e.remove(field)
		}
	case at.value != nil:
		owner := slices.IndexFunc(at.fields, func(f *field) bool { return slices.Contains(f.values, at.value) })
		e.setValue(at.fields[owner], at.value, c.values[0])
	case last.desc.Message() != nil:
		return fmt.Errorf("%s: name one element, %s[0]", last, last)
	default:
		e.setList(at.fields, c.values)
	}
	return nil
}

func (e *editor) replace(s span, text string) {
	e.splices = append(e.splices, splice{s, text})
}

func (e *editor) insertText(at int, text string) { e.replace(span{at, at}, text) }

// apply returns the text with all splices made.
func (e *editor) apply() []byte {
	slices.SortStableFunc(e.splices, func(a, b splice) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	var out []byte
	at := 0
	for _, s := range e.splices {
		// Two fields that go together may both claim the blanks between them.
		out = append(out, e.src[at:max(at, s.from)]...)
		out = append(out, s.text...)
		at = max(at, s.to)
	}
	out = append(out, e.src[at:]...)
	if len(e.src) > 0 && !bytes.HasSuffix(e.src, []byte("\n")) && bytes.HasSuffix(out, []byte("\n")) {
		// The last line went, and it had no line break to take along.
		out = bytes.TrimSuffix(out[:len(out)-1], []byte("\r"))
	}
	return out
}

// moved returns where a comment of the old text is in the new one: shifted, or
// in the text that replaced its surroundings.
func (e *editor) moved(comment span) span {
	at := comment.from
	for _, s := range e.splices {
		switch {
		case s.to <= comment.from:
			at += len(s.text) - (s.to - s.from)
		case s.from <= comment.from:
			at -= comment.from - s.from - max(0, strings.Index(s.text, comment.text(e.src)))
		}
	}
	return span{at, at + comment.to - comment.from}
}

// setValue replaces one value, unless it means the same already.
func (e *editor) setValue(f *field, v *value, literal string) {
	if e.same(f.desc, v, literal) {
		return
	}
	old := v.text(e.src)
	e.replace(v.span, respell(old, literal))
	e.noteChange(f, []string{old})
}

// setList makes the occurrences of a repeated scalar hold the literals: in the
// first list among them or, if there is none, a line for each value.
func (e *editor) setList(fields []*field, literals []string) {
	if e.sameList(fields, literals) {
		return
	}
	n := slices.IndexFunc(fields, (*field).isList)
	if n < 0 {
		e.setLines(fields, literals)
		return
	}
	for i, f := range fields {
		if i != n {
			e.remove(f)
		}
	}
	if len(fields[n].values) == 0 {
		e.fillBrackets(fields[n], literals)
		return
	}
	e.setBrackets(fields[n], literals)
}

func (e *editor) sameList(fields []*field, literals []string) bool {
	all := elements(fields)
	if len(all) != len(literals) {
		return false
	}
	for i, v := range all {
		if !e.same(fields[0].desc, v, literals[i]) {
			return false
		}
	}
	return true
}
