package tritonconfig

import (
	"bytes"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// setBrackets rewrites the elements of a list that has some: each keeps its
// place and the text around it, further ones follow the last with the text
// that separates the first two.
func (e *editor) setBrackets(f *field, literals []string) {
	old, comments := f.values, e.commentsIn(f.brackets)
	if len(literals) < len(old) && len(comments) == 0 {
		e.replace(span{old[len(literals)-1].to, old[len(old)-1].to}, "")
		old = old[:len(literals)]
	}
	stay := e.stay(f.desc, old, literals)
	last := old[0]
	for i, v := range old {
		n := slices.Index(stay, i)
		if n < 0 {
			e.dropElement(v)
			continue
		}
		last = v
		if !e.same(f.desc, v, literals[n]) {
			e.replace(v.span, respell(v.text(e.src), literals[n]))
		}
	}
	if last.comma >= 0 && last != old[len(old)-1] {
		e.replace(span{last.comma, last.comma + 1}, "")
	}
	if len(literals) > len(old) {
		sep := e.separator(f)
		e.insertText(last.to, sep+strings.Join(literals[len(old):], sep))
	}
	e.noteList(f, comments, literals)
}

// stay returns the indices of the old values that stay where there are fewer
// new ones: those that are equal, if that is all of the new ones in their
// order, so that each keeps its comment; else the first.
func (e *editor) stay(d protoreflect.FieldDescriptor, old []*value, literals []string) []int {
	var equal, first []int
	for i, v := range old {
		if n := len(equal); n < len(literals) && e.same(d, v, literals[n]) {
			equal = append(equal, i)
		}
		if i < len(literals) {
			first = append(first, i)
		}
	}
	if len(equal) == len(literals) {
		return equal
	}
	return first
}

// dropElement takes an element and its comma out of a list with comments, and
// its line if that leaves nothing on it.
func (e *editor) dropElement(v *value) {
	s := v.span
	if v.comma >= 0 {
		s.to = v.comma + 1
	}
	if startsLine(e.src, s.from) && allBlank(e.src[s.to:lineEnd(e.src, s.to)]) {
		s = e.wholeLines(s)
	} else {
		for isBlank(e.src[s.to]) {
			s.to++
		}
	}
	e.replace(s, "")
}

// fillBrackets writes the elements of an empty list, keeping its comments.
func (e *editor) fillBrackets(f *field, literals []string) {
	st, inside := e.style.bracket, span{f.brackets.from + 1, f.brackets.to - 1}
	text := st.lead + strings.Join(literals, st.sep) + st.trail
	if len(e.commentsIn(inside)) > 0 {
		e.insertText(inside.from, st.lead+strings.Join(literals, st.sep))
		return
	}
	e.replace(inside, text)
}

// separator returns what separates the elements of f: what stands between the
// first two of them or, failing that, in the other lists of the file.
func (e *editor) separator(f *field) string {
	if len(f.values) > 1 {
		if text := e.src[f.values[0].to:f.values[1].from]; bytes.IndexByte(text, '#') < 0 {
			return string(text)
		}
	}
	return e.style.bracket.sep
}

// setLines sets "name: 4" lines, one for each value.
func (e *editor) setLines(fields []*field, literals []string) {
	stay := e.stay(fields[0].desc, elements(fields), literals)
	for i, f := range fields {
		if n := slices.Index(stay, i); n >= 0 {
			e.setValue(f, f.values[0], literals[n])
		} else {
			e.remove(f)
		}
	}
	if len(literals) <= len(fields) {
		return
	}
	last := fields[len(fields)-1]
	head := string(e.src[last.from:last.values[0].from])
	sep := string(e.src[last.to:last.end()])
	var text strings.Builder
	for _, literal := range literals[len(fields):] {
		if startsLine(e.src, last.from) {
			text.WriteString(e.style.newline + indent(e.src, last.from))
		} else {
			text.WriteString(" ")
		}
		text.WriteString(head + literal + sep)
	}
	if !startsLine(e.src, last.from) {
		e.insertText(last.end(), text.String())
		return
	}
	e.insertText(e.behind(last), text.String())
}

// behind returns where a line that follows f may be inserted: behind its
// separator and its comment, if nothing else stands on the line.
func (e *editor) behind(f *field) int {
	if c, ok := e.trailing(f.end()); ok {
		return c.to
	}
	if end := lineEnd(e.src, f.end()); allBlank(e.src[f.end():end]) {
		return end
	}
	return f.end()
}
