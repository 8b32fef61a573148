package load

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"tritonsweep/results"
)

// Limits of the validity rules.
const (
	mostLittle   = 0.05 // of the callers unaccounted for
	mostErrors   = 0.01 // of all calls
	mostCPU      = 0.80 // of the processors that Go may use
	mostGC       = 0.02 // of the same
	mostLag      = 0.10 // its p99, of the p95 latency
	mostMeanLag  = 0.05 // its mean, of the mean latency
	leastLag     = 200 * time.Microsecond
	mostSendLag  = 0.05 // its p99, of the median latency of an open loop
	leastSendLag = time.Millisecond
	mostUncount  = 0.01 // of the requests, beyond what was in flight
)

// verdict fills checks, reasons and verdict. The most severe wins.
func (o *outcome) verdict(r *Result, j judgement) {
	r.checks = []results.Check{o.little(r), o.errors(r), o.clientBound(r), o.answers()}
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
	if lag := o.tailLag(r); lag != "" {
		if r.Verdict == results.OK {
			r.Verdict = results.Noisy
		}
		r.Reasons = append(r.Reasons, lag)
	}
	for _, c := range r.checks {
		if !c.Passed {
			r.Verdict = results.Void
			r.Reasons = append(r.Reasons, c.Name+": "+c.Detail)
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

// tailLag says when the waits of ready goroutines are long enough to show in the
// tail of the latencies. In a closed loop they lengthen single latencies and
// leave throughput and the mean alone, which clientBound guards: the figures
// stay usable, and are said to be that much too high at most.
func (o *outcome) tailLag(r *Result) string {
	if r.Requests == 0 || r.Histogram == nil {
		return ""
	}
	if f := r.Flow; f != nil && f.Lag > o.mostSendLag(r) {
		return fmt.Sprintf("one request in a hundred was sent %s late or more (at most %s is negligible), which its latency holds (hint: leave the client's machine to it)", micro(f.Lag), micro(o.mostSendLag(r)))
	}
	limit := max(time.Duration(mostLag*float64(r.Histogram.Quantile(0.95))), leastLag)
	if r.Lag <= limit {
		return ""
	}
	return fmt.Sprintf("the client saw one answer in a hundred %s late or more (at most %s is negligible): latencies above p95 hold that (hint: leave the client's machine to it)", micro(r.Lag), micro(limit))
}

// clientBound checks that the client was not what was measured: its processors
// had room, garbage collection took little, and answers were seen soon after
// they arrived.
func (o *outcome) clientBound(r *Result) results.Check {
	c := results.Check{Name: "client-bound", Passed: true, Detail: "no answers"}
	if r.Requests == 0 {
		return c
	}
	meanLag := max(time.Duration(mostMeanLag*float64(r.Histogram.Mean())), leastLag)
	c.Passed = r.CPUShare <= mostCPU && r.GCShare <= mostGC && r.MeanLag <= meanLag && o.sentInTime(r)
	c.Detail = fmt.Sprintf("CPU %.0f %% of its processors (at most %.0f), garbage collection %.1f %% (at most %.0f), lag mean %s (at most %s), p99 %s",
		100*r.CPUShare, 100*mostCPU, 100*r.GCShare, 100*mostGC,
		micro(r.MeanLag), micro(meanLag), micro(r.Lag))
	if f := r.Flow; f != nil {
		c.Detail += fmt.Sprintf(", send lag mean %s, p99 %s (negligible up to %s)", micro(f.MeanLag), micro(f.Lag), micro(o.mostSendLag(r)))
	}
	if !c.Passed {
		c.Detail += " (hint: run the client on another machine, or offer less)"
	}
	return c
}

// mostSendLag is the p99 of the send lag that the latencies of an open loop do not
// show: a part of their median, but not less than what any timer is late by.
func (o *outcome) mostSendLag(r *Result) time.Duration {
	return max(time.Duration(mostSendLag*float64(r.Histogram.Quantile(0.5))), leastSendLag)
}

// sentInTime reports whether the client kept the schedule of an open loop: its
// lag is no part worth mentioning of the median, or at least of the tail, where
// it is then noted.
func (o *outcome) sentInTime(r *Result) bool {
	if r.Flow == nil {
		return true
	}
	median, tail := r.Histogram.Quantile(0.5), r.Histogram.Quantile(0.99)
	return r.Flow.MeanLag <= max(time.Duration(mostMeanLag*float64(median)), leastLag) &&
		r.Flow.Lag <= max(o.mostSendLag(r), time.Duration(mostLag*float64(tail)))
}

func micro(d time.Duration) time.Duration { return d.Round(time.Microsecond) }

// answers reports what the decoded samples of the answers showed.
func (o *outcome) answers() results.Check {
	c := results.Check{Name: "answers", Passed: true, Detail: o.run.request.checked()}
	if wrong := o.run.recorder.wrong; wrong != nil {
		c.Passed, c.Detail = false, wrong.Error()
	}
	return c
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
