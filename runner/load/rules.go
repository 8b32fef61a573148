package load

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"tritonsweep/results"
	"tritonsweep/results/stats"
)

// little checks N = X (R + Z): Little, "A proof for the queuing formula L = lambda W"
// (1961). Z is the time that callers paused on purpose; failed calls occupy
// their callers too. A violation means lost requests or callers that hang. In an
// open loop N is the integral of the requests that were sent and not answered,
// and R counts from the sending.
func (o *outcome) little(r *Result) results.Check {
	n, what := float64(r.Load.Concurrency), fmt.Sprintf("callers of %d", r.Load.Concurrency)
	window := r.Duration
	busy := r.Histogram.Sum() + float64(o.window.errorTime+o.window.pauses)
	// A request that spans an end of the window counts in full or not at all.
	edge := float64(o.run.latency) / float64(window)
	if r.Flow != nil {
		busy -= float64(o.window.flow.late)
		n, what = r.Flow.Underway, fmt.Sprintf("requests under way of %.2f", r.Flow.Underway)
		if area := float64(o.window.flow.area); area > 0 {
			edge = float64(o.window.flow.before+o.window.flow.after) * (busy / float64(max(r.Requests, 1))) / area
		}
	}
	seen := busy / float64(window)
	allowed := mostLittle + edge
	off := 0.0
	if n > 0 {
		off = math.Abs(n-seen) / n
	}
	return results.Check{
		Name: "little", Passed: off <= allowed,
		Detail: fmt.Sprintf("X*(R+Z) = %.2f %s, %.1f %% off, at most %.1f %%", seen, what, 100*off, 100*allowed),
	}
}

func (o *outcome) errors(r *Result) results.Check {
	failed := r.Failures()
	all := failed + r.Requests
	share := 0.0
	if all > 0 {
		share = float64(failed) / float64(all)
	}
	c := results.Check{
		Name: "errors", Passed: all > 0 && share <= mostErrors,
		Detail: fmt.Sprintf("%d of %d requests failed", failed, all),
	}
	c.Suspect = c.Passed && share > someErrors
	if failed > 0 {
		var by []string
		for code, n := range r.Errors {
			by = append(by, fmt.Sprintf("%s %d", code, n))
		}
		slices.Sort(by)
		c.Detail += ": " + strings.Join(by, ", ")
	}
	return c
}

// answers reports what the decoded samples of the answers showed, and where every
// output has a fixed size whether all of them, decoded or not, have the same.
func (o *outcome) answers() results.Check {
	c := results.Check{Name: "answers", Passed: true, Detail: o.run.request.checked()}
	seen := o.run.recorder
	fixed := o.run.request.opaque == nil && o.run.request.Answer() > 0 && o.run.spec.Regions == nil && !encodingOf(o.run.transport).compressed
	switch {
	case seen.wrong != nil:
		c.Passed, c.Detail = false, seen.wrong.Error()
	case fixed && seen.shortest != seen.longest:
		c.Passed = false
		c.Detail = fmt.Sprintf("answers had from %d to %d bytes, though every output has a fixed size", seen.shortest, seen.longest)
	case fixed:
		c.Detail += fmt.Sprintf("; all of them had %d bytes", seen.longest)
	}
	return c
}

// duration checks that the window holds several answers of every caller: of one
// that is shorter, the requests at its ends are most of it.
func (o *outcome) duration(r *Result) results.Check {
	c := results.Check{Name: "duration", Passed: true, Detail: "no answers"}
	if r.Requests == 0 {
		return c
	}
	mean := r.Histogram.Mean()
	// Where requests pile up the latency grows with the window, and the verdict
	// says so.
	c.Passed = r.Duration >= leastRounds*mean || o.overload != ""
	c.Detail = fmt.Sprintf("%s, %.1f mean latencies of %s (at least %d)",
		r.Duration.Round(time.Millisecond), float64(r.Duration)/float64(max(mean, 1)), micro(mean), leastRounds)
	if !c.Passed {
		c.Detail += " (hint: a longer --duration)"
	}
	return c
}

// samples tells which quantiles the sample supports. It never fails: a quantile
// that it does not support has no value.
func (o *outcome) samples(r *Result) results.Check {
	var supported, missing []string
	for _, q := range r.Quantiles {
		if q.Missing > 0 {
			missing = append(missing, fmt.Sprintf("%s needs %d more", quantileName(q.P), q.Missing))
		} else {
			supported = append(supported, fmt.Sprintf("%s by %.0f independent ones (at least %d)",
				quantileName(q.P), float64(q.Requests)/q.Deff, stats.MinimumRequests(q.P)))
		}
	}
	return results.Check{Name: "samples", Passed: true, Detail: fmt.Sprintf("%d requests: %s", r.Requests, strings.Join(append(supported, missing...), ", "))}
}

// steady tells whether something moved over the window. What did makes the
// verdict unsteady; the figures are not void, but there is no steady state that
// they belong to.
func (o *outcome) steady(j judgement) results.Check {
	c := results.Check{Name: "steady", Passed: true, Suspect: j.drift != "", Detail: j.drift}
	if !c.Suspect {
		c.Detail = fmt.Sprintf("neither throughput nor latency moves by more than %.0f %% beyond chance, after %s of warm-up",
			100*max(o.run.spec.Precision, leastDrift), o.window.start.Sub(o.run.begun).Round(time.Millisecond))
		if o.run.stopping.restarts > 0 {
			c.Detail += fmt.Sprintf(" and %d windows that held some of it", o.run.stopping.restarts)
		}
	}
	return c
}
