package pareto

import (
	"cmp"
	"slices"

	"tritonsweep/results"
)

// Finalists returns the indices of the candidates to be measured afresh: those
// that could be the best, the likeliest first, of so many settings at most. The
// candidate that Recommend would choose is among them; one that misses the limit,
// that is worse than the control of its load, or that can be told from the best
// without allowing for any other comparison, is not.
//
// settings names what candidates have in common: one settings value counts once,
// whatever the loads.
func Finalists(candidates, control []Candidate, limit results.Limit, opts Options, settings func(int) string, most int) []int {
	r, pool := newRecommender(candidates, control, limit, opts)
	r.recommend(pool)
	chosen := r.result.Chosen
	pool = slices.DeleteFunc(pool, r.hopeless)
	if len(pool) == 0 {
		return nil
	}
	score := r.promise(pool)
	slices.SortStableFunc(pool, func(a, b int) int {
		return cmp.Or(cmp.Compare(bit(b == chosen), bit(a == chosen)), cmp.Compare(score(b), score(a)), tieBreak(candidates[a], candidates[b]))
	})
	best := slices.MaxFunc(pool, func(a, b int) int { return cmp.Compare(score(a), score(b)) })
	var finalists []int
	var taken []string
	for _, i := range pool {
		known := slices.Contains(taken, settings(i))
		if i != chosen && i != best && (r.behind(i, best, score) || !known && len(taken) == most) {
			continue
		}
		if !known {
			taken = append(taken, settings(i))
		}
		finalists = append(finalists, i)
	}
	return finalists
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// hopeless tells that a candidate misses the limit or is worse than its control.
func (r *recommender) hopeless(i int) bool {
	if standing, _ := r.candidates[i].Stand(r.limit, r.opts); standing == Missed || standing == Unknown {
		return true
	}
	base := r.controlOf(r.candidates[i].Load)
	if base < 0 {
		return false
	}
	return r.worse(r.candidates[i], r.control[base])
}

// worse tells that a can be told from b, to its disadvantage. Under a limit only
// throughput counts.
func (r *recommender) worse(a, b Candidate) bool {
	effect := Compare(a, b, r.objective, r.opts)
	if r.limit != (results.Limit{}) {
		return effect.Throughput.High < 1 && effect.Throughput.Value > 0
	}
	better, worse := effect.Directions(r.opts, 1)
	return worse > 0 && better == 0
}

// promise returns what candidates are ordered by: under a limit the throughput,
// else the ground gained on the controls.
func (r *recommender) promise(pool []int) func(int) float64 {
	if r.limit != (results.Limit{}) {
		return func(i int) float64 { return r.place[i].Throughput }
	}
	gain, _ := r.gains(pool)
	return func(i int) float64 { return gain[i] }
}

// behind tells that candidate i cannot be the best: that it can be told from best
// under the same load, or gains clearly less under another one.
func (r *recommender) behind(i, best int, score func(int) float64) bool {
	a, b := r.candidates[i], r.candidates[best]
	if a.Load == b.Load || r.limit != (results.Limit{}) {
		return r.worse(a, b)
	}
	return score(i) < score(best)*(1-3*Floor(r.opts.Throughput))
}
