package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"tritonsweep/results"
	"tritonsweep/results/interference"
)

// interferenceOf compares the records of a run that measured models alone and
// together; nil for others.
func interferenceOf(run results.Run, records []results.Record) *interference.Report {
	if run.Plan.Sweep != interference.Name {
		return nil
	}
	return interference.Analyze(records)
}

// together prints what models cost each other.
func (t *text) together(r *interference.Report) {
	for _, e := range r.Models {
		t.out.WriteByte('\n')
		t.line(bold, "", e.Model+" at "+e.Load.String())
		for _, line := range e.Lines() {
			style := faint
			if e.Slower {
				style = amber
			}
			t.line(style, "  ", line)
		}
	}
	t.out.WriteByte('\n')
	t.line(faint, "", r.Legend())
}

// markdownTogether writes the same as a table.
func markdownTogether(out *strings.Builder, r *interference.Report) {
	out.WriteString("| model | load | throughput alone | together | change | p50 | p95 |\n|---|---|--:|--:|--:|--:|--:|\n")
	for _, row := range newTogether(r, forest{}).Rows {
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s | %s | %s |\n", tableCode(row.Model), escapeMarkdown(loadText(row.Load)), row.Alone, row.With,
			escapeMarkdown(row.Throughput), escapeMarkdown(row.P50), escapeMarkdown(row.P95))
	}
	for _, e := range r.Models {
		for _, lost := range e.Lost {
			fmt.Fprintf(out, "\n%s: %s\n", tableCode(e.Model), escapeMarkdown(lost))
		}
	}
	fmt.Fprintf(out, "\n%s\n\n", escapeMarkdown(r.Legend()))
}

// csvTogether writes one row a model.
func csvTogether(w io.Writer, run string, r *interference.Report) error {
	out := csv.NewWriter(w)
	header := []string{"run", "model", "concurrency", "batch_size", "slower"}
	for _, figure := range []string{"throughput_alone_per_s", "throughput_together_per_s", "throughput_ratio", "p50_ratio", "p95_ratio"} {
		header = append(header, figure, figure+"_low", figure+"_high")
	}
	if err := out.Write(header); err != nil {
		return err
	}
	for _, e := range r.Models {
		row := []string{cell(run), cell(e.Model), strconv.Itoa(e.Load.Concurrency), strconv.Itoa(e.Load.BatchSize), strconv.FormatBool(e.Slower)}
		for _, figure := range []*results.Estimate{e.Alone.Throughput, e.Together.Throughput, e.Throughput, e.P50, e.P95} {
			row = append(row, estimateCells(figure)...)
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// togetherData is what the pages lay out.
type togetherData struct {
	Legend string
	Rows   []togetherRow
}

type togetherRow struct {
	interference.Effect
	Alone, With, Throughput, P50, P95 string
	Class                             string
	Plot                              *span01
}

func newTogether(r *interference.Report, plot forest) *togetherData {
	d := &togetherData{Legend: r.Legend()}
	for _, e := range r.Models {
		row := togetherRow{
			Effect: e, Alone: orNone(e.Alone.Throughput, rate), With: orNone(e.Together.Throughput, rate),
			Throughput: orNone(e.Throughput, changeInterval), P50: orNone(e.P50, changeInterval), P95: orNone(e.P95, changeInterval), Class: "same",
		}
		if e.Slower {
			row.Class = "worse"
		} else if e.Throughput != nil {
			row.Throughput = "≈ " + row.Throughput
		}
		if plot.high > 0 {
			row.Plot = plot.place(e.Throughput, row.Class)
		}
		d.Rows = append(d.Rows, row)
	}
	return d
}
