package tritonconfig

import (
	"bytes"
	"fmt"
	"strings"
)

// Diff returns a unified diff with three lines of context that turns the old
// text into the new one under patch and git apply; "" if they are equal. Lines
// are compared as bytes: a changed line break is a change.
func Diff(oldName, newName string, old, new []byte) string {
	a, b := splitLines(old), splitLines(new)
	ops := script(a, b)
	var out strings.Builder
	for _, h := range hunks(ops) {
		if out.Len() == 0 {
			fmt.Fprintf(&out, "--- %s\n+++ %s\n", diffName(oldName), diffName(newName))
		}
		h.print(&out)
	}
	return out.String()
}

// diffName ends a name with blanks in a tab, as patch and git want it.
func diffName(name string) string {
	if strings.ContainsRune(name, ' ') {
		return name + "\t"
	}
	return name
}

// splitLines cuts a text behind each line feed.
func splitLines(text []byte) []string {
	var lines []string
	for len(text) > 0 {
		n := bytes.IndexByte(text, '\n') + 1
		if n == 0 {
			n = len(text)
		}
		lines, text = append(lines, string(text[:n])), text[n:]
	}
	return lines
}

// op is one line of a diff: ' ' in both texts, '-' in the old, '+' in the new.
type op struct {
	mark byte
	line string
}

// longestTable bounds the memory of script, in cells.
const longestTable = 1 << 22

// script returns the shortest sequence of ops from a to b: equal ends first,
// then the longest common subsequence of what remains.
func script(a, b []string) []op {
	var head, tail []op
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		head = append(head, op{' ', a[0]})
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		tail = append(tail, op{' ', a[len(a)-1]})
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	head = append(head, middle(a, b)...)
	for i := len(tail) - 1; i >= 0; i-- {
		head = append(head, tail[i])
	}
	return head
}

func middle(a, b []string) []op {
	var ops []op
	common := make([]int32, 0)
	width := len(b) + 1
	if (len(a)+1)*width <= longestTable {
		common = make([]int32, (len(a)+1)*width)
		for i := len(a) - 1; i >= 0; i-- {
			for j := len(b) - 1; j >= 0; j-- {
				at := i*width + j
				if a[i] == b[j] {
					common[at] = common[at+width+1] + 1
				} else {
					common[at] = max(common[at+1], common[at+width])
				}
			}
		}
	}
	i, j := 0, 0
	for i < len(a) && j < len(b) && len(common) > 0 {
		switch at := i*width + j; {
		case a[i] == b[j]:
			ops = append(ops, op{' ', a[i]})
			i, j = i+1, j+1
		case common[at+width] >= common[at+1]:
			ops = append(ops, op{'-', a[i]})
			i++
		default:
			ops = append(ops, op{'+', b[j]})
			j++
		}
	}
	for ; i < len(a); i++ {
		ops = append(ops, op{'-', a[i]})
	}
	for ; j < len(b); j++ {
		ops = append(ops, op{'+', b[j]})
	}
	return ops
}

// hunk is a run of changes with its context.
type hunk struct {
	oldStart, newStart int // lines before it
	ops                []op
}

// hunks groups the changes that share their context.
func hunks(ops []op) []hunk {
	const context = 3
	var out []hunk
	oldLine, newLine := 0, 0
	from, to := 0, 0 // the ops of the open hunk
	for i, o := range ops {
		if o.mark != ' ' {
			if to == 0 || i-context > to {
				from = max(0, i-context)
				out = append(out, hunk{oldStart: oldLine - (i - from), newStart: newLine - (i - from)})
			}
			to = min(len(ops), i+context+1)
			out[len(out)-1].ops = ops[from:to]
		}
		if o.mark != '+' {
			oldLine++
		}
		if o.mark != '-' {
			newLine++
		}
	}
	return out
}

func (h hunk) print(out *strings.Builder) {
	oldCount, newCount := 0, 0
	for _, o := range h.ops {
		if o.mark != '+' {
			oldCount++
		}
		if o.mark != '-' {
			newCount++
		}
	}
	fmt.Fprintf(out, "@@ -%s +%s @@\n", lineRange(h.oldStart, oldCount), lineRange(h.newStart, newCount))
	for _, o := range h.ops {
		out.WriteByte(o.mark)
		out.WriteString(o.line)
		if !strings.HasSuffix(o.line, "\n") {
			out.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// lineRange prints a range of lines; an empty one names the line before it.
func lineRange(before, count int) string {
	switch count {
	case 0:
		return fmt.Sprintf("%d,0", before)
	case 1:
		return fmt.Sprint(before + 1)
	}
	return fmt.Sprintf("%d,%d", before+1, count)
}
