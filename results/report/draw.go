package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
)

// drawing holds positions.
type drawing struct {
	XTicks   []tick           `json:"x"`
	YTicks   []tick           `json:"y"`
	XLabel   string           `json:"xl"`
	YLabel   string           `json:"yl"`
	Lines    []string         `json:"lines"` // one path a series
	Frontier string           `json:"frontier"`
	Arrow    string           `json:"arrow"`
	Limit    float64          `json:"limit"` // 0: none
	LimitTag string           `json:"tag"`
	At       map[string]place `json:"at"` // by point; those without the quantile are absent
	Absent   int              `json:"absent"`
}

type tick struct {
	At   float64 `json:"at"`
	Text string  `json:"t"`
}

// place is where a marker and its error bars are.
type place struct {
	X    float64 `json:"x"`
	Y    float64 `json:"y"`
	Bars string  `json:"b"` // path
}

// draw computes one drawing.
func (c *chart) draw(r *Report, m *Model, points []*Point, q pareto.Quantile, log bool) drawing {
	limit := map[pareto.Quantile]float64{pareto.P95: r.Run.Limit.P95, pareto.P99: r.Run.Limit.P99}[q]
	var xs, ys []float64
	for _, p := range points {
		if l := p.Latency.Get(q); l != nil {
			xs = append(xs, p.Throughput.Low, p.Throughput.Value, p.Throughput.High)
			ys = append(ys, l.Low, l.Value, l.High)
		}
	}
	if limit > 0 && limit < 3*slices.Max(ys) {
		ys = append(ys, limit)
	} else {
		limit = 0
	}
	x, y := newScale(xs, plotLeft, plotRight, log), newScale(ys, plotBottom, plotTop, log)
	d := drawing{
		XTicks: x.ticks(), YTicks: y.ticks(), XLabel: throughputTitle(m), YLabel: string(q) + " latency, ms",
		Lines: make([]string, len(c.Series)), At: map[string]place{},
	}
	if limit > 0 {
		d.Limit, d.LimitTag = y.at(limit), fmt.Sprintf("limit %s ≤ %s ms", q, plainNumber(limit))
	}
	for i, p := range points {
		l := p.Latency.Get(q)
		if l == nil {
			d.Absent++
			continue
		}
		at := place{X: x.at(p.Throughput.Value), Y: y.at(l.Value)}
		at.Bars = bars(at, x, y, *p.Throughput, *l)
		d.At[p.ID] = at
		d.Lines[c.Points[i].Series] = extend(d.Lines[c.Points[i].Series], at.X, at.Y)
	}
	d.Frontier = staircase(m.Frontiers[q], d.At)
	d.Arrow = arrow(m, d.At)
	return d
}

func throughputTitle(m *Model) string {
	for _, p := range tableRows(m) {
		if p.Load.BatchSize > 1 {
			return "throughput, items a second"
		}
	}
	return "throughput, requests a second"
}

func bars(at place, x, y scale, throughput, latency results.Estimate) string {
	return fmt.Sprintf("M%s %sH%sM%s %sV%s",
		px(x.at(throughput.Low)), px(at.Y), px(x.at(throughput.High)),
		px(at.X), px(y.at(latency.Low)), px(y.at(latency.High)))
}

func extend(path string, x, y float64) string {
	letter := "L"
	if path == "" {
		letter = "M"
	}
	return path + letter + px(x) + " " + px(y)
}

// staircase is the border of what the frontier's points reach.
func staircase(ids []string, at map[string]place) string {
	path := ""
	for _, id := range ids {
		p, ok := at[id]
		switch {
		case !ok:
		case path == "":
			path = "M" + px(p.X) + " " + px(p.Y)
		default:
			path += "V" + px(p.Y) + "H" + px(p.X)
		}
	}
	return path
}

// arrow leads from the control to the recommended point of the same load, and
// ends short of the markers.
func arrow(m *Model, at map[string]place) string {
	from, ok1 := at[m.Recommendation.Control]
	to, ok2 := at[m.Recommendation.Point]
	if m.Recommendation.Action != pareto.Change || !ok1 || !ok2 {
		return ""
	}
	dx, dy := to.X-from.X, to.Y-from.Y
	length := math.Hypot(dx, dy)
	const short = 13
	if length < 3*short {
		return ""
	}
	ux, uy := dx/length*short, dy/length*short
	return fmt.Sprintf("M%s %sL%s %s", px(from.X+ux), px(from.Y+uy), px(to.X-ux), px(to.Y-uy))
}

// px prints a position to a tenth of a unit.
func px(v float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
}
