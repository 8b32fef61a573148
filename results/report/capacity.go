package report

import (
	"fmt"
	"slices"
	"strings"

	"tritonsweep/results"
	"tritonsweep/results/capacity"
	"tritonsweep/results/pareto"
	"tritonsweep/sweep/search"
)

// Capacity is the highest arrival rate at which a model meets the limit, as far
// as a search knows it.
type Capacity struct {
	search.Bracket
	// Start is the rate that was tried first, requests a second; 0 when the
	// search did not begin.
	Start float64 `json:"start_per_s"`
	// Rates are those that were tried, ascending.
	Rates []CapacityRate `json:"rates"`
}

// CapacityRate is an arrival rate and how it stands to the limit.
type CapacityRate struct {
	// Point is the identifier of the point that holds its figures.
	Point string  `json:"point"`
	Rate  float64 `json:"rate_per_s"`
	// Standing is "passes", "fails", "undecided" or "unmeasured".
	Standing search.Standing `json:"standing" jsonschema:"enum=passes,enum=fails,enum=undecided,enum=unmeasured"`
	// Looks is how often it was measured.
	Looks int `json:"looks"`
	// Confirmed tells that it was measured anew as an end of the bracket, and
	// that its standing is by those figures alone.
	Confirmed bool `json:"confirmed,omitempty"`
}

// rate returns the one of a point; nil for others.
func (c *Capacity) rate(point string) *CapacityRate {
	if c == nil {
		return nil
	}
	i := slices.IndexFunc(c.Rates, func(r CapacityRate) bool { return r.Point == point })
	if i < 0 {
		return nil
	}
	return &c.Rates[i]
}

func (r *CapacityRate) standing() string {
	if r.Confirmed {
		return string(r.Standing) + " twice"
	}
	return string(r.Standing)
}

// capacity replays the search from the records.
func (a *analysis) capacity(records []results.Record) *Capacity {
	if a.run.Plan.Search == nil {
		return nil
	}
	c := &Capacity{Rates: []CapacityRate{}}
	s, err := capacity.Replay(a.run, records)
	if err != nil {
		return c // it never began
	}
	c.Bracket = s.Bracket()
	c.Start = s.Start()
	for _, t := range s.Tried() {
		rate := CapacityRate{Rate: t.Rate, Standing: t.Standing, Looks: t.Looks, Confirmed: t.Confirmed}
		for _, g := range a.points {
			if g.point.Load.Rate == t.Rate {
				rate.Point = g.point.ID
			}
		}
		c.Rates = append(c.Rates, rate)
	}
	return c
}

// capacityFound puts the bracket into words.
func (a *analysis) capacityFound() Recommendation {
	c := a.model.Capacity
	limit := limitText(a.run.Limit)
	r := Recommendation{
		Action: pareto.None, Limit: pareto.Unlimited,
		Reason: "the rates were told apart by the intervals of their figures, and both ends of the bracket were measured anew",
	}
	if c.Low > 0 {
		r.Point = a.pointAt(c.Low)
	}
	switch {
	case c.Start == 0:
		r.Headline, r.Reason = "The capacity was not searched for.", "the closed loop that says where to begin could not be measured"
	case c.Low == 0 && len(c.Rates) > 0 && c.Bounded:
		r.Limit = pareto.Missed
		r.Headline = fmt.Sprintf("No rate that was tried meets %s.", limit)
		r.Detail = fmt.Sprintf("The lowest was %s/s, %s.", rateText(c.High), a.failure(c.High))
		r.Reason = "every rate failed or stayed undecided"
	case c.Low == 0:
		r.Limit = pareto.Unknown
		r.Headline, r.Reason = "The capacity is not known.", "no rate could be decided"
	case !c.Bounded:
		r.Limit = pareto.Met
		r.Headline = fmt.Sprintf("At least %s requests a second, with %s.", rateText(c.Low), limit)
		r.Detail = "No rate was found that fails."
		r.Reason = "the search came to the end of its span"
		if c.High > 0 {
			r.Detail = fmt.Sprintf("%s/s could not be measured (%s).", rateText(c.High), a.trouble(c.High))
			r.Reason = "the client or the machine was the limit before the server was"
		}
	default:
		r.Limit = pareto.Met
		r.Headline = fmt.Sprintf("%s requests a second, with %s.", rateText(c.Low), limit)
		r.Detail = fmt.Sprintf("%s/s passes, %s; %s/s fails, %s.", rateText(c.Low), a.success(c.Low), rateText(c.High), a.failure(c.High))
		if c.Confirmed {
			r.Detail += " The capacity lies between the two with 95% confidence."
		} else {
			r.Reason = "the rates were told apart by the intervals of their figures; the search ended before the ends were measured anew"
		}
		if !c.Narrow {
			r.Cautions = append(r.Cautions, fmt.Sprintf("the bracket is %s wide: rates between its ends stayed undecided (hint: a longer --duration)", percent(c.High/c.Low-1)))
		}
	}
	if c.SlowBelow {
		r.Cautions = append(r.Cautions, "a lower rate fails: under light load requests wait for a batch to fill (hint: a shorter queue delay)")
	}
	return r
}

// rateText writes a rate of requests.
func rateText(rate float64) string {
	if rate >= 1000 {
		return number(rate)
	}
	return plainNumber(rate)
}

func (a *analysis) at(rate float64) *group {
	i := slices.IndexFunc(a.points, func(g *group) bool { return g.point.Load.Rate == rate })
	if i < 0 {
		return nil
	}
	return a.points[i]
}

func (a *analysis) pointAt(rate float64) string {
	if g := a.at(rate); g != nil {
		return g.point.ID
	}
	return ""
}

// success and failure give the figure that decides.
func (a *analysis) success(rate float64) string { return a.deciding(rate, "") }

func (a *analysis) failure(rate float64) string {
	return a.deciding(rate, "with more requests arriving than were answered")
}

func (a *analysis) deciding(rate float64, overload string) string {
	g := a.at(rate)
	if g == nil {
		return "without figures"
	}
	for _, r := range g.records {
		if r.Client.Arrivals != nil && r.Client.Arrivals.Overloaded && overload != "" {
			return overload
		}
	}
	q := a.model.Objective
	if e := g.point.Latency.Get(q); e != nil && (a.run.Limit.P99 > 0 || a.run.Limit.P95 > 0) {
		return fmt.Sprintf("with %s %s %s", q, millis(*e), interval(*e))
	}
	if n := errorCount(g.point); n > 0 {
		return fmt.Sprintf("with %s of %s requests failed", count(n), count(n+g.point.Requests))
	}
	return "without errors"
}

// trouble names the rules of validity that a rate could not keep.
func (a *analysis) trouble(rate float64) string {
	g := a.at(rate)
	var rules []string
	if g != nil && len(g.records) > 0 {
		for _, c := range g.records[len(g.records)-1].Checks {
			if !c.Passed {
				rules = append(rules, c.Name)
			}
		}
	}
	if len(rules) == 0 {
		return "no answers"
	}
	return strings.Join(rules, ", ")
}
