package report

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
	"tritonsweep/results/stats"
)

// Analyze makes the report of a run from its records, which may come in any
// order. It is a pure function: the same records make the same report.
func Analyze(run results.Run, records []results.Record) *Report {
	records = slices.SortedStableFunc(slices.Values(records), func(a, b results.Record) int {
		return cmp.Compare(a.Sequence, b.Sequence)
	})
	records, skipped := partInert(records)
	r := &Report{Schema: SchemaVersion, Run: head(run, records), Models: []Model{}, Footnotes: []Footnote{}}
	r.Run.Planned -= len(skipped)
	var notes footnotes
	byModel := map[string][]results.Record{}
	if r.Interference = interferenceOf(run, records); r.Interference == nil {
		byModel = recordsByModel(run, records)
	}
	for _, name := range slices.Sorted(maps.Keys(byModel)) {
		r.Models = append(r.Models, newAnalysis(run, name, &notes).analyze(byModel[name]))
	}
	notes.noteRun(r, records)
	notes.noteSkipped(slices.Concat(run.Plan.Skipped, skipped))
	r.Footnotes = append(r.Footnotes, notes.list...)
	return r
}

// recordsByModel sorts the records; a model without one is part of the report.
func recordsByModel(run results.Run, records []results.Record) map[string][]results.Record {
	byModel := map[string][]results.Record{}
	for _, model := range run.Plan.Models() {
		byModel[model] = nil
	}
	for _, rec := range records {
		byModel[rec.Model] = append(byModel[rec.Model], rec)
	}
	return byModel
}

func head(run results.Run, records []results.Record) Head {
	finals := 0
	for _, rec := range records {
		if rec.Final {
			finals++
		}
	}
	h := Head{
		ID: run.ID, Sweep: run.Plan.Sweep, Start: run.Start, End: run.End,
		Outcome: run.Outcome, ExitCode: run.ExitCode, Command: run.Command,
		Seed: run.Plan.Seed, Rounds: run.Plan.Rounds, Planned: run.Plan.Points(), Records: len(records) - finals, Finals: finals,
		Limit: run.Limit, Loop: loopOf(run.Plan),
	}
	end := run.Start
	for _, rec := range records {
		if t := rec.Start.Add(time.Duration(rec.Duration * float64(time.Second))); t.After(end) {
			end = t
		}
	}
	if run.End != nil {
		end = *run.End
	}
	h.Duration = end.Sub(run.Start).Seconds()
	h.Environment = environment(records)
	return h
}

// environment is that of the first record with figures: a refused trial knows
// less about its server.
func environment(records []results.Record) results.Environment {
	for _, rec := range records {
		if rec.Verdict.Usable() {
			return rec.Environment
		}
	}
	if len(records) > 0 {
		return records[0].Environment
	}
	return results.Environment{}
}

// analysis is the work on one model.
type analysis struct {
	gpuLimit int64 // bytes; 0 is none
	run      results.Run
	notes    *footnotes
	model    Model
	points   []*group
	control  []*group // the untouched config, measured as a control
	finals   []*group // measured afresh: the best, and the untouched config
	// base are the groups that the others are compared with: the controls, or
	// the points of a sweep that has the untouched config among its settings.
	base []*group
	opts pareto.Options
	// fresh are the finalists, freshBase the untouched config beside them.
	fresh, freshBase []*group
}

func newAnalysis(run results.Run, model string, notes *footnotes) *analysis {
	a := &analysis{run: run, notes: notes, model: Model{Name: model}, gpuLimit: run.Limit.GPUMemory}
	a.run.Limit.GPUMemory = 0 // what is left limits latency
	return a
}

func (a *analysis) analyze(records []results.Record) Model {
	a.points, a.control, a.finals = groupRecords(records)
	a.base = a.control
	for _, g := range a.points {
		if g.point.Settings.IsZero() {
			a.base = append(a.base[:len(a.base):len(a.base)], g)
		}
	}
	for _, g := range a.finals {
		if g.point.Settings.IsZero() {
			a.freshBase = append(a.freshBase, g)
		} else {
			a.fresh = append(a.fresh, g)
		}
	}
	a.join()
	a.compare(a.points, a.base)
	a.compare(a.fresh, a.freshBase)
	a.frontiers()
	a.curves()
	a.model.InstanceMemory = instanceMemory(records)
	a.model.Instances = a.instanceScaling()
	a.model.Pipeline = pipelineOf(records)
	a.goal()
	a.model.Capacity = a.capacity(records)
	a.model.Recommendation = a.recommend()
	a.model.Points, a.model.Control = values(a.points), values(a.control)
	if len(a.finals) > 0 {
		a.model.Finals = values(a.finals)
	}
	return a.model
}

func values(groups []*group) []Point {
	points := make([]Point, 0, len(groups))
	for _, g := range groups {
		points = append(points, g.point)
	}
	return points
}

// all are the groups of the plan, without the finals.
func (a *analysis) all() []*group { return slices.Concat(a.points, a.control) }

// join combines the rounds, with the noise that the rounds themselves show.
func (a *analysis) join() {
	groups := slices.Concat(a.points, a.control, a.finals)
	for _, g := range groups {
		g.figures()
		g.times(a.run.Start)
	}
	a.model.Objective = a.objective()
	a.noise()
	a.current()
	for _, g := range groups {
		g.join(a.opts)
		g.point.Current = g.point.Settings.IsZero() || a.isCurrent(g.point)
		a.notes.notePoint(a.model.Name, g)
		if g.point.Rounds > 0 {
			g.point.Limit, _ = g.candidate().Stand(a.run.Limit, a.opts)
		}
	}
	a.notes.noteMissing(a.model.Name, groups)
}

// objective is the quantile of the limit; without one p95, or the largest one
// that all points support.
func (a *analysis) objective() pareto.Quantile {
	switch {
	case a.run.Objective != "":
		return pareto.Quantile(a.run.Objective)
	case a.run.Limit.P99 > 0:
		return pareto.P99
	case a.run.Limit.P95 > 0:
		return pareto.P95
	}
	for _, q := range []pareto.Quantile{pareto.P95, pareto.P90} {
		if !slices.ContainsFunc(a.all(), func(g *group) bool {
			_, pooled := g.pooled[q]
			return len(g.used) > 0 && len(g.latency[q]) == 0 && !pooled
		}) {
			return q
		}
	}
	return pareto.P50
}

// current learns the tuned values of the untouched config.
func (a *analysis) current() {
	for _, g := range a.base {
		if s := g.shown().Active; !s.IsZero() {
			a.model.Current = s
			return
		}
	}
}

// isCurrent reports whether a point ran with the values of the untouched config.
func (a *analysis) isCurrent(p Point) bool {
	if a.model.Current.IsZero() {
		return false
	}
	active := p.Active
	if active.IsZero() {
		active = a.model.Current.Overlay(p.Settings)
	}
	return active.Equal(a.model.Current)
}

// candidates returns those of the points that stand for a change.
func (a *analysis) candidates(points []*group) (groups []*group, candidates []pareto.Candidate) {
	for _, g := range points {
		if !g.point.Settings.IsZero() {
			c := g.candidate()
			if why := a.tooLarge(g.point); why != "" && c.Excluded == "" {
				c.Excluded = why
			}
			groups, candidates = append(groups, g), append(candidates, c)
		}
	}
	return groups, candidates
}

// usableCount is how many comparisons significance has to allow for.
func usableCount(candidates []pareto.Candidate) int {
	n := 0
	for _, c := range candidates {
		if c.Excluded == "" {
			n++
		}
	}
	return n
}

// compare gives every usable point its effect against the base of its load.
func (a *analysis) compare(points, base []*group) {
	groups, candidates := a.candidates(points)
	comparisons := usableCount(candidates)
	for i, g := range groups {
		if b := baseOf(base, g.point); b != nil && len(g.used) > 0 {
			g.point.Effect = a.effect(candidates[i], b, comparisons)
		}
	}
}

func (a *analysis) baseOf(p Point) *group { return baseOf(a.base, p) }

// baseOf returns the usable one of base that a point is compared with, or nil.
func baseOf(base []*group, p Point) *group {
	for _, g := range base {
		if g.point.Load == p.Load && len(g.used) > 0 {
			return g
		}
	}
	return nil
}

func (a *analysis) effect(c pareto.Candidate, base *group, comparisons int) *Effect {
	control := base.candidate()
	both := pareto.Compare(c, control, a.model.Objective, a.opts)
	e := &Effect{
		Control: base.point.ID, Verdict: NoDifference,
		Throughput: ratio(both.Throughput), Latency: map[pareto.Quantile]*results.Estimate{},
	}
	for _, q := range quantiles {
		if r := ratio(c.LatencyRatio(control, q, a.opts)); r != nil {
			e.Latency[q] = r
		}
	}
	switch better, worse := both.Directions(a.opts, comparisons); {
	case better > 0 && worse > 0:
		e.Verdict = Mixed
	case better > 0:
		e.Verdict = Better
	case worse > 0:
		e.Verdict = Worse
	}
	return e
}

func ratio(r stats.Ratio) *results.Estimate { return pareto.Estimate(r.Interval) }
