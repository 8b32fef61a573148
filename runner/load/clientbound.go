package load

import (
	"fmt"
	"time"

	"tritonsweep/results"
)

// clientBound checks that the client was not what was measured: its processors
// had room, garbage collection took little, and answers were seen soon after
// they arrived. One that fails says what to do about it.
func (o *outcome) clientBound(r *Result) results.Check {
	c := results.Check{Name: "client-bound", Passed: true, Detail: "no answers"}
	if r.Requests == 0 {
		return c
	}
	garbage := mostGC
	if o.run.spec.Shared {
		garbage = mostSharedGC
	}
	meanLag := max(time.Duration(mostMeanLag*float64(r.Histogram.Mean())), leastLag)
	c.Detail = fmt.Sprintf("CPU %.0f %% of its processors (at most %.0f), garbage collection %.1f %% (at most %.0f), lag mean %s (at most %s), p99 %s",
		100*r.CPUShare, 100*mostCPU, 100*r.GCShare, 100*garbage,
		micro(r.MeanLag), micro(meanLag), micro(r.Lag))
	hint := ""
	switch {
	case r.CPUShare > mostCPU:
		hint = "run the client on another machine or give it more processors, or offer less: fewer callers, a lower rate, smaller inputs"
	case r.GCShare > garbage:
		hint = "fewer callers or fewer distinct inputs leave the collector less to do"
	case r.MeanLag > meanLag:
		hint = "something else keeps the client's processors: end it, or run the client on another machine"
	}
	if hint != "" {
		c.Passed = false
		c.Detail += " (hint: " + hint + ")"
	}
	c.Suspect = c.Passed && o.seenLate(r) != ""
	return c
}

// schedule checks where latencies count from. In an open loop that is the instant
// at which a request was due, so one that was sent late is held against the
// server: the lag must be no part worth mentioning of the median, or at least of
// the tail, where it is then noted. Tene, "How NOT to measure latency" (2013), on
// coordinated omission.
func (o *outcome) schedule(r *Result) results.Check {
	c := results.Check{Name: "schedule", Passed: true, Detail: "closed loop: a caller sends when it was answered, and latency counts from there"}
	f := r.Flow
	if f == nil || r.Requests == 0 {
		return c
	}
	median, tail := r.Histogram.Quantile(0.5), r.Histogram.Quantile(0.99)
	mostMean := max(time.Duration(mostMeanLag*float64(median)), leastLag)
	most := max(o.mostSendLag(r), time.Duration(mostLag*float64(tail)))
	c.Passed = f.MeanLag <= mostMean && f.Lag <= most
	c.Detail = fmt.Sprintf("latency counts from when a request was due; sent late by %s on average (at most %s), one in a hundred by %s (at most %s, negligible up to %s)",
		micro(f.MeanLag), micro(mostMean), micro(f.Lag), micro(most), micro(o.mostSendLag(r)))
	if !c.Passed {
		c.Detail += " (hint: leave the client's machine to it, or ask for a lower rate)"
	}
	c.Suspect = c.Passed && o.sentLate(r) != ""
	return c
}

// mostSendLag is the p99 of the send lag that the latencies of an open loop do not
// show: a part of their median, but not less than what any timer is late by.
func (o *outcome) mostSendLag(r *Result) time.Duration {
	return max(time.Duration(mostSendLag*float64(r.Histogram.Quantile(0.5))), leastSendLag)
}

// sentLate says when requests were sent so late that it shows in the tail of the
// latencies.
func (o *outcome) sentLate(r *Result) string {
	if r.Requests == 0 || r.Flow == nil || r.Flow.Lag <= o.mostSendLag(r) {
		return ""
	}
	return fmt.Sprintf("one request in a hundred was sent %s late or more (at most %s is negligible), which its latency holds (hint: leave the client's machine to it)",
		micro(r.Flow.Lag), micro(o.mostSendLag(r)))
}

// seenLate says when the waits of ready goroutines are long enough to show in the
// tail of the latencies. In a closed loop they lengthen single latencies and
// leave throughput and the mean alone, which clientBound guards: the figures
// stay usable, and are said to be that much too high at most.
func (o *outcome) seenLate(r *Result) string {
	if r.Requests == 0 {
		return ""
	}
	limit := max(time.Duration(mostLag*float64(r.Histogram.Quantile(0.95))), leastLag)
	if r.Lag <= limit {
		return ""
	}
	return fmt.Sprintf("the client saw one answer in a hundred %s late or more (at most %s is negligible): latencies above p95 hold that (hint: leave the client's machine to it)", micro(r.Lag), micro(limit))
}

func micro(d time.Duration) time.Duration { return d.Round(time.Microsecond) }
