package report

import (
	"fmt"
	"math"
	"slices"
	"time"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
	"tritonsweep/results/stats"
	"tritonsweep/sweep"
)

// Finals returns the trials that measure the best points of a run afresh, from
// what its planned rounds measured: the settings that may be the best, at most as
// many as the plan says, under the loads under which they may be, and the
// untouched config beside them. There are none where the machine is too noisy for
// a recommendation, and where nothing can be better than what is. precision and
// duration are those of a planned point.
func Finals(run results.Run, records []results.Record, precision float64, duration time.Duration) []sweep.Trial {
	if run.Plan.Finals == nil {
		return nil
	}
	measured, _ := partInert(records)
	planned := recordsByModel(run, slices.DeleteFunc(measured, func(r results.Record) bool { return r.Final }))
	var finalists []sweep.Finalist
	for _, model := range run.Plan.Models() {
		finalists = append(finalists, finalistsOf(run, model, planned[model])...)
	}
	return run.Plan.FinalTrials(finalists, precision, duration)
}

func finalistsOf(run results.Run, model string, records []results.Record) []sweep.Finalist {
	a := newAnalysis(run, model, new(footnotes))
	a.analyze(records)
	groups, candidates := a.candidates(a.points)
	if a.model.Noise.TooNoisy && !run.Force || len(a.base) == 0 {
		return nil
	}
	control := candidatesOf(a.base)
	a.opts.Comparisons = usableCount(candidates)
	chosen := pareto.Finalists(candidates, control, a.run.Limit, a.opts,
		func(i int) string { return groups[i].point.Settings.Key() }, run.Plan.Finals.Settings)
	var loads []sweep.Load
	for _, i := range chosen {
		loads = append(loads, groups[i].point.Load)
	}
	// The load at which the current settings are best within the limit counts too:
	// whoever wins must win against them.
	if p := a.fastestWithin(); p != nil && a.run.Limit != (results.Limit{}) {
		loads = append(loads, p.Load)
	}
	slices.SortFunc(loads, compareLoads)
	loads = slices.Compact(loads)
	var finalists []sweep.Finalist
	for _, i := range chosen {
		s := groups[i].point.Settings
		known := func(f sweep.Finalist) bool { return f.Settings.Equal(s) }
		if !slices.ContainsFunc(finalists, known) {
			finalists = append(finalists, sweep.Finalist{Model: model, Settings: s, Loads: loads, Control: len(a.control) > 0})
		}
	}
	return finalists
}

func candidatesOf(groups []*group) []pareto.Candidate {
	var candidates []pareto.Candidate
	for _, g := range groups {
		candidates = append(candidates, g.candidate())
	}
	return candidates
}

// haveFinals tells whether a finalist and the untouched config were measured afresh.
func (a *analysis) haveFinals() bool {
	usable := func(g *group) bool { return len(g.used) > 0 }
	return slices.ContainsFunc(a.fresh, usable) && slices.ContainsFunc(a.freshBase, usable)
}

// chosen is the recommended point with the figures that the advice tells: those
// measured afresh, where there are such. It is nil where nothing is recommended.
func (m *Model) chosen() *Point {
	points := m.pointsByID()
	if p := points[m.Recommendation.Final]; p != nil {
		return p
	}
	return points[m.Recommendation.Point]
}

// planned returns the point of the plan that a point of the finals measured
// afresh, or the point itself.
func (a *analysis) planned(p Point) Point {
	if !p.Final {
		return p
	}
	for _, g := range a.all() {
		if g.point.Settings.Key() == p.Settings.Key() && g.point.Control == p.Control && g.point.Load == p.Load {
			return g.point
		}
	}
	return p
}

// nearBest is how much worse than the best the choice may be to be as good.
const nearBest = 0.02

// near is the probability that a point, the recommended one or the control that
// is kept, is within 2 % of the best of all that was tried under its load: of the
// finalists by their fresh figures, of the others by those they had. What misses
// the limit is not among the best. The figure is throughput; under an open loop,
// where that is given, the latency of the objective. Nil where it is not known.
func (a *analysis) near(v verdict, p Point) *float64 {
	base := slices.IndexFunc(v.control, func(c pareto.Candidate) bool { return c.Load == p.Load.String() })
	if base < 0 {
		return nil
	}
	var ratios []stats.Ratio
	fresh := map[string]bool{}
	chosen := -1
	add := func(g *group, c, against pareto.Candidate) {
		standing, _ := c.Stand(a.run.Limit, a.opts)
		if g.point.Load != p.Load || c.Excluded != "" || c.Errors > 0 || standing == pareto.Missed {
			return
		}
		if g.point.ID == p.ID {
			chosen = len(ratios)
		}
		fresh[g.point.Settings.Key()] = true
		ratios = append(ratios, a.benefit(pareto.Compare(c, against, a.model.Objective, a.opts), p.Load))
	}
	for i, g := range v.groups {
		add(g, v.candidates[i], v.control[base])
	}
	others, theirs := a.candidates(a.points)
	if b := a.baseOf(p); b != nil && p.Final {
		for i, g := range others {
			if !fresh[g.point.Settings.Key()] {
				add(g, theirs[i], b.candidate())
			}
		}
	}
	if len(ratios) == 0 {
		return nil
	}
	probability := stats.GoodProbability(ratios, chosen, nearBest, a.run.Plan.Seed)
	return &probability
}

// benefit is the ratio that is larger for the better.
func (a *analysis) benefit(e pareto.Effect, load sweep.Load) stats.Ratio {
	if !load.Open() {
		return e.Throughput
	}
	r := e.Latency
	if r.Value > 0 && r.Low > 0 {
		r.Value, r.Low, r.High = 1/r.Value, 1/r.High, 1/r.Low
	}
	return r
}

// nearText says how sure the choice is.
func nearText(r Recommendation) string {
	if r.Near == nil || r.Action == pareto.None {
		return ""
	}
	who := "these settings are"
	if r.Action == pareto.Keep {
		who = "the current settings are"
	}
	share := fmt.Sprintf("%.0f%%", math.Floor(100**r.Near))
	switch {
	case *r.Near > 0.99:
		share = "more than 99%"
	case *r.Near < 0.01:
		share = "less than 1%"
	}
	return fmt.Sprintf("The probability that %s within 2%% of the best that was tried under this load is %s.", who, share)
}

// forced warns of advice from a machine that is too noisy for it.
func (a *analysis) forced() []string {
	if !a.model.Noise.TooNoisy {
		return nil
	}
	return []string{"This machine is too noisy: the current settings differed from themselves by " +
		percent(a.model.Noise.SelfDifference) + ". The advice was forced."}
}
