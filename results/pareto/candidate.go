package pareto

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tritonsweep/results"
	"tritonsweep/results/stats"
)

// Quantile names a latency quantile: "p50", "p90", "p95" or "p99".
type Quantile string

// The quantiles that a record can hold.
const (
	P50 Quantile = "p50"
	P90 Quantile = "p90"
	P95 Quantile = "p95"
	P99 Quantile = "p99"
)

// Candidate is one settings value under one load.
type Candidate struct {
	ID        string // unique; settles what nothing else does
	Load      string // candidates are compared with the control of the same load
	Instances int    // of the model; fewer win a tie

	Throughput Figure
	Latency    map[Quantile]Figure // only those that the samples support
	// Pooled holds quantiles of the requests of all rounds together; a limit is
	// judged by them where they are known.
	Pooled map[Quantile]stats.Interval
	// At says when each round was measured, in seconds of a clock that all
	// candidates share; without it a drift of the machine is not corrected.
	At map[int]float64
	// Missing says of an absent quantile how many more requests it needs.
	Missing map[Quantile]int64

	// Errors counts failed requests. A candidate with errors is never taken:
	// what fails fast is not fast.
	Errors int64
	// Excluded says why the candidate must not be taken, whatever its figures
	// are; for example that its point is void.
	Excluded string
}

// Options says how candidates are compared.
type Options struct {
	// Objective is the latency that throughput is weighed against where no
	// limit names one.
	Objective Quantile
	// Throughput and Latency are the noise between equal server starts.
	Throughput, Latency stats.Noise
	// Comparisons is how many candidates were tried, for the significance of
	// the best one; 0 means those that Recommend is given.
	Comparisons int
	// Difference is the A/A measurement: by how much the untouched config differed
	// from itself, as a fraction. No smaller difference counts.
	Difference float64
}

// Effect is how a candidate differs from the control under the same load:
// ratios of throughput and latency, 1 being equal.
type Effect struct {
	Throughput stats.Ratio
	Latency    stats.Ratio
}

// Compare returns the effect of c against control, the latency being that of
// the quantile q. A ratio is zero where a side was not measured.
func Compare(c, control Candidate, q Quantile, opts Options) Effect {
	return Effect{
		Throughput: c.ratio(control, c.Throughput, control.Throughput, opts.Throughput),
		Latency:    c.LatencyRatio(control, q, opts),
	}
}

// LatencyRatio returns a latency of c by that of control.
func (c Candidate) LatencyRatio(control Candidate, q Quantile, opts Options) stats.Ratio {
	return c.ratio(control, c.Latency[q], control.Latency[q], opts.Latency)
}

// ratio compares a figure of c with that of control; where it is known when both
// were measured, corrected for what the machine drifted between.
func (c Candidate) ratio(control Candidate, figure, base Figure, noise stats.Noise) stats.Ratio {
	mine, okMine := figure.Starts(c.At)
	theirs, okTheirs := base.Starts(control.At)
	if okMine && okTheirs {
		return stats.DriftRatio(theirs, mine, noise)
	}
	return figure.RatioTo(base, noise)
}

// Better reports whether one of the figures improved and the other did not get
// worse, as one of so many comparisons.
func (e Effect) Better(opts Options, comparisons int) bool {
	better, worse := e.Directions(opts, comparisons)
	return better > 0 && worse == 0
}

// Directions counts the figures that changed significantly for better and for
// worse, as one of so many comparisons.
func (e Effect) Directions(opts Options, comparisons int) (better, worse int) {
	if significant(e.Throughput, comparisons, opts.floor(opts.Throughput, e.Throughput)) {
		if e.Throughput.Value > 1 {
			better++
		} else {
			worse++
		}
	}
	if significant(e.Latency, comparisons, opts.floor(opts.Latency, e.Latency)) {
		if e.Latency.Value < 1 {
			better++
		} else {
			worse++
		}
	}
	return better, worse
}

// Standing is how a candidate stands to a limit.
type Standing string

// The standings, from best to worst.
const (
	Unlimited Standing = "no limit"
	Met       Standing = "met"                       // by the upper end of the interval
	Barely    Standing = "met by the point estimate" // the interval reaches beyond
	Unknown   Standing = "unknown"                   // the quantile is missing
	Missed    Standing = "missed"
)

// Stand returns how c stands to limit, and why where it does not meet it.
func (c Candidate) Stand(limit results.Limit, opts Options) (Standing, string) {
	standing, reason := Unlimited, ""
	limits := map[Quantile]float64{P95: limit.P95, P99: limit.P99}
	for _, q := range slices.Sorted(maps.Keys(limits)) {
		if limits[q] <= 0 {
			continue
		}
		s, why := c.standOne(q, limits[q], opts)
		if rank(s) > rank(standing) {
			standing, reason = s, why
		}
	}
	return standing, reason
}

func rank(s Standing) int {
	return slices.Index([]Standing{Unlimited, Met, Barely, Unknown, Missed}, s)
}

func (c Candidate) standOne(q Quantile, limit float64, opts Options) (Standing, string) {
	combined := c.latency(q, opts)
	switch {
	case !(combined.Value > 0):
		return Unknown, c.missing(q)
	case combined.Value > limit:
		return Missed, fmt.Sprintf("%s %.3g ms is above %.3g ms", q, combined.Value, limit)
	case combined.High > limit:
		return Barely, fmt.Sprintf("%s %.3g ms meets %.3g ms, but its interval reaches %.3g ms",
			q, combined.Value, limit, combined.High)
	}
	return Met, ""
}

// latency is a quantile over all rounds.
func (c Candidate) latency(q Quantile, opts Options) stats.Interval {
	if pooled, ok := c.Pooled[q]; ok {
		return pooled
	}
	return c.Latency[q].Combined(opts.Latency).Interval
}

func (c Candidate) missing(q Quantile) string {
	if more := c.Missing[q]; more > 0 {
		return fmt.Sprintf("%s is not known: it needs about %d more requests", q, more)
	}
	return fmt.Sprintf("%s is not known", q)
}

// objective returns the latency that matters under limit.
func objective(limit results.Limit, opts Options) Quantile {
	switch {
	case limit.P99 > 0:
		return P99
	case limit.P95 > 0:
		return P95
	case opts.Objective != "":
		return opts.Objective
	}
	return P95
}

// place returns where c lies in the plane; if it can never be taken, why.
func (c Candidate) place(q Quantile, opts Options) (p Point, unusable string) {
	switch {
	case c.Excluded != "":
		return p, c.Excluded
	case c.Errors > 0:
		return p, fmt.Sprintf("%d requests failed", c.Errors)
	}
	p.Throughput = c.Throughput.Combined(opts.Throughput).Value
	p.Latency = c.latency(q, opts).Value
	switch {
	case !(p.Throughput > 0):
		return p, "no throughput was measured"
	case !(p.Latency > 0):
		return p, c.missing(q)
	}
	return p, ""
}

func tieBreak(a, b Candidate) int { return strings.Compare(a.ID, b.ID) }
