package pareto

import (
	"fmt"
	"math"
	"slices"
)

// underLimit looks for the highest throughput within the limit.
func (r *recommender) underLimit(pool []int) {
	var within []int
	stands := map[int]Standing{}
	for _, i := range pool {
		standing, why := r.candidates[i].Stand(r.limit, r.opts)
		if standing == Met {
			within = append(within, i)
			continue
		}
		r.result.Rejected[i], stands[i] = why, standing
		if c := r.result.Closest; c < 0 || rank(standing) < rank(stands[c]) ||
			standing == stands[c] && r.place[i].Latency < r.place[c].Latency {
			r.result.Closest = i
		}
	}
	best := r.bestControlWithin()
	better := r.undominated(slices.DeleteFunc(slices.Clone(within), func(i int) bool {
		return !r.beatsControl(i) || best >= 0 && !r.outruns(i, best)
	}))
	switch {
	case len(better) > 0:
		r.change(r.fewestInstances(better))
		r.result.Standing = Met
	case best >= 0:
		r.keep(best, noDifference)
	case len(within) > 0:
		r.keep(r.bestControl(), noDifference)
	case r.result.Closest >= 0:
		r.result.Action, r.result.Control = None, r.bestControl()
		r.result.Standing = stands[r.result.Closest]
		r.result.Reason = "nothing that was measured meets the limit; the closest: "
		if r.result.Standing == Barely {
			r.result.Reason = "nothing that was measured meets the limit for certain; the closest: "
		}
		r.result.Reason += r.result.Rejected[r.result.Closest]
	default:
		r.result.Action, r.result.Control = None, r.bestControl()
		r.result.Reason = "no point can be used"
	}
}

// outruns reports whether candidate i has a higher throughput than a control,
// whatever the loads of the two are.
func (r *recommender) outruns(i, control int) bool {
	return r.faster(Compare(r.candidates[i], r.control[control], r.objective, r.opts).Throughput)
}

// bestControlWithin returns the fastest control that meets the limit by its
// point estimate, or -1. The control gets the benefit of the doubt: to change
// a config because its interval touches the limit would be to act on noise.
func (r *recommender) bestControlWithin() int {
	best := -1
	for _, i := range r.usable {
		standing, _ := r.control[i].Stand(r.limit, r.opts)
		if standing != Met && standing != Barely {
			continue
		}
		if best < 0 || r.base[i].Throughput > r.base[best].Throughput {
			best = i
		}
	}
	return best
}

// bestControl returns the control that covers most ground alone, or -1.
func (r *recommender) bestControl() int {
	best, most := -1, math.Inf(-1)
	ref := r.reference(nil)
	for _, i := range r.usable {
		if area := Hypervolume([]Point{logPoint(r.base[i])}, ref); area > most {
			best, most = i, area
		}
	}
	return best
}

// fewestInstances takes the candidate with the highest throughput, or one with
// fewer instances that the measurement cannot tell from it.
func (r *recommender) fewestInstances(indices []int) int {
	score := func(i int) float64 { return r.place[i].Throughput }
	best := slices.MaxFunc(indices, func(a, b int) int {
		return r.compareOutcome(a, b, score)
	})
	tied := slices.DeleteFunc(slices.Clone(indices), func(i int) bool {
		ratio := r.candidates[i].Throughput.RatioTo(r.candidates[best].Throughput, r.opts.Throughput)
		return ratio.Value < 1 && significant(ratio, 1, r.opts.floor(r.opts.Throughput, ratio))
	})
	tied = slices.DeleteFunc(tied, func(i int) bool {
		return r.candidates[i].Instances >= r.candidates[best].Instances && i != best
	})
	return slices.MinFunc(tied, r.prefer(score))
}

// compareOutcome orders by score, then by lower latency, then by name.
func (r *recommender) compareOutcome(a, b int, score func(int) float64) int {
	switch {
	case score(a) != score(b):
		return sign(score(a) - score(b))
	case r.place[a].Latency != r.place[b].Latency:
		return sign(r.place[b].Latency - r.place[a].Latency)
	}
	return tieBreak(r.candidates[b], r.candidates[a])
}

func sign(x float64) int {
	if x < 0 {
		return -1
	}
	return 1
}

// withoutLimit looks for the candidate that adds most to the control's ground.
func (r *recommender) withoutLimit(pool []int) {
	gain, covered := r.gains(pool)
	better := r.undominated(slices.DeleteFunc(slices.Clone(pool), func(i int) bool {
		return gain[i] <= 0 || !r.beatsControl(i)
	}))
	switch {
	case len(better) > 0:
		r.change(r.mostGain(better, gain, covered))
	case len(r.usable) > 0:
		r.keep(r.bestControl(), noDifference)
	default:
		r.result.Action = None
		r.result.Reason = "no point can be used"
	}
}

// gains returns what each candidate adds to the ground that the controls cover.
func (r *recommender) gains(pool []int) (gain map[int]float64, covered float64) {
	ref := r.reference(pool)
	var ground []Point
	for _, i := range r.usable {
		ground = append(ground, logPoint(r.base[i]))
	}
	covered = Hypervolume(ground, ref)
	gain = map[int]float64{}
	for _, i := range pool {
		gain[i] = Hypervolume(append(ground[:len(ground):len(ground)], logPoint(r.place[i])), ref) - covered
	}
	return gain, covered
}

// reference bounds the hypervolume: no throughput, and twice the worst latency
// of the controls, or of the candidates where there is no control.
func (r *recommender) reference(pool []int) Point {
	worst := 0.0
	for _, i := range r.usable {
		worst = max(worst, r.base[i].Latency)
	}
	if len(r.usable) == 0 {
		for _, i := range pool {
			worst = max(worst, r.place[i].Latency)
		}
	}
	return Point{0, math.Log(2 * worst)}
}

// undominated leaves out every candidate that another one matches in
// throughput, latency and instances and beats in one of them.
func (r *recommender) undominated(indices []int) []int {
	return slices.DeleteFunc(slices.Clone(indices), func(i int) bool {
		p := r.place[i]
		return slices.ContainsFunc(indices, func(j int) bool {
			q := r.place[j]
			fewer := r.candidates[i].Instances - r.candidates[j].Instances
			return fewer >= 0 && q.Dominates(p) || fewer > 0 && q == p
		})
	})
}

// mostGain takes the candidate with the largest gain, or one with fewer
// instances whose gain differs by less than the noise of the whole.
func (r *recommender) mostGain(indices []int, gain map[int]float64, covered float64) int {
	score := func(i int) float64 { return gain[i] }
	best := slices.MaxFunc(indices, func(a, b int) int { return r.compareOutcome(a, b, score) })
	near := Floor(r.opts.Throughput) * (covered + gain[best])
	tied := slices.DeleteFunc(slices.Clone(indices), func(i int) bool {
		return i != best && (gain[best]-gain[i] > near ||
			r.candidates[i].Instances >= r.candidates[best].Instances)
	})
	return slices.MinFunc(tied, r.prefer(score))
}

func (r *recommender) change(chosen int) {
	r.result.Action, r.result.Chosen = Change, chosen
	switch {
	case len(r.usable) == 0:
		r.result.Reason = "the best that was measured; the current settings could not be compared"
	case r.result.Comparisons > 1:
		r.result.Reason = fmt.Sprintf(
			"significantly better than the current settings, allowing for %d comparisons", r.result.Comparisons)
	default:
		r.result.Reason = "significantly better than the current settings"
	}
}
