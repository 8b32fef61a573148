package tritonconfig

import (
	"bytes"
	"slices"
)

// The helpers of an edit that care about lines: what shares a line with a
// field, how the line is indented, which comment belongs to it.

// lineStart returns the offset where the line of at begins.
func lineStart(src []byte, at int) int {
	return bytes.LastIndexByte(src[:at], '\n') + 1
}

// lineEnd returns the offset of the line break that ends the line of at: of
// the '\r' where one stands before it, and of the end in a last line without.
func lineEnd(src []byte, at int) int {
	end := len(src)
	if n := bytes.IndexByte(src[at:], '\n'); n >= 0 {
		end = at + n
	}
	if end > at && src[end-1] == '\r' {
		end--
	}
	return end
}

// nextLine returns the offset behind the line break that ends the line of at.
func nextLine(src []byte, at int) int {
	if n := bytes.IndexByte(src[at:], '\n'); n >= 0 {
		return at + n + 1
	}
	return len(src)
}

// indent returns the blanks that the line of at begins with, at most up to at.
func indent(src []byte, at int) string {
	start := lineStart(src, at)
	end := start
	for end < at && isBlank(src[end]) {
		end++
	}
	return string(src[start:end])
}

// startsLine reports whether only blanks stand before at on its line.
func startsLine(src []byte, at int) bool {
	return allBlank(src[lineStart(src, at):at])
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// allBlank reports whether b is white space within one line.
func allBlank(b []byte) bool {
	return allSpace(b) && bytes.IndexByte(b, '\n') < 0
}

func allSpace(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return !isSpace(c) })
}

// trailing returns the comment that follows at on its line with nothing but
// blanks between, and false if there is none.
func (f *File) trailing(at int) (span, bool) {
	for _, c := range f.comments {
		if c.from >= at {
			return c, c.from <= lineEnd(f.src, at) && allBlank(f.src[at:c.from])
		}
	}
	return span{}, false
}

// commentsIn returns the comments that lie in s.
func (f *File) commentsIn(s span) []span {
	var out []span
	for _, c := range f.comments {
		if s.from <= c.from && c.to <= s.to {
			out = append(out, c)
		}
	}
	return out
}

// above returns the comment lines directly above the line of at, top down.
func (f *File) above(at int) []span {
	start := lineStart(f.src, at)
	i := len(f.comments)
	for i > 0 && f.comments[i-1].from >= start {
		i--
	}
	last := i
	for i > 0 {
		c := f.comments[i-1]
		if nextLine(f.src, c.from) != start || !startsLine(f.src, c.from) {
			break
		}
		start = lineStart(f.src, c.from)
		i--
	}
	return f.comments[i:last]
}
