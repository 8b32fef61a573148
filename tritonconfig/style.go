package tritonconfig

import (
	"bytes"
	"strings"
)

// style is how the author of a file writes, so that an inserted block looks
// like its neighbours. Each answer is the file's most frequent one.
type style struct {
	newline string // "\n", "\r\n" or, in a file without any, "\r"
	unit    string // one step of indentation
	colon   string // between a scalar's name and its value: ": "
	open    string // between a message's name and its brace: " " or ": "
	blank   bool   // blank lines between the blocks of the top level
	bracket listStyle
	group   groupStyle
}

// listStyle is how a list of scalars is written: "[ 4, 8 ]".
type listStyle struct{ lead, sep, trail string }

// groupStyle is how a list of messages is written, from the end of the name to
// the last bracket: head "[" gap "{ ... }" tail "]".
type groupStyle struct {
	asBlocks        bool // no list: the field is repeated
	head, gap, tail string
}

// votes counts answers. The most frequent wins; of equals, the usual answer or
// else the first.
type votes[T comparable] struct {
	order []T
	count map[T]int
}

func (v *votes[T]) add(x T) {
	if v.count == nil {
		v.count = map[T]int{}
	}
	if v.count[x] == 0 {
		v.order = append(v.order, x)
	}
	v.count[x]++
}

func (v *votes[T]) winner(usual T) T {
	best := usual
	for _, x := range v.order {
		if v.count[x] > v.count[best] {
			best = x
		}
	}
	return best
}

// survey collects the votes of all fields of a file.
type survey struct {
	unit, colon, open votes[string]
	lead, trail, sep  votes[string]
	group             votes[groupStyle]
	blank             votes[bool]
}

func (f *File) style() style {
	var s survey
	f.root.walk(func(parent *block, e *field) {
		s.field(f.src, e)
		if parent == f.root {
			s.top(f, e)
		}
		for _, v := range e.values {
			if v.block != nil {
				s.block(f.src, v.block)
			}
		}
	})
	st := style{
		newline: f.newline(),
		unit:    s.unit.winner("  "),
		colon:   s.colon.winner(": "),
		open:    s.open.winner(" "),
		blank:   s.blank.winner(false),
		bracket: listStyle{s.lead.winner(" "), s.sep.winner(", "), s.trail.winner(" ")},
	}
	st.group = s.group.winner(groupStyle{head: st.open, gap: "\n" + st.unit, tail: "\n"})
	st.group.gap = strings.ReplaceAll(st.group.gap, "\n", st.newline)
	st.group.tail = strings.ReplaceAll(st.group.tail, "\n", st.newline)
	return st
}

// newline looks at the first line break. A lone '\r' separates lines for the
// eye only, so it serves where no comment could swallow what follows.
func (f *File) newline() string {
	n := bytes.IndexByte(f.src, '\n')
	switch {
	case n > 0 && f.src[n-1] == '\r':
		return "\r\n"
	case n < 0 && len(f.comments) == 0 && bytes.IndexByte(f.src, '\r') >= 0:
		return "\r"
	}
	return "\n"
}

// field asks how names, colons and scalar lists are written.
func (s *survey) field(src []byte, e *field) {
	switch {
	case len(e.values) == 0:
	case e.isList() && e.values[0].block == nil:
		s.scalars(src, e)
		s.spell(&s.colon, src[e.name.to:e.brackets.from])
	case e.isList():
		s.spell(&s.open, src[e.name.to:e.brackets.from])
	case e.values[0].block != nil:
		s.spell(&s.open, src[e.name.to:e.values[0].from])
	default:
		s.spell(&s.colon, src[e.name.to:e.values[0].from])
	}
}

// spell votes for a text between two tokens, if it is plain: one line, no
// comment, nothing exotic.
func (s *survey) spell(v *votes[string], text []byte) {
	if len(bytes.Trim(text, " \t:,")) == 0 {
		v.add(string(text))
	}
}

func (s *survey) scalars(src []byte, e *field) {
	n := len(e.values)
	s.spell(&s.lead, src[e.brackets.from+1:e.values[0].from])
	s.spell(&s.trail, src[e.values[n-1].to:e.brackets.to-1])
	for i := range n - 1 {
		s.spell(&s.sep, src[e.values[i].to:e.values[i+1].from])
	}
}

// block asks how far the fields of a block are indented from its brace.
func (s *survey) block(src []byte, b *block) {
	if len(b.fields) == 0 || !startsLine(src, b.fields[0].from) {
		return
	}
	outer, inner := indent(src, b.open), indent(src, b.fields[0].from)
	if step, ok := strings.CutPrefix(inner, outer); ok {
		s.unit.add(step)
	}
}

// top asks how the top level separates its blocks and writes lists of messages.
func (s *survey) top(f *File, e *field) {
	if len(e.values) == 0 || e.values[0].block == nil {
		return
	}
	if at := f.leading(e); at > 0 && startsLine(f.src, at) {
		before := lineStart(f.src, at)
		s.blank.add(allBlank(f.src[lineStart(f.src, max(0, before-1)):max(0, before-1)]))
	}
	if e.desc == nil || !e.desc.IsList() {
		return
	}
	if !e.isList() {
		s.group.add(groupStyle{asBlocks: true})
		return
	}
	head := f.src[e.name.to:e.brackets.from]
	gap := lastLine(f.src[e.brackets.from+1 : e.values[0].from])
	tail := lastLine(f.src[e.values[len(e.values)-1].to : e.brackets.to-1])
	if allSpace([]byte(gap)) && allSpace([]byte(tail)) && !bytes.ContainsAny(head, "\r\n#") {
		s.group.add(groupStyle{head: string(head), gap: gap, tail: tail})
	}
}

// leading returns the offset of the comment lines that belong to e, or of e.
func (f *File) leading(e *field) int {
	if lines := f.above(e.from); len(lines) > 0 {
		return lines[0].from
	}
	return e.from
}

// lastLine reduces white space to its last line break and what follows.
func lastLine(b []byte) string {
	if n := bytes.LastIndexByte(b, '\n'); n >= 0 && allSpace(b) {
		return "\n" + string(b[n+1:])
	}
	return string(b)
}
