package report

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"

	"tritonsweep/results/pareto"
)

// TextOptions say how the text view looks.
type TextOptions struct {
	// Width is the number of columns; 0 means as wide as need be. Columns of
	// figures that do not fit are left out, the least important first.
	Width int
	// Color allows escape sequences for colours and bold text.
	Color bool
	// ASCII replaces what the locale cannot show.
	ASCII bool
}

// TerminalOptions returns what suits w: on a terminal its width, and colours
// unless the environment (NO_COLOR, TERM, ...) forbids them; elsewhere plain text.
// A locale that is set, and not to UTF-8, gets ASCII.
func TerminalOptions(w io.Writer, environ []string) TextOptions {
	opts := TextOptions{Color: colorprofile.Detect(w, environ) >= colorprofile.ANSI, ASCII: !utf8Locale(environ)}
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			opts.Width = width
		}
	}
	return opts
}

// Text writes the report for a terminal: for each model the advice first, then
// its figures, then the footnotes.
func (r *Report) Text(w io.Writer, opts TextOptions) error {
	t := &text{opts: opts}
	t.head(r)
	for i := range r.Models {
		t.model(r, &r.Models[i])
	}
	if r.Interference != nil {
		t.together(r.Interference)
	}
	t.footnotes(r)
	return t.flush(w)
}

type text struct {
	opts TextOptions
	out  strings.Builder
}

// flush writes what was collected.
func (t *text) flush(w io.Writer) error {
	out := t.out.String()
	if t.opts.ASCII {
		out = toASCII(out)
	}
	_, err := io.WriteString(w, out)
	return err
}

// The styles use the terminal's own sixteen colours, which its user can read.
var (
	bold  = lipgloss.NewStyle().Bold(true)
	faint = lipgloss.NewStyle().Faint(true)
	green = lipgloss.NewStyle().Foreground(lipgloss.Color("2"))
	red   = lipgloss.NewStyle().Foreground(lipgloss.Color("1"))
	amber = lipgloss.NewStyle().Foreground(lipgloss.Color("3"))
)

func (t *text) style(s lipgloss.Style, text string) string {
	if !t.opts.Color || text == "" {
		return text
	}
	return s.Render(text)
}

// line prints text from inside or outside: cleaned, wrapped, indented.
func (t *text) line(style lipgloss.Style, indent, text string) {
	t.item(style, indent, "", text)
}

// item is line with a mark in front, under which nothing is written.
func (t *text) item(style lipgloss.Style, indent, mark, text string) {
	room := max(20, t.opts.Width-ansi.StringWidth(indent+mark))
	if t.opts.Width == 0 {
		room = math.MaxInt
	}
	for _, l := range wrap(clean(text), room) {
		t.out.WriteString(indent + t.style(style, mark+l) + "\n")
		mark = strings.Repeat(" ", ansi.StringWidth(mark))
	}
}

// wrap breaks text at blanks, and words that are longer than a line anywhere.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		for ansi.StringWidth(word) > width {
			if line != "" {
				lines, line = append(lines, line), ""
			}
			head := ansi.Truncate(word, width, "")
			lines, word = append(lines, head), strings.TrimPrefix(word, head)
		}
		switch {
		case line == "":
			line = word
		case ansi.StringWidth(line)+1+ansi.StringWidth(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}

func (t *text) head(r *Report) {
	e := r.Run.Environment
	t.line(bold, "", fmt.Sprintf("%s  run %s", r.Run.Sweep, r.Run.ID))
	facts := []string{r.Run.Start.UTC().Format(time.DateTime) + " UTC", durationText(r.Run.Duration), r.Run.Outcome}
	facts = append(facts, plural(r.Run.Rounds, "round"), fmt.Sprintf("seed %d", r.Run.Seed))
	if e.Server != "" {
		facts = append(facts, e.Server, "mode "+e.Mode)
	}
	if l := limitText(r.Run.Limit); l != "" {
		facts = append(facts, "limit "+l)
	}
	t.line(faint, "", strings.Join(facts, " · "))
	if e.Simulated {
		t.line(amber, "", "SIMULATED SERVER: no Triton was measured")
	}
}

func (t *text) model(r *Report, m *Model) {
	a := m.Recommendation
	t.out.WriteByte('\n')
	t.line(bold, "", m.Name)
	if m.Pipeline != "" {
		t.line(faint, "  ", "through "+m.Pipeline)
	}
	if now := describe(m.Current); now != "" {
		t.line(faint, "  ", "now: "+now)
	}
	t.line(map[pareto.Action]lipgloss.Style{pareto.Change: green.Bold(true), pareto.Keep: bold}[a.Action], "  ", a.Headline)
	if a.Detail != "" {
		t.line(lipgloss.NewStyle(), "  ", a.Detail)
	}
	t.line(faint, "  ", "Why: "+a.Reason+".")
	if near := nearText(a); near != "" {
		t.line(faint, "  ", near)
	}
	for _, c := range a.Cautions {
		t.item(amber, "  ", "! ", c)
	}
	if a.Apply != "" {
		// Not wrapped: it is there to be copied.
		t.out.WriteString("  " + t.style(bold, clean(a.Apply)) + "\n")
	}
	t.patch(a.Patch)
	t.finals(m)
	t.table(m)
	t.stages(m)
	t.extras(m)
}

func (t *text) patch(patch string) {
	if patch == "" {
		return
	}
	t.out.WriteByte('\n')
	for _, l := range strings.Split(strings.TrimSuffix(cleanLines(patch), "\n"), "\n") {
		style := lipgloss.NewStyle()
		switch {
		case strings.HasPrefix(l, "+"):
			style = green
		case strings.HasPrefix(l, "-"):
			style = red
		case strings.HasPrefix(l, "@"):
			style = faint
		}
		t.out.WriteString("  " + t.style(style, l) + "\n")
	}
}

// extras are the frontier as a menu, saturation and memory.
func (t *text) extras(m *Model) {
	if choices := choiceLines(m); len(choices) > 1 {
		t.out.WriteByte('\n')
		t.line(bold, "  ", fmt.Sprintf("What a %s limit buys", m.Objective))
		for _, c := range choices {
			t.line(lipgloss.NewStyle(), "    ", c)
		}
	}
	for _, line := range curveLines(m) {
		t.line(lipgloss.NewStyle(), "  ", line)
	}
	for _, line := range costLines(m) {
		t.line(lipgloss.NewStyle(), "  ", line)
	}
	if m.comparesSettings() {
		t.line(faint, "  ", noiseText(m.Noise))
	}
}

// stages shows where the time goes in a pipeline.
func (t *text) stages(m *Model) {
	table := newStageTable(m)
	if len(table.Rows) == 0 {
		return
	}
	cells := [][]string{append([]string{"stage"}, table.Loads...)}
	for _, row := range table.Rows {
		cells = append(cells, append([]string{ansi.Truncate(row.Name, widestCell, "…")}, row.Cells...))
	}
	cols := make([]column, len(cells[0]))
	cols[0].left = true
	widths := measure(cells)
	t.out.WriteByte('\n')
	t.row(cols, widths, cells[0], bold)
	for _, row := range cells[1:] {
		t.row(cols, widths, row, lipgloss.NewStyle())
	}
	t.line(faint, "  ", stageLegend)
}

func (t *text) footnotes(r *Report) {
	if len(r.Footnotes) == 0 {
		return
	}
	t.out.WriteByte('\n')
	for _, f := range r.Footnotes {
		t.item(faint, "", fmt.Sprintf("%d) ", f.Number), f.Text)
	}
}
