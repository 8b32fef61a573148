package tritonconfig

import (
	"cmp"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Note tells the user about a comment that an edit left behind: it stands
// beside a value that is no longer the one it was written for.
type Note struct {
	Line int // in the new file, from 1
	Text string
}

// String returns "line 30: text".
func (n Note) String() string { return fmt.Sprintf("line %d: %s", n.Line, n.Text) }

// pendingNote is a Note before the edit is made.
type pendingNote struct {
	comment span
	text    string
}

// noteChange reports the comments of a changed value: those inside the field
// and behind it on its line always, those above it if they name an old value.
func (e *editor) noteChange(f *field, old []string) {
	name := f.name.text(e.src)
	for _, c := range e.above(f.from) {
		if text := c.text(e.src); namesOne(name, text, old) {
			e.note(c, "comment still names the old %s %s: %s", name, strings.Join(old, ", "), text)
		}
	}
	for _, c := range e.commentsIn(span{f.from, lineEnd(e.src, f.end())}) {
		if text := c.text(e.src); namesOne(name, text, old) {
			e.note(c, "comment still names the old %s %s: %s", name, strings.Join(old, ", "), text)
		} else {
			e.note(c, "comment beside the changed %s: %s", name, text)
		}
	}
}

// noteList reports the comments in and beside a list that changed. An old value
// is one that the new list does not have.
func (e *editor) noteList(f *field, inside []span, literals []string) {
	var old []string
	for _, v := range f.values {
		if !slices.ContainsFunc(literals, func(l string) bool { return e.same(f.desc, v, l) }) {
			old = append(old, v.text(e.src))
		}
	}
	for _, c := range inside {
		e.note(c, "comment in the changed list %s: %s", f.name.text(e.src), c.text(e.src))
	}
	e.noteChange(f, old)
}

func (e *editor) noteKept(f *field, c span) {
	e.note(c, "comment of the removed %s: %s", f.name.text(e.src), c.text(e.src))
}

func (e *editor) note(comment span, format string, args ...any) {
	text := strings.ToValidUTF8(fmt.Sprintf(format, args...), "\uFFFD")
	e.notes = append(e.notes, pendingNote{comment, text})
}

// number returns notes with their lines, top down, each comment once.
func (f *File) number(notes []pendingNote) []Note {
	slices.SortStableFunc(notes, func(a, b pendingNote) int { return cmp.Compare(a.comment.from, b.comment.from) })
	notes = slices.CompactFunc(notes, func(a, b pendingNote) bool { return a.comment == b.comment })
	var out []Note
	for _, n := range notes {
		line, _ := position(f.src, n.comment.from)
		out = append(out, Note{line, n.text})
	}
	return out
}

// quantity is a number in a comment, with the unit of time behind it.
var quantity = regexp.MustCompile(`(\d+(?:\.\d+)?)\s*(us|µs|usec|microseconds?|ms|msec|milliseconds?|s|sec|seconds?)?\b`)

// namesOne reports whether a comment names one of the old values. A delay may
// be written in another unit: "25ms" is 25000.
func namesOne(field, comment string, old []string) bool {
	for _, m := range quantity.FindAllStringSubmatch(comment, -1) {
		for _, o := range old {
			n, err := strconv.ParseUint(strings.TrimSpace(o), 0, 64)
			if err == nil && m[1] == strconv.FormatUint(n, 10) && (m[2] == "" || m[2][0] == 'u') {
				return true
			}
			if err == nil && strings.HasSuffix(field, "_microseconds") && microseconds(m[1], m[2], n) {
				return true
			}
		}
	}
	return false
}

func microseconds(number, unit string, n uint64) bool {
	scale := int64(1)
	switch {
	case strings.HasPrefix(unit, "ms"), strings.HasPrefix(unit, "milli"):
		scale = 1000
	case strings.HasPrefix(unit, "s"):
		scale = 1000000
	}
	x, ok := new(big.Rat).SetString(number)
	return ok && x.Mul(x, big.NewRat(scale, 1)).Cmp(new(big.Rat).SetInt(new(big.Int).SetUint64(n))) == 0
}
