package report

import (
	"fmt"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
)

// Goal is a throughput to reach.
type Goal struct {
	// Wanted is in requests a second.
	Wanted float64 `json:"wanted_per_s"`
	// Standing tells whether the fastest point without an error, within the
	// limit if there is one, reached it.
	Standing pareto.Standing `json:"standing" jsonschema:"enum=met,enum=met by the point estimate,enum=unknown,enum=missed"`
	// Point is the identifier of that point; absent if there is none.
	Point string `json:"point,omitempty"`
}

// pipelineOf is the address of the API that took the load.
func pipelineOf(records []results.Record) string {
	for _, rec := range records {
		if rec.Environment.Pipeline != "" {
			return rec.Environment.Pipeline
		}
	}
	return ""
}

// goal judges the points by the throughput that was wanted.
func (a *analysis) goal() {
	wanted, there := a.run.Goals[a.model.Name]
	if !there {
		return
	}
	g := &Goal{Wanted: wanted, Standing: pareto.Unknown}
	a.model.Goal = g
	fastest := a.fastestWithin()
	if fastest == nil {
		for _, group := range a.base {
			if len(group.used) > 0 { // measured, and nothing of it counts
				g.Standing = pareto.Missed
			}
		}
		return
	}
	g.Point = fastest.ID
	switch t := fastest.Throughput; {
	case t.Low >= wanted:
		g.Standing = pareto.Met
	case t.Value >= wanted:
		g.Standing = pareto.Barely
	case t.High < wanted:
		g.Standing = pareto.Missed
	}
}

// goalAdvice is the advice of a run that wanted a throughput and varied only the
// load.
func (a *analysis) goalAdvice(r Recommendation) Recommendation {
	g := a.model.Goal
	goal := "The goal of " + rate(results.Estimate{Value: g.Wanted})
	if l := limitText(a.run.Limit); l != "" {
		goal += " within " + l
	}
	fastest := a.byID()[g.Point]
	if fastest == nil {
		r.Headline = goal + " is missed: no measured load counts."
		if g.Standing == pareto.Unknown {
			r.Headline = goal + ": nothing is known, no load could be measured."
		}
		return r
	}
	r.Control, r.Limit = fastest.ID, fastest.Limit
	reached := fmt.Sprintf("%s %s at %s", rate(*fastest.Throughput), interval(*fastest.Throughput), loadText(fastest.Load))
	r.Headline = map[pareto.Standing]string{
		pareto.Met:     goal + " is met: " + reached + ".",
		pareto.Barely:  goal + " is met by the point estimate, but not for certain: " + reached + ".",
		pareto.Unknown: goal + " may be missed: " + reached + ".",
		pareto.Missed:  goal + " is missed: at most " + reached + ".",
	}[g.Standing]
	if c := a.fastestCurve(); c != nil {
		headline, detail := saturationText(*c, a.byID())
		r.Detail = headline + " " + detail
	}
	return r
}
