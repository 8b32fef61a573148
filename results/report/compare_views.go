package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"charm.land/lipgloss/v2"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
)

// caveat stands under every comparison of a point with a recorded figure.
const caveat = "A recorded figure has no interval, and its machine, pictures and load are not ours: the ratio says where we stand, not who is faster."

// titles and cells of the pairs, for the text and Markdown views.
var pairTitles = []string{"model", "settings", "load", "throughput", "", "ratio", "p50", "p95", "p99", "verdict"}

func pairCells(p Pair) []string {
	settings := label(Point{Settings: p.Settings, Control: p.Control})
	return []string{
		p.Model, settings, p.Load.String(), orNone(p.First.Throughput, rate), "-> " + orNone(p.Second.Throughput, rate), orNone(p.Throughput, ratioText),
		orNone(p.Latency[pareto.P50], ratioText), orNone(p.Latency[pareto.P95], ratioText), orNone(p.Latency[pareto.P99], ratioText),
		string(p.Verdict),
	}
}

// ratioText prints "1.20 [1.12, 1.29]".
func ratioText(e results.Estimate) string {
	return fmt.Sprintf("%.3g [%.3g, %.3g]", e.Value, e.Low, e.High)
}

var figureTitles = []string{"model", "load", "quantity", "here", "recorded", "ratio"}

func figureCells(f FigurePair) []string {
	unit := "ms"
	if f.Figure.Quantity == "throughput" {
		unit = "/s"
	}
	return []string{
		f.Model, f.Load.String(), f.Figure.Quantity, fmt.Sprintf("%s%s %s", number(f.Measured.Value), unit, interval(f.Measured)),
		number(f.Figure.Value) + unit, ratioText(f.Ratio),
	}
}

// Text writes the comparison for a terminal.
func (c *Comparison) Text(w io.Writer, opts TextOptions) error {
	t := &text{opts: opts}
	t.line(bold, "", fmt.Sprintf("%s compared with %s", c.Second, c.First))
	for _, d := range c.Across {
		t.line(amber, "", fmt.Sprintf("across %s of %s: %s and %s", d.Part, d.Model, d.First, d.Second))
	}
	t.grid(pairTitles, rowsOf(c.Pairs, pairCells))
	if len(c.Pairs) > 0 {
		t.line(faint, "  ", "Ratios are second by first, with 95% intervals; latencies below 1 are faster.")
	}
	t.grid(figureTitles, rowsOf(c.Figures, figureCells))
	if len(c.Figures) > 0 {
		t.line(faint, "  ", caveat)
	}
	if len(c.NotCompared) > 0 {
		t.out.WriteByte('\n')
		for _, n := range c.NotCompared {
			t.item(amber, "", "not compared: ", n)
		}
	}
	_, err := io.WriteString(w, t.out.String())
	return err
}

func rowsOf[T any](list []T, cells func(T) []string) [][]string {
	var rows [][]string
	for _, v := range list {
		rows = append(rows, cells(v))
	}
	return rows
}

// grid prints rows under titles.
func (t *text) grid(titles []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	cells := [][]string{titles}
	for _, row := range rows {
		clear := make([]string, len(row))
		for i, c := range row {
			clear[i] = clean(c)
		}
		cells = append(cells, clear)
	}
	cols := make([]column, len(titles))
	for i := range cols {
		cols[i].left = true
	}
	widths := measure(cells)
	t.out.WriteByte('\n')
	t.row(cols, widths, cells[0], bold)
	for _, row := range cells[1:] {
		t.row(cols, widths, row, lipgloss.NewStyle())
	}
}

// Markdown writes the comparison for a pull request or a wiki.
func (c *Comparison) Markdown(w io.Writer) error {
	var out strings.Builder
	fmt.Fprintf(&out, "# %s compared with %s\n\n", escapeMarkdown(c.Second), escapeMarkdown(c.First))
	for _, d := range c.Across {
		fmt.Fprintf(&out, "- across %s of %s: %s and %s\n", escapeMarkdown(d.Part), codeSpan(d.Model), codeSpan(d.First), codeSpan(d.Second))
	}
	markdownGrid(&out, pairTitles, rowsOf(c.Pairs, pairCells))
	if len(c.Pairs) > 0 {
		out.WriteString("Ratios are second by first, with 95% intervals; latencies below 1 are faster.\n\n")
	}
	markdownGrid(&out, figureTitles, rowsOf(c.Figures, figureCells))
	if len(c.Figures) > 0 {
		out.WriteString(caveat + "\n\n")
	}
	for _, n := range c.NotCompared {
		fmt.Fprintf(&out, "- not compared: %s\n", escapeMarkdown(n))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func markdownGrid(out *strings.Builder, titles []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(out, "\n| %s |\n|%s\n", strings.Join(titles, " | "), strings.Repeat("---|", len(titles)))
	for _, row := range rows {
		for i := range row {
			row[i] = escapeMarkdown(row[i])
		}
		fmt.Fprintf(out, "| %s |\n", strings.Join(row, " | "))
	}
	out.WriteByte('\n')
}

// JSON writes all of it; see Report.JSON.
func (c *Comparison) JSON(w io.Writer) error { return writeJSON(w, c) }

// CSV writes one row for each pair, then for each recorded figure.
func (c *Comparison) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	header := []string{"model", "settings", "control", "concurrency", "batch_size", "rate_per_s", "quantity", "first", "second", "ratio", "ratio_low", "ratio_high", "verdict", "source"}
	rows := [][]string{header}
	for _, p := range c.Pairs {
		common := []string{cell(p.Model), cell(p.Settings.String()), strconv.FormatBool(p.Control), strconv.Itoa(p.Load.Concurrency), strconv.Itoa(p.Load.BatchSize), positive(p.Load.Rate)}
		rows = append(rows, csvPair(common, "throughput_per_s", p.First.Throughput, p.Second.Throughput, p.Throughput, p.Verdict))
		for _, q := range quantiles {
			rows = append(rows, csvPair(common, string(q)+"_ms", p.First.Latency.Get(q), p.Second.Latency.Get(q), p.Latency[q], p.Verdict))
		}
	}
	for _, f := range c.Figures {
		rows = append(rows, append([]string{cell(f.Model), "", "", strconv.Itoa(f.Load.Concurrency), strconv.Itoa(f.Load.BatchSize), positive(f.Load.Rate),
			cell(f.Figure.Quantity), decimal(f.Figure.Value), decimal(f.Measured.Value)}, append(estimateCells(&f.Ratio), "", cell(f.Figure.Source))...))
	}
	if err := out.WriteAll(rows); err != nil {
		return err
	}
	return out.Error()
}

func csvPair(common []string, quantity string, first, second, ratio *results.Estimate, verdict EffectVerdict) []string {
	value := func(e *results.Estimate) string {
		if e == nil {
			return ""
		}
		return decimal(e.Value)
	}
	row := append(append([]string(nil), common...), quantity, value(first), value(second))
	return append(append(row, estimateCells(ratio)...), string(verdict), "")
}
