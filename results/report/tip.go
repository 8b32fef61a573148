package report

import (
	"fmt"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
)

// pointTip lists all that is known about a point.
func pointTip(m *Model, p *Point) tip {
	t := tip{Title: clean(label(*p)), Sub: loadText(p.Load)}
	add := func(name, value string) {
		if value != "" {
			t.Rows = append(t.Rows, [2]string{name, clean(value)})
		}
	}
	if p.Throughput != nil {
		add("throughput", rate(*p.Throughput)+" "+interval(*p.Throughput))
	}
	for _, q := range quantiles {
		if e := p.Latency.Get(q); e != nil {
			add(string(q), millis(*e)+" "+interval(*e))
		} else if more := p.Missing[q]; more > 0 {
			add(string(q), fmt.Sprintf("n/a, needs ~%s more requests", count(more)))
		}
	}
	if p.Latency.Max > 0 {
		add("max", number(p.Latency.Max)+" ms")
	}
	if e := p.Effect; e != nil {
		add("vs now", effectWords(m, *e))
	}
	if s := p.Server; s != nil {
		add("average batch", number(s.AverageBatch))
		add("queue · in · infer · out", fmt.Sprintf("%s · %s · %s · %s ms",
			number(s.Queue), number(s.ComputeInput), number(s.ComputeInfer), number(s.ComputeOutput)))
	}
	add("container memory", memoryCell(p))
	add("GPU", gpuCell(m, p))
	add("errors", errorText(p.Errors))
	add("requests", fmt.Sprintf("%s in %s", count(p.Requests), plural(p.Rounds, "round")))
	add("verdict", verdictWords(m, p))
	add("not considered", p.NotRecommended)
	if p.Probability != nil && *p.Probability > 0 && *p.Probability < 1 {
		add("on the frontier", fmt.Sprintf("with probability %.2f", *p.Probability))
	}
	return t
}

func memoryCell(p *Point) string {
	if p.ContainerMemory == nil {
		return ""
	}
	return bytesText(float64(*p.ContainerMemory))
}

// effectWords is the change with its interval, or that there is none.
func effectWords(m *Model, e Effect) string {
	if e.Throughput == nil {
		return ""
	}
	text := changeInterval(*e.Throughput)
	if l := e.Latency[m.Objective]; l != nil {
		text += fmt.Sprintf(", %s %s", m.Objective, change(l.Value))
	}
	return text + ": " + string(e.Verdict)
}

func verdictWords(m *Model, p *Point) string {
	text := verdictCell(m, p)
	if p.Verdict == results.OK {
		return join("ok", text)
	}
	return text
}

// where lists what the time of a request consists of, in milliseconds: what
// the server reports, and the rest of what the client saw.
func where(p *Point) []slice {
	if p == nil || p.Server == nil || p.Latency.Mean == nil {
		return nil
	}
	s := p.Server
	parts := []slice{
		{"queue", s.Queue}, {"input", s.ComputeInput}, {"inference", s.ComputeInfer}, {"output", s.ComputeOutput},
	}
	rest := p.Latency.Mean.Value
	for _, part := range parts {
		rest -= part.Millis
	}
	name := "network and client"
	if len(p.Stages) > 0 {
		name = "the rest of the pipeline"
	}
	return append(parts, slice{name, max(0, rest)})
}

// slice is a part of a request's time.
type slice struct {
	Name   string
	Millis float64
}

// subjects returns the points that the page speaks of first: the current
// settings, and what to change to. Of an advice that is neither to change nor
// to keep it is the closest point alone, if there is one. Those that were measured
// afresh are shown with those figures.
func subjects(m *Model) (now, then *Point) {
	points := m.pointsByID()
	now, then = points[m.Recommendation.Control], m.chosen()
	if fresh := points[m.Recommendation.FinalControl]; fresh != nil {
		now = fresh
	}
	switch {
	case m.Recommendation.Action == pareto.Keep:
		then = nil
	case m.Recommendation.Action == pareto.None && then != nil:
		now = nil
	}
	return now, then
}

// tile is one figure of the headline: now, and with the recommended settings.
type tile struct {
	Name          string
	Before, After string // Before is empty where nothing changes
	Unit          string
	Change        string
	Interval      string // of the change, or of the figure itself
	Class         string // "good", "bad" or "same"
	Bars          *dumbbell
}

// dumbbell places two figures and their intervals on one line of 0..100.
type dumbbell struct {
	Before, BeforeLow, BeforeHigh float64
	After, AfterLow, AfterHigh    float64
}

func tiles(m *Model) []tile {
	now, then := subjects(m)
	shown := then
	if shown == nil {
		shown = now
	}
	if shown == nil || shown.Throughput == nil {
		return nil
	}
	var list []tile
	for _, q := range []pareto.Quantile{"", pareto.P50, pareto.P95, pareto.P99} {
		if figure(shown, q) == nil {
			continue
		}
		t := newTile(q, now, then)
		if now != nil && then != nil && then.Effect != nil {
			t.setChange(then.Effect, q)
		}
		list = append(list, t)
	}
	return list
}

// figure returns a quantile, or the throughput for none.
func figure(p *Point, q pareto.Quantile) *results.Estimate {
	if q == "" {
		return p.Throughput
	}
	return p.Latency.Get(q)
}

func newTile(q pareto.Quantile, now, then *Point) tile {
	t := tile{Name: "Latency " + string(q), Unit: "ms", Class: "same"}
	if q == "" {
		t.Name, t.Unit = "Throughput", "/s"
	}
	shown := then
	if shown == nil {
		shown = now
	}
	after := figure(shown, q)
	t.After, t.Interval = number(after.Value), interval(*after)
	if then == nil || now == nil || figure(now, q) == nil {
		return t
	}
	before := figure(now, q)
	t.Before, t.Bars = number(before.Value), newDumbbell(*before, *after)
	return t
}

// setChange fills in the ratio to the control.
func (t *tile) setChange(e *Effect, q pareto.Quantile) {
	ratio, up := e.Throughput, true
	if q != "" {
		ratio, up = e.Latency[q], false
	}
	if ratio == nil || t.Before == "" {
		return
	}
	t.Change = change(ratio.Value)
	t.Interval = fmt.Sprintf("[%s, %s]", change(ratio.Low), change(ratio.High))
	switch {
	case ratio.Low <= 1 && ratio.High >= 1:
	case (ratio.Value > 1) == up:
		t.Class = "good"
	default:
		t.Class = "bad"
	}
}

func newDumbbell(before, after results.Estimate) *dumbbell {
	high := max(before.High, after.High) * 1.02
	at := func(v float64) float64 { return round1(100 * max(0, v) / high) }
	return &dumbbell{
		Before: at(before.Value), BeforeLow: at(before.Low), BeforeHigh: at(before.High),
		After: at(after.Value), AfterLow: at(after.Low), AfterHigh: at(after.High),
	}
}
