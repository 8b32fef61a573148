package tritonconfig

import "strings"

// render returns the text of a new field whose first line is indented already.
func (e *editor) render(n *newField, indent string) string {
	st, newline := e.style, e.style.newline
	name := n.step.desc.TextName()
	if len(n.values) > 0 {
		return e.renderInline(n)
	}
	body := func(indent string) string {
		var text strings.Builder
		text.WriteString("{")
		for _, inner := range n.fields {
			text.WriteString(newline + indent + st.unit + e.render(inner, indent+st.unit))
		}
		return text.String() + newline + indent + "}"
	}
	if !e.asList(n) {
		return name + st.open + body(indent)
	}
	brace := ""
	if at := strings.LastIndex(st.group.gap, newline); at >= 0 {
		brace = st.group.gap[at+len(newline):]
	}
	gap := strings.ReplaceAll(st.group.gap, newline, newline+indent)
	tail := strings.ReplaceAll(st.group.tail, newline, newline+indent)
	return name + st.group.head + "[" + gap + body(indent+brace) + tail + "]"
}

// asList reports whether a new element of a repeated message is written in
// brackets: not if the file writes blocks, and not if it has such a field
// already.
func (e *editor) asList(n *newField) bool {
	return n.step.desc.IsList() && !e.style.group.asBlocks && n.step.index == 0
}

// renderInline returns a new field on one line.
func (e *editor) renderInline(n *newField) string {
	st, d := e.style, n.step.desc
	name := d.TextName()
	switch {
	case len(n.values) > 0 && d.Message() != nil:
		return name + st.open + n.values[0]
	case len(n.values) > 0 && d.IsList():
		return name + st.colon + "[" + st.bracket.lead + strings.Join(n.values, st.bracket.sep) + st.bracket.trail + "]"
	case len(n.values) > 0:
		return name + st.colon + n.values[0]
	}
	parts := make([]string, len(n.fields))
	for i, inner := range n.fields {
		parts[i] = e.renderInline(inner)
	}
	return name + st.open + "{ " + strings.Join(parts, " ") + " }"
}
