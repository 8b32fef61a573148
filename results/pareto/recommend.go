package pareto

import (
	"cmp"
	"math"
	"slices"

	"tritonsweep/results"
	"tritonsweep/results/stats"
)

// Action is what a recommendation says.
type Action string

// The actions.
const (
	Change Action = "change" // to the settings of the chosen candidate
	Keep   Action = "keep"   // the current settings
	None   Action = "none"   // the measurement does not answer the question
)

// Recommendation is the advice that follows from a sweep.
type Recommendation struct {
	Action Action
	Reason string // half a sentence, for people
	// Chosen is the index of the candidate to change to, -1 for none.
	Chosen int
	// Control is the index of the control that the advice speaks of: the one
	// of the chosen candidate's load, or the best one where it is kept. -1 for none.
	Control int
	// Closest is the index of the candidate that came closest to a limit which
	// none meets, -1 otherwise.
	Closest int
	// Objective is the latency that counted.
	Objective Quantile
	// Standing is how the chosen candidate, or the control that is kept,
	// stands to the limit; that of Closest where nothing meets it.
	Standing Standing
	// Effect compares the chosen candidate with Control.
	Effect Effect
	// Rejected says of each candidate, by its index, why it was not
	// considered at all.
	Rejected map[int]string
	// Comparisons is how many candidates the significance allowed for.
	Comparisons int
}

// Recommend gives advice on changing from the settings of control, the
// untouched config, to those of one of the candidates.
//
// With a limit it looks for the highest throughput whose latency stays below:
// the upper end of the interval must. Without one it looks for the candidate
// that adds most to the ground that the control covers: the hypervolume over
// throughput and the logarithm of latency, up to twice the control's worst
// latency, so that every halving of latency weighs the same.
//
// A candidate is taken only if it is significantly better than the control of
// the same load, and under a limit than every control that meets it. Where none
// is, the advice is to keep the current settings. Of those that are, none is
// taken that another one dominates, instances counting as a third cost.
func Recommend(candidates, control []Candidate, limit results.Limit, opts Options) Recommendation {
	r, pool := newRecommender(candidates, control, limit, opts)
	r.recommend(pool)
	return r.result
}

type recommender struct {
	candidates, control []Candidate
	limit               results.Limit
	opts                Options
	objective           Quantile
	result              Recommendation

	// place and base are where the candidates and the controls lie; usable
	// holds the indices of the controls that can be compared with.
	place, base []Point
	usable      []int
}

// newRecommender returns also the indices of the candidates that may be taken, in
// an order that does not depend on how they came.
func newRecommender(candidates, control []Candidate, limit results.Limit, opts Options) (r *recommender, pool []int) {
	r = &recommender{
		candidates: candidates, control: control, limit: limit, opts: opts,
		objective: objective(limit, opts),
	}
	r.result = Recommendation{
		Chosen: -1, Control: -1, Closest: -1, Objective: r.objective, Rejected: map[int]string{},
	}
	for i, c := range r.candidates {
		p, why := c.place(r.objective, r.opts)
		r.place = append(r.place, p)
		if why == "" {
			pool = append(pool, i)
		} else {
			r.result.Rejected[i] = why
		}
	}
	for i, c := range r.control {
		p, why := c.place(r.objective, r.opts)
		r.base = append(r.base, p)
		if why == "" {
			r.usable = append(r.usable, i)
		}
	}
	slices.SortFunc(pool, func(a, b int) int { return tieBreak(r.candidates[a], r.candidates[b]) })
	slices.SortFunc(r.usable, func(a, b int) int { return tieBreak(r.control[a], r.control[b]) })
	return r, pool
}

// recommend chooses from the pool.
func (r *recommender) recommend(pool []int) {
	r.result.Comparisons = cmp.Or(r.opts.Comparisons, len(pool))
	if r.limit == (results.Limit{}) {
		r.result.Standing = Unlimited
		r.withoutLimit(pool)
	} else {
		r.underLimit(pool)
	}
	if c := r.result.Chosen; c >= 0 {
		r.result.Control = r.controlOf(r.candidates[c].Load)
		if r.result.Control >= 0 {
			r.result.Effect = Compare(r.candidates[c], r.control[r.result.Control], r.objective, r.opts)
		}
	}
}

// controlOf returns the usable control of a load, or -1.
func (r *recommender) controlOf(load string) int {
	for _, i := range r.usable {
		if r.control[i].Load == load {
			return i
		}
	}
	return -1
}

// beatsControl reports whether candidate i is better than the control of its
// load. Under a limit a worse latency is no matter as long as the limit holds.
func (r *recommender) beatsControl(i int) bool {
	base := r.controlOf(r.candidates[i].Load)
	if base < 0 {
		return len(r.usable) == 0 // nothing at all to compare with
	}
	effect := Compare(r.candidates[i], r.control[base], r.objective, r.opts)
	if effect.Better(r.opts, r.result.Comparisons) {
		return true
	}
	return r.limit != (results.Limit{}) && r.faster(effect.Throughput)
}

// faster reports whether ratio, of throughputs, is a real gain.
func (r *recommender) faster(ratio stats.Ratio) bool {
	return ratio.Value > 1 && significant(ratio, r.result.Comparisons, r.opts.floor(r.opts.Throughput, ratio))
}

// keep advises to keep the settings, pointing at one control.
func (r *recommender) keep(control int, reason string) {
	r.result.Action, r.result.Control, r.result.Reason = Keep, control, reason
	if control >= 0 {
		r.result.Standing, _ = r.control[control].Stand(r.limit, r.opts)
	}
}

// prefer orders candidates that are equally good: fewer instances, then the
// higher score, then the name.
func (r *recommender) prefer(score func(int) float64) func(a, b int) int {
	return func(a, b int) int {
		return cmp.Or(
			cmp.Compare(r.candidates[a].Instances, r.candidates[b].Instances),
			cmp.Compare(score(b), score(a)),
			cmp.Compare(r.place[a].Latency, r.place[b].Latency),
			tieBreak(r.candidates[a], r.candidates[b]),
		)
	}
}

const noDifference = "no significant difference: keep the current settings"

func logPoint(p Point) Point { return Point{p.Throughput, math.Log(p.Latency)} }
