package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
)

// recommend turns the advice of results/pareto into words. Where finals were
// measured they decide, with their figures alone: the rounds before them chose
// who takes part.
func (a *analysis) recommend() Recommendation {
	if a.model.Capacity != nil {
		return a.capacityFound()
	}
	v := a.advise(a.points, a.base)
	if len(v.candidates) == 0 {
		return a.loadsOnly()
	}
	if a.model.Noise.TooNoisy && !a.run.Force {
		return a.refusal()
	}
	if a.haveFinals() {
		if fresh := a.advise(a.fresh, a.freshBase); fresh.Action != pareto.None || v.Action != pareto.None {
			v = fresh
		}
	}
	return a.inWords(v)
}

// verdict is what results/pareto says about some points.
type verdict struct {
	pareto.Recommendation
	groups              []*group // that stand for a change
	candidates, control []pareto.Candidate
	base                []*group
}

// advise asks results/pareto about points, beside the untouched config.
func (a *analysis) advise(points, base []*group) verdict {
	v := verdict{base: base, control: candidatesOf(base)}
	v.groups, v.candidates = a.candidates(points)
	opts := a.opts
	opts.Comparisons = usableCount(v.candidates)
	v.Recommendation = pareto.Recommend(v.candidates, v.control, a.run.Limit, opts)
	for i, why := range v.Rejected {
		v.groups[i].point.NotRecommended = why
	}
	return v
}

// inWords says what the advice is.
func (a *analysis) inWords(advice verdict) Recommendation {
	r := Recommendation{
		Action: advice.Action, Reason: advice.Reason, Limit: advice.Standing, Comparisons: advice.Comparisons,
	}
	var now *Point
	if advice.Control >= 0 {
		now = &advice.base[advice.Control].point
		r.Control = a.planned(*now).ID
		if now.Final {
			r.FinalControl = now.ID
		}
	}
	switch advice.Action {
	case pareto.Change:
		p := advice.groups[advice.Chosen].point
		r.Point, r.Settings = a.planned(p).ID, &p.Settings
		if p.Final {
			r.Final = p.ID
		}
		r.Headline = order(p.Settings) + "."
		r.Detail = a.gain(p, now) + a.currentWithin()
		r.Reason = a.why() + advice.Reason
		r.Near = a.near(advice, p)
		r.Cautions = a.cautions(p)
		r.Patch, r.Apply, r.Cautions = a.change(p.Settings, r.Cautions)
	case pareto.Keep:
		r.Headline = "Keep the current settings."
		r.Detail = a.kept(now, advice.groups)
		if now != nil {
			r.Near = a.near(advice, *now)
		}
		r.Reason += a.unconsidered()
		r.Cautions = append(a.forced(), a.cheaper()...)
	default:
		r.Headline = "No recommendation."
		if advice.Closest >= 0 {
			p := advice.groups[advice.Closest].point
			r.Point = a.planned(p).ID
			r.Headline = fmt.Sprintf("Nothing that was measured meets %s.", limitText(a.run.Limit))
			r.Detail = fmt.Sprintf("The closest was %s at %s, with %s and %s %s.", describe(p.Settings), loadText(p.Load),
				rate(*p.Throughput), a.model.Objective, millis(*p.Latency.Get(a.model.Objective)))
		}
	}
	return r
}

// unconsidered names the point that looks best among those that could not be
// judged: the advice to keep what there is must not hide it.
func (a *analysis) unconsidered() string {
	var best *Point
	for _, g := range a.points {
		p := &g.point
		if p.NotRecommended == "" || p.Current || len(p.Errors) > 0 || p.Effect == nil || p.Effect.Throughput == nil || p.Effect.Verdict != Better {
			continue
		}
		if best == nil || p.Effect.Throughput.Value > best.Effect.Throughput.Value {
			best = p
		}
	}
	if best == nil {
		return ""
	}
	return fmt.Sprintf("; %s at %s looks better (%s), but was not considered: %s",
		describe(best.Settings), loadText(best.Load), a.effectText(*best.Effect), best.NotRecommended)
}

// currentWithin says how far the current settings get within the limit.
func (a *analysis) currentWithin() string {
	if a.run.Limit == (results.Limit{}) || len(a.base) == 0 {
		return ""
	}
	fastest := a.fastestWithin()
	if fastest == nil {
		return fmt.Sprintf(" The current settings meet %s for certain under no measured load.", limitText(a.run.Limit))
	}
	return fmt.Sprintf(" Within %s the current settings reach %s, at %s.",
		limitText(a.run.Limit), rate(*fastest.Throughput), loadText(fastest.Load))
}

// why says what made the chosen point the first among those that are better.
func (a *analysis) why() string {
	if l := limitText(a.run.Limit); l != "" {
		return fmt.Sprintf("the highest throughput within %s, ", l)
	}
	return fmt.Sprintf("the largest gain in throughput and %s taken together, ", a.model.Objective)
}

// gain says in figures what a change brings.
func (a *analysis) gain(p Point, base *Point) string {
	q := a.model.Objective
	if base == nil || p.Effect == nil {
		return fmt.Sprintf("At %s: %s, %s %s.", loadText(p.Load), rate(*p.Throughput), q, millis(*p.Latency.Get(q)))
	}
	parts := []string{fmt.Sprintf("%s instead of %s (%s)",
		rate(*p.Throughput), rate(*base.Throughput), changeInterval(*p.Effect.Throughput))}
	if e := p.Effect.Latency[q]; e != nil {
		parts = append(parts, fmt.Sprintf("%s %s instead of %s (%s)",
			q, millis(*p.Latency.Get(q)), millis(*base.Latency.Get(q)), changeInterval(*e)))
	}
	return fmt.Sprintf("At %s: %s.", loadText(p.Load), strings.Join(parts, ", "))
}

// kept says where the current settings stand.
func (a *analysis) kept(base *Point, groups []*group) string {
	if base == nil {
		return ""
	}
	q := a.model.Objective
	best := " Nothing had a higher throughput."
	if e := gainer(groups); e != nil && e.Effect.Throughput.Value > 1 {
		best = fmt.Sprintf(" The largest difference in throughput was %s, with %s at %s.",
			changeInterval(*e.Effect.Throughput), describe(e.Settings), loadText(e.Load))
	}
	return fmt.Sprintf("At %s they reach %s with %s %s.%s",
		loadText(base.Load), rate(*base.Throughput), q, millis(*base.Latency.Get(q)), best)
}

// gainer returns the usable point with the largest gain in throughput.
func gainer(groups []*group) *Point {
	var best *Point
	for _, g := range groups {
		p := &g.point
		if p.Effect == nil || p.Effect.Throughput == nil || p.Current || len(p.Errors) > 0 {
			continue
		}
		if best == nil || p.Effect.Throughput.Value > best.Effect.Throughput.Value {
			best = p
		}
	}
	return best
}

// cautions tells of other loads under which the settings are worse, and of
// what else a reader should know before following the advice.
func (a *analysis) cautions(chosen Point) []string {
	cautions := a.forced()
	for _, g := range a.points {
		p := g.point
		if p.Settings.Key() != chosen.Settings.Key() || p.Load == chosen.Load || p.Effect == nil {
			continue
		}
		if p.Effect.Verdict == Worse || p.Effect.Verdict == Mixed {
			cautions = append(cautions, fmt.Sprintf("At %s they are worse than the current ones: %s.",
				loadText(p.Load), a.effectText(*p.Effect)))
		}
	}
	if len(a.base) == 0 {
		cautions = append(cautions, "The current settings were not measured, so nothing is known about the gain.")
	}
	if a.run.Plan.Finals != nil && !chosen.Final {
		cautions = append(cautions, "Not measured afresh: these figures are those that it was chosen by, which flatters it.")
	}
	if chosen.Rounds == 1 {
		cautions = append(cautions, "Measured in one round only: two starts of one config may differ as much. Repeat with --rounds 3.")
	}
	return cautions
}

func (a *analysis) effectText(e Effect) string {
	var parts []string
	if e.Throughput != nil {
		parts = append(parts, "throughput "+changeInterval(*e.Throughput))
	}
	if l := e.Latency[a.model.Objective]; l != nil {
		parts = append(parts, fmt.Sprintf("%s %s", a.model.Objective, changeInterval(*l)))
	}
	return strings.Join(parts, ", ")
}

// cheaper names settings with fewer instances that were nowhere worse: they
// are no faster, but what they free may be welcome.
func (a *analysis) cheaper() []string {
	now := a.model.Current.InstanceCount
	if now == nil {
		return nil
	}
	verdicts := map[int][]EffectVerdict{}
	for _, g := range a.points {
		if g.point.Settings.IsZero() {
			continue
		}
		if n := g.point.Active.InstanceCount; n != nil && *n < *now && g.point.Effect != nil {
			verdicts[*n] = append(verdicts[*n], g.point.Effect.Verdict)
		} else if n != nil && g.point.Effect == nil {
			verdicts[*n] = append(verdicts[*n], Worse) // not known to be as good
		}
	}
	for _, n := range sortedKeys(verdicts) {
		if n < *now && !slices.Contains(verdicts[n], Worse) && !slices.Contains(verdicts[n], Mixed) {
			return []string{fmt.Sprintf("%s did as well as the %d of now within the noise, and would free memory.",
				plural(n, "instance"), *now)}
		}
	}
	return nil
}

// loadsOnly is the advice of a sweep that tried no other settings.
func (a *analysis) loadsOnly() Recommendation {
	r := Recommendation{Action: pareto.None, Limit: pareto.Unlimited, Reason: "only the load was varied, not the settings"}
	if len(a.all()) == 0 {
		r.Headline, r.Reason = "Nothing was measured.", "the run ended before its first point: "+a.run.Outcome
		return r
	}
	if a.model.Goal != nil {
		return a.goalAdvice(r)
	}
	if fastest := a.fastestWithin(); a.run.Limit != (results.Limit{}) {
		r.Headline = fmt.Sprintf("No measured load stays within %s.", limitText(a.run.Limit))
		r.Limit = pareto.Missed
		if fastest != nil {
			r.Headline = fmt.Sprintf("Up to %s within %s.", rate(*fastest.Throughput), limitText(a.run.Limit))
			r.Detail = fmt.Sprintf("That is at %s, with %s %s.", loadText(fastest.Load),
				a.model.Objective, millis(*fastest.Latency.Get(a.model.Objective)))
			r.Control, r.Limit = fastest.ID, fastest.Limit
		}
		return r
	}
	r.Headline = "No settings were compared."
	if c := a.fastestCurve(); c != nil {
		r.Headline, r.Detail = saturationText(*c, a.byID())
		r.Control = cmp.Or(c.Saturation, c.Points[len(c.Points)-1])
	}
	return r
}

// fastestCurve returns the curve that reaches the highest throughput, or nil.
func (a *analysis) fastestCurve() *Curve {
	points := a.byID()
	var fastest *Curve
	highest := 0.0
	for i, c := range a.model.Curves {
		for _, id := range c.Points {
			if v := points[id].Throughput.Value; v > highest {
				fastest, highest = &a.model.Curves[i], v
			}
		}
	}
	return fastest
}

// fastestWithin returns the fastest point that meets the limit, or nil.
func (a *analysis) fastestWithin() *Point {
	var fastest *Point
	for _, g := range a.base {
		p := &g.point
		if p.Throughput == nil || len(p.Errors) > 0 || a.run.Limit != (results.Limit{}) && p.Limit != pareto.Met {
			continue
		}
		if fastest == nil || p.Throughput.Value > fastest.Throughput.Value {
			fastest = p
		}
	}
	return fastest
}

func (a *analysis) byID() map[string]*Point {
	byID := map[string]*Point{}
	for _, g := range a.all() {
		byID[g.point.ID] = &g.point
	}
	return byID
}

// saturationText says where a curve stops rising.
func saturationText(c Curve, points map[string]*Point) (headline, detail string) {
	word := map[string]string{"concurrency": "concurrency", "batch_size": "client batch"}[c.Axis]
	last := points[c.Points[len(c.Points)-1]]
	if c.Saturation == "" {
		x, _ := split(last.Load, c.Axis)
		return fmt.Sprintf("Throughput still rises at %s %d.", word, x),
			fmt.Sprintf("It reaches %s there; the saturation point lies beyond.", rate(*last.Throughput))
	}
	p := points[c.Saturation]
	x, _ := split(p.Load, c.Axis)
	highest := 0.0
	for _, id := range c.Points {
		highest = max(highest, points[id].Throughput.Value)
	}
	headline = fmt.Sprintf("Throughput saturates at %s %d, with %s.", word, x, rate(*p.Throughput))
	detail = fmt.Sprintf("That is %s of the highest; more load adds latency and little else.",
		percent(p.Throughput.Value/highest))
	return headline, detail
}

func limitText(l results.Limit) string {
	var parts []string
	if l.P95 > 0 {
		parts = append(parts, "p95 ≤ "+plainNumber(l.P95)+" ms")
	}
	if l.P99 > 0 {
		parts = append(parts, "p99 ≤ "+plainNumber(l.P99)+" ms")
	}
	if l.ErrorRate > 0 {
		parts = append(parts, "errors ≤ "+plainNumber(100*l.ErrorRate)+" %")
	}
	return enumerate(parts)
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	var keys []K
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
