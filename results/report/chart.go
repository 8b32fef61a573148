package report

import (
	"fmt"
	"slices"
	"strconv"

	"tritonsweep/results/pareto"
	"tritonsweep/sweep"
)

// The plot lies in a box of these units, which a browser scales to its width.
const (
	chartWidth, chartHeight              = 900.0, 470.0
	plotLeft, plotRight                  = 62.0, 876.0
	plotTop, plotBottom                  = 18.0, 418.0
	seriesColors, fewColors, markerKinds = 12, 6, 8
)

// chart is the throughput-latency chart of a model: for each quantile and each
// kind of axes one drawing of the same points. The page shows one of them; the
// script exchanges them, so that every position is computed here.
type chart struct {
	Series   []chartSeries
	Points   []chartPoint
	Drawings map[string]drawing
	First    string // the drawing to begin with, for example "p95 linear"
	Axes     []pareto.Quantile
	Log      bool // the first drawing has logarithmic axes
}

// chartSeries is one settings value.
type chartSeries struct {
	Label   string
	Control bool
	Chosen  bool
	Color   int // of the style sheet
	Marker  int
}

// chartPoint is one marker.
type chartPoint struct {
	ID     string
	Series int
	Load   string // short label
	Named  bool   // the label is shown
	Chosen bool
	Tip    tip
}

// tip is what the page tells about a point when it is pointed at.
type tip struct {
	Title string      `json:"title"`
	Sub   string      `json:"sub"`
	Rows  [][2]string `json:"rows"`
}

func newChart(r *Report, m *Model) *chart {
	c := &chart{Drawings: map[string]drawing{}}
	var shown []*Point
	index := map[string]int{}
	chosen := m.pointsByID()[m.Recommendation.Point]
	order := seriesOrder(m)
	names := newLoadNames(order)
	for _, p := range order {
		if p.Throughput == nil {
			continue
		}
		key := fmt.Sprint(p.Control, p.Settings.Key())
		if _, ok := index[key]; !ok {
			index[key] = len(c.Series)
			c.Series = append(c.Series, chartSeries{
				Label: label(*p), Control: p.Control || p.Settings.IsZero(),
				Chosen: m.Recommendation.Action == pareto.Change && chosen.Settings.Key() == p.Settings.Key() && !p.Control,
			})
		}
		s := c.Series[index[key]]
		c.Points = append(c.Points, chartPoint{
			ID: p.ID, Series: index[key], Load: names.short(p.Load), Named: s.Control || s.Chosen,
			Chosen: s.Chosen && p.ID == m.Recommendation.Point, Tip: pointTip(m, p),
		})
		shown = append(shown, p)
	}
	c.paint()
	for _, q := range []pareto.Quantile{pareto.P50, pareto.P95, pareto.P99} {
		if !slices.ContainsFunc(shown, func(p *Point) bool { return p.Latency.Get(q) != nil }) {
			continue
		}
		c.Axes = append(c.Axes, q)
		for _, log := range []bool{false, true} {
			c.Drawings[drawingName(q, log)] = c.draw(r, m, shown, q, log)
		}
	}
	if len(c.Axes) == 0 {
		return nil
	}
	first := m.Objective
	if !slices.Contains(c.Axes, first) {
		first = c.Axes[0]
	}
	c.Log = wideRange(shown, first)
	c.First = drawingName(first, c.Log)
	return c
}

// paint gives each series its colour and marker; the untouched config keeps
// the neutral ones.
func (c *chart) paint() {
	n := 0
	for _, s := range c.Series {
		if !s.Control {
			n++
		}
	}
	i := 0
	for k := range c.Series {
		s := &c.Series[k]
		if s.Control {
			continue
		}
		s.Marker = i % markerKinds
		switch {
		case n <= fewColors:
			s.Color = seriesColors + i // the few that differ most
		case n <= seriesColors:
			s.Color = i * (seriesColors - 1) / (n - 1)
		default:
			s.Color = i % seriesColors
		}
		i++
	}
}

func drawingName(q pareto.Quantile, log bool) string {
	if log {
		return string(q) + " log"
	}
	return string(q) + " linear"
}

// seriesOrder returns the points by settings, then load, the control first.
func seriesOrder(m *Model) []*Point {
	rows := tableRows(m)
	slices.SortStableFunc(rows, func(a, b *Point) int {
		if a.Control != b.Control {
			return compareBool(!a.Control, !b.Control)
		}
		return compareSettings(a.Settings, b.Settings)
	})
	return rows
}

// wideRange reports whether linear axes would crowd most points in a corner.
func wideRange(points []*Point, q pareto.Quantile) bool {
	low, high := 0.0, 0.0
	for _, p := range points {
		if l := p.Latency.Get(q); l != nil {
			if low == 0 || l.Value < low {
				low = l.Value
			}
			high = max(high, l.Value)
		}
	}
	return high > 20*low
}

// loadNames shortens loads to the parts that vary in a model.
type loadNames struct{ offered, batch bool }

func newLoadNames(points []*Point) loadNames {
	var n loadNames
	for _, p := range points {
		n.offered = n.offered || p.Load.Offered() != points[0].Load.Offered()
		n.batch = n.batch || p.Load.BatchSize != points[0].Load.BatchSize
	}
	return n
}

// short is for a label in the chart.
func (n loadNames) short(l sweep.Load) string {
	switch {
	case n.offered && n.batch:
		return fmt.Sprintf("%s×%d", amount(l), l.BatchSize)
	case n.batch:
		return fmt.Sprintf("b%d", l.BatchSize)
	}
	return amount(l)
}

// amount is how much a load offers: callers, or requests a second.
func amount(l sweep.Load) string {
	if l.Open() {
		return sweep.RateText(l.Rate) + "/s"
	}
	return strconv.Itoa(l.Concurrency)
}

// row is for a row of the table.
func (n loadNames) row(l sweep.Load) string {
	if n.batch || l.BatchSize > 1 {
		return l.String()
	}
	return l.Offered()
}
