package report

import (
	"fmt"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
	"tritonsweep/sweep"
)

// tableData is the sortable table of the page.
type tableData struct {
	Heads []htmlHead
	Rows  []htmlRow
}

type htmlHead struct {
	Title, Hint string
	Extra       bool // hidden until all columns are asked for
	Text        bool // sorted and aligned as text
}

type htmlRow struct {
	ID        string
	Class     string
	Cells     []htmlCell
	Footnotes []int
}

type htmlCell struct {
	Text, Small string
	Sort        string // what to sort by: a number, or nothing for what is missing
	Extra, Left bool
	Class       string
}

func newTable(m *Model) tableData {
	t := tableData{Heads: []htmlHead{
		{Title: "Load", Hint: "c: concurrency of a closed loop, r: arrivals a second of an open one, b: items in a request", Text: true},
		{Title: "Settings", Text: true},
		{Title: "Throughput", Hint: "items a second, with the 95% interval"},
		{Title: "vs now", Hint: "throughput against the untouched config under the same load"},
		{Title: "p50", Hint: "milliseconds"}, {Title: "p90", Hint: "milliseconds", Extra: true},
		{Title: "p95", Hint: "milliseconds"}, {Title: "p99", Hint: "milliseconds"},
		{Title: "Max", Hint: "milliseconds", Extra: true},
		{Title: "Batch", Hint: "average size of the executed batches"},
		{Title: "Queue", Hint: "mean wait of a request, milliseconds"},
		{Title: "Input", Hint: "of one execution, milliseconds", Extra: true},
		{Title: "Infer", Hint: "of one execution, milliseconds", Extra: true},
		{Title: "Output", Hint: "of one execution, milliseconds", Extra: true},
		{Title: "Memory", Hint: "of the container, peak", Extra: true},
		{Title: "GPU", Hint: "memory used, utilization", Extra: true},
		{Title: "Requests", Hint: "successful, in all rounds", Extra: true},
		{Title: "Errors", Extra: true},
		{Title: "Verdict", Text: true},
	}}
	rank := map[string]int{} // by settings, then load
	for i, p := range seriesOrder(m) {
		rank[p.ID] = i
	}
	rows := tableRows(m)
	names := newLoadNames(rows)
	for _, p := range rows {
		cells := t.cells(m, p)
		cells[0].Text, cells[1].Sort = names.row(p.Load), fmt.Sprint(rank[p.ID])
		t.Rows = append(t.Rows, htmlRow{ID: p.ID, Class: rowClass(m, p), Footnotes: p.Footnotes, Cells: cells})
	}
	t.dropEmpty()
	return t
}

func rowClass(m *Model, p *Point) string {
	switch {
	case p.ID == m.Recommendation.Point && m.Recommendation.Action == pareto.Change:
		return "chosen"
	case p.Control || p.Settings.IsZero():
		return "now"
	case !p.Verdict.Usable() || len(p.Errors) > 0:
		return "unusable"
	}
	return ""
}

func (t tableData) cells(m *Model, p *Point) []htmlCell {
	cells := []htmlCell{
		{Sort: fmt.Sprint(loadRank(p.Load))},
		{Text: clean(label(*p))},
		estimateCell(p.Throughput, "/s", ""),
		effectHTML(p),
	}
	for _, q := range quantiles {
		missing := ""
		if p.Missing[q] > 0 {
			missing = "n/a"
		}
		cell := estimateCell(p.Latency.Get(q), "", missing)
		if q != m.Objective {
			cell.Small = "" // the tooltip has it
		}
		cells = append(cells, cell)
		if q == pareto.P99 {
			cells = append(cells, numberCell(unlessZero(p.Latency.Max), p.Latency.Max))
		}
	}
	if s := p.Server; s != nil {
		for _, v := range []float64{s.AverageBatch, s.Queue, s.ComputeInput, s.ComputeInfer, s.ComputeOutput} {
			cells = append(cells, numberCell(number(v), v))
		}
	} else {
		cells = append(cells, make([]htmlCell, 5)...)
	}
	cells = append(cells, bytesCell(p.ContainerMemory), htmlCell{Text: gpuCell(m, p)},
		numberCell(count(p.Requests), float64(p.Requests)),
		htmlCell{Text: clean(errorText(p.Errors)), Sort: fmt.Sprint(errorCount(*p))},
		htmlCell{Text: clean(verdictCell(m, p)), Class: "verdict"})
	for i := range cells {
		cells[i].Extra, cells[i].Left = t.Heads[i].Extra, t.Heads[i].Text
	}
	return cells
}

// loadRank orders loads as compareLoads does, for the page's sorting.
func loadRank(l sweep.Load) float64 {
	rank := 1e9*float64(l.BatchSize) + float64(l.Concurrency)
	if l.Open() {
		rank += 1e7 + l.Rate
	}
	return rank
}

// dropEmpty removes columns without any figure.
func (t *tableData) dropEmpty() {
	for i := len(t.Heads) - 1; i >= 2; i-- {
		used := t.Heads[i].Title == "Verdict"
		for _, row := range t.Rows {
			used = used || row.Cells[i].Text != ""
		}
		if used {
			continue
		}
		t.Heads = append(t.Heads[:i:i], t.Heads[i+1:]...)
		for k := range t.Rows {
			c := t.Rows[k].Cells
			t.Rows[k].Cells = append(c[:i:i], c[i+1:]...)
		}
	}
}

func estimateCell(e *results.Estimate, unit, missing string) htmlCell {
	if e == nil {
		return htmlCell{Text: missing, Class: "missing"}
	}
	return htmlCell{Text: number(e.Value) + unit, Small: spread(*e), Sort: decimal(e.Value)}
}

func numberCell(text string, v float64) htmlCell {
	if text == "" {
		return htmlCell{}
	}
	return htmlCell{Text: text, Sort: decimal(v)}
}

func bytesCell(v *int64) htmlCell {
	if v == nil {
		return htmlCell{}
	}
	return htmlCell{Text: bytesText(float64(*v)), Sort: fmt.Sprint(*v)}
}

func effectHTML(p *Point) htmlCell {
	if p.Effect == nil || p.Effect.Throughput == nil {
		return htmlCell{}
	}
	r := p.Effect.Throughput
	c := htmlCell{Text: change(r.Value), Sort: decimal(r.Value), Class: "same"}
	if p.Effect.Verdict == NoDifference {
		c.Text = "≈ " + c.Text
		return c
	}
	c.Class = "mixed"
	if p.Effect.Verdict == Better {
		c.Class = "better"
	} else if p.Effect.Verdict == Worse {
		c.Class = "worse"
	}
	return c
}

// timeBar is one stacked bar: where the time of a request goes.
type timeBar struct {
	Name  string
	Total string
	Parts []timePart
}

type timePart struct {
	Index   int
	X, W    float64 // of 100
	Name    string
	Text    string
	Visible bool // wide enough for its text
}

func timeBars(m *Model) (list []timeBar, keys []string) {
	now, then := subjects(m)
	thenName := "recommended"
	if m.Recommendation.Action == pareto.None {
		thenName = "the closest"
	}
	longest := 0.0
	for _, p := range []*Point{now, then} {
		if len(where(p)) > 0 {
			longest = max(longest, p.Latency.Mean.Value)
		}
	}
	for i, p := range []*Point{now, then} {
		parts := where(p)
		if len(parts) == 0 {
			continue
		}
		bar := timeBar{Name: []string{"now", thenName}[i], Total: number(p.Latency.Mean.Value) + " ms"}
		x := 0.0
		keys = nil
		for k, part := range parts {
			w := 100 * part.Millis / longest
			bar.Parts = append(bar.Parts, timePart{
				Index: k, X: round1(x), W: round1(w), Name: part.Name, Text: number(part.Millis), Visible: w > 6,
			})
			keys = append(keys, part.Name)
			x += w
		}
		list = append(list, bar)
	}
	return list, keys
}
