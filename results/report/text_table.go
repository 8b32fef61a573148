package report

import (
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"tritonsweep/results/pareto"
)

const gap = 2 // blanks between columns

// table prints the points, a blank line between loads.
func (t *text) table(m *Model) {
	rows := tableRows(m)
	if len(rows) == 0 {
		return
	}
	cols := columns(m)
	cells := [][]string{titles(cols)}
	for _, p := range rows {
		cells = append(cells, t.cells(m, p, cols))
	}
	cols, widths := t.fit(cols, cells)
	t.out.WriteByte('\n')
	t.row(cols, widths, cells[0], faint)
	manyLoads := len(m.Points)+len(m.Control) > len(loadsOf(rows))
	for i, p := range rows {
		if manyLoads && i > 0 && p.Load != rows[i-1].Load {
			t.out.WriteByte('\n')
		}
		t.row(cols, widths, cells[i+1], rowStyle(m, p))
	}
	t.line(faint, "  ", legend)
}

// fit leaves out columns until the others have room, and returns these and their
// widths.
func (t *text) fit(cols []column, cells [][]string) ([]column, []int) {
	widths := measure(cells)
	for t.opts.Width > 0 && total(widths) > t.opts.Width-2 {
		drop := leastImportant(cols)
		if drop < 0 {
			break
		}
		cols, widths = slices.Delete(cols, drop, drop+1), slices.Delete(widths, drop, drop+1)
		for i := range cells {
			cells[i] = slices.Delete(cells[i], drop, drop+1)
		}
	}
	return cols, widths
}

// legend explains the table.
const legend = "Latencies in ms; ± is the 95% interval; ≈ is no significant difference; n/a: too few requests."

// widestCell keeps one long name from pushing all figures off the screen.
const widestCell = 48

func (t *text) cells(m *Model, p *Point, cols []column) []string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = ansi.Truncate(clean(c.cell(m, p)), widestCell, "…")
		if c.title == "settings" && len(p.Footnotes) > 0 {
			out[i] += " " + footnoteNumbers(p.Footnotes, ",") + ")"
		}
	}
	return out
}

func (t *text) row(cols []column, widths []int, cells []string, style lipgloss.Style) {
	var line strings.Builder
	for i, c := range cells {
		pad := strings.Repeat(" ", max(0, widths[i]-ansi.StringWidth(c)))
		if i > 0 {
			line.WriteString(strings.Repeat(" ", gap))
		}
		if cols[i].left {
			line.WriteString(c + pad)
		} else {
			line.WriteString(pad + c)
		}
	}
	t.out.WriteString("  " + t.style(style, strings.TrimRight(line.String(), " ")) + "\n")
}

func rowStyle(m *Model, p *Point) lipgloss.Style {
	switch {
	case p.ID == m.Recommendation.Point && m.Recommendation.Action == pareto.Change:
		return green.Bold(true)
	case !p.Verdict.Usable() || len(p.Errors) > 0:
		return faint
	case p.Control:
		return bold
	}
	return lipgloss.NewStyle()
}

func titles(cols []column) []string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = c.title
	}
	return out
}

func measure(cells [][]string) []int {
	widths := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, c := range row {
			widths[i] = max(widths[i], ansi.StringWidth(c))
		}
	}
	return widths
}

func total(widths []int) int {
	sum := 0
	for _, w := range widths {
		sum += w + gap
	}
	return sum - gap
}

// leastImportant returns the column to leave out next, -1 if all must stay.
func leastImportant(cols []column) int {
	index := -1
	for i, c := range cols {
		if c.keep > 0 && (index < 0 || c.keep >= cols[index].keep) {
			index = i
		}
	}
	return index
}

func loadsOf(rows []*Point) []string {
	var loads []string
	for _, p := range rows {
		loads = addNew(loads, p.Load.String())
	}
	return loads
}
