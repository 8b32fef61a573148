package report

import (
	"fmt"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
)

// finalTable shows the finals: few points, measured afresh, with what they differ
// by from the current settings.
type finalTable struct {
	Heads []string
	Rows  []finalRow
}

type finalRow struct {
	Cells []string // load and settings, then figures
	// Class is "now" for the untouched config, "chosen" for the recommended point.
	Class string
}

// finalWords counts the words among the cells of a row; the others are figures.
const finalWords = 2

const finalLegend = "Fresh figures, which had no part in the choice; only these are printed for the recommendation."

func newFinalTable(m *Model) finalTable {
	if len(m.Finals) == 0 {
		return finalTable{}
	}
	q := m.Objective
	t := finalTable{Heads: []string{"load", "settings", "throughput", "vs now", string(q), "vs now", "result"}}
	for _, p := range finalOrder(m) {
		row := finalRow{Cells: []string{p.Load.String(), label(*p), "", "", "", "", finalResult(m, p)}}
		if p.Throughput != nil {
			row.Cells[2] = rate(*p.Throughput) + " " + spread(*p.Throughput)
		}
		if l := p.Latency.Get(q); l != nil {
			row.Cells[4] = millis(*l) + " " + spread(*l)
		}
		if p.Effect != nil && p.Effect.Throughput != nil {
			row.Cells[3] = changeInterval(*p.Effect.Throughput)
		}
		if p.Effect != nil && p.Effect.Latency[q] != nil {
			row.Cells[5] = changeInterval(*p.Effect.Latency[q])
		}
		switch {
		case p.Settings.IsZero():
			row.Class = "now"
		case p.ID == m.Recommendation.Final:
			row.Class = "chosen"
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// finalOrder puts the untouched config first under each load.
func finalOrder(m *Model) []*Point {
	finals := Model{}
	for _, p := range m.Finals {
		if p.Settings.IsZero() {
			finals.Control = append(finals.Control, p)
		} else {
			finals.Points = append(finals.Points, p)
		}
	}
	return tableRows(&finals)
}

func finalResult(m *Model, p *Point) string {
	text := ""
	if p.Effect != nil {
		text = string(p.Effect.Verdict)
	}
	if p.Verdict != results.OK {
		text = join(text, string(p.Verdict))
	}
	if p.Limit == pareto.Missed {
		text = join(text, "over limit")
	}
	if p.ID == m.Recommendation.Final {
		text = join("recommended", text)
	}
	return text
}

// finalTitle names the table.
func finalTitle(m *Model) string {
	settings, rounds := map[string]bool{}, 0
	for _, p := range m.Finals {
		if !p.Settings.IsZero() {
			settings[p.Settings.Key()] = true
			rounds = max(rounds, p.Measured)
		}
	}
	return fmt.Sprintf("The finals: %s measured afresh in %s", plural(len(settings), "setting"), plural(rounds, "round"))
}

func (t *text) finals(m *Model) {
	table := newFinalTable(m)
	if len(table.Rows) == 0 {
		return
	}
	cells := [][]string{slices.Clone(table.Heads)}
	for _, r := range table.Rows {
		row := slices.Clone(r.Cells)
		for i := range row {
			row[i] = ansi.Truncate(clean(row[i]), widestCell, "…")
		}
		cells = append(cells, row)
	}
	cols := make([]column, len(table.Heads))
	for i := range cols {
		if cols[i].left = i < finalWords || i == len(cols)-1; !cols[i].left {
			cols[i].keep = i - finalWords // throughput stays, the latency's columns go first
		}
	}
	cols, widths := t.fit(cols, cells)
	t.out.WriteByte('\n')
	t.line(bold, "  ", finalTitle(m))
	t.row(cols, widths, cells[0], faint)
	for i, row := range cells[1:] {
		style := lipgloss.NewStyle()
		if table.Rows[i].Class == "chosen" {
			style = green
		}
		t.row(cols, widths, row, style)
	}
	t.line(faint, "  ", finalLegend)
}

func markdownFinals(out *strings.Builder, m *Model) {
	table := newFinalTable(m)
	if len(table.Rows) == 0 {
		return
	}
	figures := len(table.Heads) - finalWords - 1
	fmt.Fprintf(out, "%s:\n\n| %s |\n|%s%s---|\n", finalTitle(m), strings.Join(table.Heads, " | "),
		strings.Repeat("---|", finalWords), strings.Repeat("--:|", figures))
	for _, row := range table.Rows {
		cells := make([]string, len(row.Cells))
		for i, c := range row.Cells {
			if cells[i] = escapeMarkdown(c); row.Class == "chosen" && i < finalWords {
				cells[i] = "**" + cells[i] + "**"
			}
		}
		fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
	}
	fmt.Fprintf(out, "\n%s\n\n", finalLegend)
}
