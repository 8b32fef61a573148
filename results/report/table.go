package report

import (
	"cmp"
	"slices"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
)

// column is one column of the table of points in the text and Markdown views.
type column struct {
	title string
	// keep orders the columns by importance where there is no room for all: the
	// largest go first.
	keep int
	left bool // text; figures are aligned to the right
	cell func(m *Model, p *Point) string
}

// columns are those that hold anything in the model.
func columns(m *Model) []column {
	all := []column{
		{title: "load", keep: 0, left: true, cell: func(_ *Model, p *Point) string { return p.Load.String() }},
		{title: "settings", keep: 0, left: true, cell: func(_ *Model, p *Point) string { return label(*p) }},
		{title: "throughput", keep: 0, cell: func(_ *Model, p *Point) string {
			if p.Throughput == nil {
				return ""
			}
			return rate(*p.Throughput) + " " + spread(*p.Throughput)
		}},
		{title: "vs now", keep: 2, cell: effectCell},
		latencyColumn(pareto.P50, 4),
		latencyColumn(pareto.P90, 8),
		latencyColumn(pareto.P95, 1),
		latencyColumn(pareto.P99, 3),
		{title: "max", keep: 9, cell: func(_ *Model, p *Point) string { return unlessZero(p.Latency.Max) }},
		{title: "batch", keep: 5, cell: func(_ *Model, p *Point) string {
			return fromServer(p, func(s Server) float64 { return s.AverageBatch })
		}},
		{title: "queue", keep: 6, cell: func(_ *Model, p *Point) string {
			return fromServer(p, func(s Server) float64 { return s.Queue })
		}},
		{title: "infer", keep: 7, cell: func(_ *Model, p *Point) string {
			return fromServer(p, func(s Server) float64 { return s.ComputeInfer })
		}},
		{title: "memory", keep: 7, cell: func(_ *Model, p *Point) string {
			if p.ContainerMemory == nil {
				return ""
			}
			return bytesText(float64(*p.ContainerMemory))
		}},
		{title: "GPU", keep: 7, cell: gpuCell},
		{title: "send lag", keep: 8, cell: func(_ *Model, p *Point) string {
			if p.Client == nil || p.Client.Arrivals == nil {
				return ""
			}
			return number(p.Client.Arrivals.SendLag)
		}},
		{title: "errors", keep: 2, cell: errorCell},
		{title: "verdict", keep: 1, left: true, cell: verdictCell},
	}
	rows := tableRows(m)
	return slices.DeleteFunc(all, func(c column) bool { return c.keep > 0 && !holdsAnything(m, rows, c) })
}

func holdsAnything(m *Model, rows []*Point, c column) bool {
	for _, p := range rows {
		if c.cell(m, p) != "" {
			return true
		}
	}
	return false
}

// tableRows returns controls and points by load, the control first, so that
// what can be compared stands together.
func tableRows(m *Model) []*Point {
	var rows []*Point
	for _, list := range [][]Point{m.Control, m.Points} {
		for i := range list {
			rows = append(rows, &list[i])
		}
	}
	slices.SortStableFunc(rows, func(a, b *Point) int {
		return cmp.Or(compareLoads(a.Load, b.Load), compareBool(!a.Control, !b.Control))
	})
	return rows
}

func latencyColumn(q pareto.Quantile, keep int) column {
	return column{title: string(q), keep: keep, cell: func(m *Model, p *Point) string {
		e := p.Latency.Get(q)
		switch {
		case e != nil && q == m.Objective:
			return number(e.Value) + " " + spread(*e)
		case e != nil:
			return number(e.Value)
		case p.Missing[q] > 0:
			return "n/a"
		}
		return ""
	}}
}

func unlessZero(v float64) string {
	if v == 0 {
		return ""
	}
	return number(v)
}

// errorCell shows failed requests. Of a model none is the rule and needs no word;
// of an API their share is a figure that people ask for.
func errorCell(m *Model, p *Point) string {
	n := errorCount(*p)
	switch {
	case m.Pipeline != "" && p.ErrorRate != nil:
		return percent(*p.ErrorRate)
	case n > 0:
		return count(n)
	}
	return ""
}

func fromServer(p *Point, value func(Server) float64) string {
	if p.Server == nil {
		return ""
	}
	return number(value(*p.Server))
}

// effectCell shows the change of throughput, and says if it is none.
func effectCell(_ *Model, p *Point) string {
	if p.Effect == nil || p.Effect.Throughput == nil {
		return ""
	}
	text := change(p.Effect.Throughput.Value)
	if p.Effect.Verdict == NoDifference {
		return "≈ " + text
	}
	return text
}

func gpuCell(_ *Model, p *Point) string {
	if p.GPU == nil {
		return ""
	}
	text := ""
	if p.GPU.MemoryUsed != nil {
		text = bytesText(float64(*p.GPU.MemoryUsed))
	}
	if p.GPU.Utilization != nil {
		text += " " + percent(*p.GPU.Utilization)
	}
	return text
}

// verdictCell is empty for a plain ok, so that the others stand out.
func verdictCell(m *Model, p *Point) string {
	text := ""
	if p.Verdict != results.OK {
		text = string(p.Verdict)
	}
	if rate := m.Capacity.rate(p.ID); rate != nil {
		return join(text, rate.standing())
	}
	if m.Capacity != nil {
		return join(text, "where the search begins")
	}
	if p.Limit != pareto.Unlimited && p.Limit != pareto.Met && p.Verdict.Usable() {
		text = join(text, map[pareto.Standing]string{
			pareto.Missed: "over limit", pareto.Barely: "at limit", pareto.Unknown: "limit unknown",
		}[p.Limit])
	}
	if p.OnFrontier {
		text = join(text, "frontier")
	}
	if p.ID == m.Recommendation.Point && m.Recommendation.Action == pareto.Change {
		text = join("recommended", text)
	}
	return text
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ", " + b
}
