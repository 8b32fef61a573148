package report

import (
	"cmp"
	"slices"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
	"tritonsweep/results/scaling"
	"tritonsweep/results/stats"
	"tritonsweep/sweep"
)

// frontiers marks the points that nothing beats, for each quantile.
func (a *analysis) frontiers() {
	a.model.Frontiers = map[pareto.Quantile][]string{}
	a.model.Choices = []Choice{}
	for _, q := range quantiles {
		groups, points := a.placed(q)
		ids := []string{}
		for _, i := range pareto.Frontier(points) {
			ids = append(ids, groups[i].point.ID)
		}
		a.model.Frontiers[q] = ids
		if q != a.model.Objective {
			continue
		}
		for _, i := range pareto.Frontier(points) {
			groups[i].point.OnFrontier = true
		}
		a.membership(groups)
		a.choices(groups, points)
	}
}

// placed returns the groups that have a place on the plane of q: usable and
// without errors. Current values that were swept too are left to the control.
func (a *analysis) placed(q pareto.Quantile) (groups []*group, points []pareto.Point) {
	for _, g := range a.all() {
		p := g.point
		l := p.Latency.Get(q)
		if p.Throughput == nil || l == nil || len(p.Errors) > 0 {
			continue
		}
		groups = append(groups, g)
		points = append(points, pareto.Point{Throughput: p.Throughput.Value, Latency: l.Value})
	}
	return groups, points
}

func (a *analysis) membership(groups []*group) {
	var uncertain []pareto.Uncertain
	for _, g := range groups {
		uncertain = append(uncertain, pareto.Uncertain{
			Throughput: stats.Interval(*g.point.Throughput),
			Latency:    stats.Interval(*g.point.Latency.Get(a.model.Objective)),
		})
	}
	for i, probability := range pareto.Membership(uncertain, a.run.Plan.Seed) {
		groups[i].point.Probability = &probability
	}
}

// choices says what each limit buys. A point counts from the limit on that the
// upper end of its interval meets. Points that differ by less than the noise
// from a better one are left out, and where nothing sets a point apart from the
// control of its load, the control stands for it.
func (a *analysis) choices(groups []*group, points []pareto.Point) {
	upper := slices.Clone(points)
	for i, g := range groups {
		upper[i].Latency = g.point.Latency.Get(a.model.Objective).High
	}
	eps := max(0.02, 2*a.opts.Throughput.SD)
	for _, i := range pareto.Thin(upper, eps) {
		p := &groups[i].point
		if base := a.baseOf(*p); base != nil && p.Effect != nil && p.Effect.Verdict == NoDifference {
			p = &base.point
		}
		if l := p.Latency.Get(a.model.Objective); l != nil {
			a.model.Choices = append(a.model.Choices, Choice{Limit: l.High, Point: p.ID})
		}
	}
}

// saturationShare of the highest throughput is what counts as all of it.
const saturationShare = 0.95

// curves follows every settings value along each axis of load with at least
// three values.
func (a *analysis) curves() {
	a.model.Curves = []Curve{}
	for _, axis := range []string{"concurrency", "batch_size"} {
		type key struct {
			settings string
			control  bool
			fixed    int
		}
		curves := map[key][]*group{}
		var order []key
		for _, g := range a.all() {
			p := g.point
			if p.Throughput == nil || len(p.Errors) > 0 || p.Load.Open() {
				continue // an open loop's throughput is what was offered, it saturates nowhere
			}
			_, fixed := split(p.Load, axis)
			k := key{p.Settings.Key(), p.Control, fixed}
			if curves[k] == nil {
				order = append(order, k)
			}
			curves[k] = append(curves[k], g)
		}
		for _, k := range order {
			if len(curves[k]) >= 3 {
				a.model.Curves = append(a.model.Curves, a.curve(curves[k], axis))
			}
		}
	}
}

// split returns the part of a load that rises along an axis, and the other one.
func split(l sweep.Load, axis string) (rises, fixed int) {
	if axis == "concurrency" {
		return l.Concurrency, l.BatchSize
	}
	return l.BatchSize, l.Concurrency
}

func (a *analysis) curve(groups []*group, axis string) Curve {
	slices.SortFunc(groups, func(a, b *group) int {
		x, _ := split(a.point.Load, axis)
		y, _ := split(b.point.Load, axis)
		return cmp.Compare(x, y)
	})
	first := groups[0].point
	c := Curve{Settings: first.Settings, Control: first.Control, Axis: axis}
	_, fixed := split(first.Load, axis)
	if axis == "concurrency" {
		c.Fixed = "client batch " + count(int64(fixed))
	} else {
		c.Fixed = "concurrency " + count(int64(fixed))
	}
	var load, throughput []float64
	var estimates []results.Estimate
	for _, g := range groups {
		estimates = append(estimates, *g.point.Throughput)
		x, _ := split(g.point.Load, axis)
		load, throughput = append(load, float64(x)), append(throughput, g.point.Throughput.Value)
		c.Points = append(c.Points, g.point.ID)
	}
	if i, ok := pareto.Saturation(throughput, saturationShare); ok {
		c.Saturation = c.Points[i]
		c.SaturationLoad = scaling.Saturation(load, estimates, saturationShare, a.run.Plan.Seed)
		if gpu := groups[i].point.GPU; gpu != nil {
			c.Utilization = gpu.Utilization
		}
	}
	if i, ok := pareto.Knee(load, throughput); ok {
		c.Knee = c.Points[i]
		c.KneeLoad = scaling.Knee(load, estimates, a.run.Plan.Seed)
	}
	return c
}

// pointsByID indexes the points, controls and finals of a model.
func (m *Model) pointsByID() map[string]*Point {
	byID := map[string]*Point{}
	for _, list := range [][]Point{m.Points, m.Control, m.Finals} {
		for i := range list {
			byID[list[i].ID] = &list[i]
		}
	}
	return byID
}
