package load

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"tritonsweep/results"
)

// Limits of the validity rules.
const (
	mostLittle   = 0.05  // of the callers unaccounted for
	mostErrors   = 0.01  // of all calls
	someErrors   = 0.001 // of the same: beyond it the point is suspect
	leastRounds  = 3     // mean latencies that a window holds
	mostCPU      = 0.80  // of the processors that Go may use
	mostGC       = 0.02  // of the same
	mostSharedGC = 0.1   // where it is the simulated server's garbage, too
	mostLag      = 0.10  // its p99, of the p95 latency
	mostMeanLag  = 0.05  // its mean, of the mean latency
	leastLag     = 200 * time.Microsecond
	mostSendLag  = 0.05 // its p99, of the median latency of an open loop
	leastSendLag = time.Millisecond
	mostUncount  = 0.01 // of the requests, beyond what was in flight
)

// verdict fills checks, reasons and verdict. The most severe wins.
func (o *outcome) verdict(r *Result, j judgement) {
	r.checks = []results.Check{
		o.little(r), o.errors(r), o.clientBound(r), o.schedule(r), o.answers(),
		o.duration(r), o.samples(r), o.steady(j),
	}
	r.checks = slices.Concat(r.checks, o.outputs(), o.instances(), []results.Check{o.retries()})
	spec := o.run.spec
	r.Verdict = results.OK
	if !spec.enough(j) {
		r.Verdict = results.Noisy
		r.Reasons = append(r.Reasons, o.imprecise(r, j))
	}
	if j.drift != "" {
		r.Verdict = results.Unsteady
		r.Reasons = append(r.Reasons, "no steady state: "+j.drift)
	}
	if o.overload != "" { // which explains the rest
		r.Verdict, r.Reasons = results.Unsteady, []string{o.overload}
	}
	if late := cmp.Or(o.sentLate(r), o.seenLate(r)); late != "" {
		r.Reasons = append(r.Reasons, late)
	}
	for _, c := range r.checks {
		switch {
		case !c.Passed:
			r.Verdict = results.Void
			r.Reasons = append(r.Reasons, c.Name+": "+c.Detail)
		case c.Suspect && r.Verdict == results.OK: // the reason is given apart
			r.Verdict = results.Noisy
		}
	}
	if n := r.Failures(); n > 0 && r.Verdict != results.Void {
		r.Reasons = append(r.Reasons, fmt.Sprintf("%d requests failed (%s)", n, r.FirstText))
	}
	if r.Flow != nil && r.Flow.Held > 0 {
		r.Reasons = append(r.Reasons, fmt.Sprintf("%d of %d requests came due while %d were under way, the most allowed, and were sent later; their latency counts from when they were due",
			r.Flow.Held, r.Flow.Arrived, r.Flow.Outstanding))
	}
	if n := r.Histogram.Overflow(); n > 0 {
		r.Reasons = append(r.Reasons, fmt.Sprintf("%d latencies above 5 min", n))
	}
}

// imprecise says which figure is wider than asked, and why.
func (o *outcome) imprecise(r *Result, j judgement) string {
	spec := o.run.spec
	name := quantileName(spec.Quantile)
	switch {
	case !j.known:
		return fmt.Sprintf("too few answers for an interval (%d in %s)", r.Requests, r.Duration.Round(time.Millisecond))
	case j.quantile.Missing > 0:
		return fmt.Sprintf("%s needs %d more requests", name, j.quantile.Missing)
	case j.inGap:
		return fmt.Sprintf("%s lies in a gap between %.2f and %.2f ms (%.1f %% of requests are below it): more time would not narrow it",
			name, j.gap.Low, j.gap.High, 100*j.gap.Below)
	}
	text := fmt.Sprintf("throughput +-%.1f %%", 100*j.throughput.Relative())
	if spec.Quantile > 0 {
		text += fmt.Sprintf(", %s +-%.1f %%", name, 100*j.quantile.Relative())
	}
	return fmt.Sprintf("%s after %s, asked for +-%.1f %%", text, r.Duration.Round(100*time.Millisecond), 100*spec.Precision)
}

// CountCheck compares the server's number of successful requests between the two
// calls of Boundary with the client's. More at the server means that somebody
// else used the model, fewer that answers did not come from it.
func (r Result) CountCheck(server int64) results.Check {
	beyond := max(max(server-r.Requests, r.Requests-server)-r.Tolerance, 0)
	return results.Check{
		Name:   "count",
		Passed: float64(beyond) <= mostUncount*float64(r.Requests),
		Detail: fmt.Sprintf("server %d, client %d successful requests, %d of the difference were in flight at the ends", server, r.Requests, r.Tolerance),
	}
}
