package tritonconfig

import "strings"

// remove takes a field out of the file. Its line goes with it if nothing else
// stands there; a comment on that line, or inside the field, stays where it
// was, because it may say why the value was chosen, and is reported.
func (e *editor) remove(f *field) {
	s := span{f.from, f.end()}
	inside := e.commentsIn(s)
	own := startsLine(e.src, s.from)
	tail, hasTail := e.trailing(s.to)
	end := lineEnd(e.src, s.to)
	for _, c := range inside {
		e.noteKept(f, c)
	}
	switch {
	case hasTail:
		e.noteKept(f, tail)
		s.to = tail.from
		if !own {
			s.from = e.blanksBefore(s.from)
			e.replace(s, e.keepComments(inside, s.from)+" ")
			return
		}
		e.replace(s, e.keepComments(inside, s.from))
	case len(inside) > 0:
		if own && allBlank(e.src[s.to:end]) {
			s.to = end
		}
		text := e.keepComments(inside, s.from)
		if own && s.to == end {
			text = strings.TrimRight(text, " \t\r\n")
		}
		e.replace(s, text)
	case own && allBlank(e.src[s.to:end]):
		e.replace(e.wholeLines(s), "")
	case s.to < end && !allBlank(e.src[s.to:end]):
		for isBlank(e.src[s.to]) {
			s.to++
		}
		e.replace(s, "")
	default:
		s.from = e.blanksBefore(s.from)
		e.replace(s, "")
	}
}

// keepComments returns comments as lines of their own, each with a line break
// behind it.
func (e *editor) keepComments(comments []span, at int) string {
	var text strings.Builder
	for _, c := range comments {
		text.WriteString(c.text(e.src) + e.style.newline + indent(e.src, at))
	}
	return text.String()
}

func (e *editor) blanksBefore(at int) int {
	for at > 0 && isBlank(e.src[at-1]) {
		at--
	}
	return at
}

// wholeLines widens a span to the lines it fills, with their line breaks.
func (e *editor) wholeLines(s span) span {
	return span{lineStart(e.src, s.from), nextLine(e.src, s.to)}
}
