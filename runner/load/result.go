package load

import (
	"fmt"
	"math"
	"slices"
	"time"

	"tritonsweep/results"
	"tritonsweep/results/histogram"
	"tritonsweep/results/stats"
	"tritonsweep/sweep"
)

// Result is one measured point as the client saw it. Latencies hold successful
// requests only.
type Result struct {
	Load sweep.Load
	// Start is when the measured window began, Duration its length.
	Start    time.Time
	Duration time.Duration
	// Warmup is how long the load ran before the window; Restarts is how often
	// a window was discarded because something still moved.
	Warmup   time.Duration
	Restarts int

	Requests  int64            // answered in the window
	Errors    map[string]int64 // failed in the window, by gRPC status code name
	FirstText string           // the first error since the run began: code and message

	// Throughput is requests a second, Latency the mean in milliseconds; nil
	// when the window was too short or empty.
	Throughput, Latency *stats.Mean
	// Quantiles holds p50, p90, p95 and p99; those with Missing > 0 have no value.
	Quantiles []stats.Quantile
	// Gap is set when the deciding quantile lies between two modes.
	Gap       *stats.Gap
	Histogram *histogram.Histogram
	// Bins holds completions and latencies along the window.
	Bins Bins

	// Flow is about the arrivals of an open loop, or the requests of a mix; else nil.
	Flow *Flow

	Send, Wait   time.Duration // means: until written, and from there to the answer
	CPU          time.Duration // of this process, for one request
	CPUShare     float64       // of the processors that Go may use
	GCShare      float64       // garbage collection's part of them
	Lag          time.Duration // 99th percentile of a ready goroutine's wait for a processor
	MeanLag      time.Duration // its mean
	RequestBytes int64         // of the largest encoded request
	AnswerBytes  int64         // mean of the encoded answers
	Memory       int64         // peak resident set of this process in the run, bytes; 0 unknown

	// Tolerance is how far the server's count of successes between the two
	// calls of Boundary may be from Requests: what was in flight at the ends,
	// and what was answered during the calls.
	Tolerance int64

	Verdict results.Verdict
	Reasons []string // why the verdict is not OK, and notes

	checks []results.Check
}

// Flow is what an open loop offered in the window.
type Flow struct {
	// Arrived counts the requests sent, Held those of them that came due while
	// all Outstanding callers waited for answers.
	Arrived, Held int64
	Outstanding   int
	// Lag is how late a request was sent that was not held: 99th percentile and
	// mean. It is part of the latencies.
	Lag, MeanLag time.Duration
	// Underway is how many requests were under way on average.
	Underway float64
	// Overloaded tells that more requests arrived than were answered: the
	// latencies depend on how long one measures.
	Overloaded bool
}

// Bins are completions in equal bins of time since Start.
type Bins struct {
	Width   time.Duration
	Counts  []float64
	Latency []float64 // sum of the latencies of a bin's completions, milliseconds
}

// outcome is a closed window on its way to a Result.
type outcome struct {
	run       *run
	window    window
	end       time.Time
	effort    effort
	resent    int64 // requests that were sent again in it
	tolerance int64
	varies    string // how the model has no one answer to a request
	overload  string // what piled up; empty when nothing did
}

func (o *outcome) result() Result {
	r, w := o.run, &o.window
	whole := stats.Sum(w.done)
	bins := w.bins.complete(o.end)
	view := view{elapsed: o.end.Sub(w.start), bins: bins, batches: w.batches(o.end)}
	j := r.spec.judge(view)
	result := Result{
		Load: r.spec.Load, Start: w.start, Duration: o.end.Sub(w.start), Warmup: w.start.Sub(r.begun), Restarts: r.stopping.restarts,
		Requests: whole.Count(), Errors: w.errors, FirstText: r.recorder.firstText,
		Quantiles: quantiles(view.batches), Histogram: whole,
		Bins:     Bins{bins.width, bins.counts, bins.sums},
		CPUShare: o.effort.share, GCShare: o.effort.gcShare, Lag: o.effort.lag, MeanLag: o.effort.meanLag,
		RequestBytes: r.request.Bytes(), Memory: peakMemory(), Tolerance: o.tolerance,
	}
	if j.known {
		result.Throughput, result.Latency = &j.throughput, &j.mean
	}
	if j.inGap {
		result.Gap = &j.gap
	}
	if r.spec.floats() {
		result.Flow = o.flow()
	}
	if n := time.Duration(result.Requests); n > 0 {
		result.Send = w.send / n
		result.Wait = max(time.Duration(whole.Sum()/float64(n))-result.Send-w.flow.late/n, 0)
		result.CPU = o.effort.cpu / (n + time.Duration(result.Failures()))
		result.AnswerBytes = w.answers / int64(n)
	}
	o.verdict(&result, j)
	return result
}

// flow sums up the arrivals.
func (o *outcome) flow() *Flow {
	f := &o.window.flow
	out := &Flow{
		Arrived: f.arrived, Held: f.held, Outstanding: o.run.spec.Outstanding,
		Underway:   float64(f.area) / float64(o.end.Sub(o.window.start)),
		Overloaded: o.overload != "",
	}
	if f.lag.Count() > 0 {
		out.Lag, out.MeanLag = f.lag.Quantile(0.99), f.lag.Mean()
	}
	return out
}

// batches returns the window's batches, with what came after the last complete
// one merged into it.
func (w *window) batches(end time.Time) []*histogram.Histogram {
	n := len(w.done)
	if n < 2 {
		return w.done
	}
	last := histogram.New()
	last.Merge(w.done[n-2])
	last.Merge(w.done[n-1])
	return append(append([]*histogram.Histogram(nil), w.done[:n-2]...), last)
}

// Failures counts the calls in the window that ended in an error.
func (r Result) Failures() int64 {
	var n int64
	for _, count := range r.Errors {
		n += count
	}
	return n
}

// Checks returns the validity rules that the client alone can judge: little,
// errors, client-bound, answers. One that failed makes the Verdict Void.
func (r Result) Checks() []results.Check { return slices.Clone(r.checks) }

// PeakMemory returns the peak resident set of this process during the run, in
// bytes; nil where the system does not say.
func (r Result) PeakMemory() *int64 {
	if r.Memory == 0 {
		return nil
	}
	return &r.Memory
}

// Quantile returns one of Quantiles.
func (r Result) Quantile(p float64) (stats.Quantile, bool) {
	for _, q := range r.Quantiles {
		if q.P == p {
			return q, true
		}
	}
	return stats.Quantile{}, false
}

// Client converts the result to what a record holds.
func (r Result) Client() results.Client {
	batch := float64(r.Load.BatchSize)
	c := results.Client{
		Requests: r.Requests,
		Items:    r.Requests * int64(r.Load.BatchSize),
		Errors:   r.Errors,
		Send:     milliseconds(r.Send),
		Wait:     milliseconds(r.Wait),
		CPU:      float64(r.CPU) / float64(time.Microsecond),
	}
	if f := r.Flow; f != nil && r.Load.Open() {
		c.Arrivals = &results.Arrivals{
			Requests: f.Arrived, Held: f.Held, Outstanding: f.Outstanding, Underway: f.Underway,
			SendLag: milliseconds(f.Lag), SendLagMean: milliseconds(f.MeanLag), Overloaded: f.Overloaded,
		}
	}
	if r.Throughput != nil {
		c.Throughput = &results.Estimate{Value: batch * r.Throughput.Value, Low: batch * r.Throughput.Low, High: batch * r.Throughput.High}
	}
	if r.Latency != nil {
		c.Mean = estimate(r.Latency.Interval)
	}
	if r.Histogram != nil && r.Requests > 0 {
		c.Max = milliseconds(r.Histogram.Max())
		c.Histogram, _ = r.Histogram.MarshalBinary() // it never fails
	}
	fields := map[float64]**results.Estimate{0.50: &c.P50, 0.90: &c.P90, 0.95: &c.P95, 0.99: &c.P99}
	for _, q := range r.Quantiles {
		switch field, ok := fields[q.P]; {
		case !ok:
		case q.Missing == 0:
			*field = estimate(q.Interval)
		default:
			if c.Missing == nil {
				c.Missing = map[string]int64{}
			}
			c.Missing[quantileName(q.P)] = q.Missing
		}
	}
	return c
}

// quantileName is p99 for 0.99.
func quantileName(p float64) string { return fmt.Sprintf("p%g", math.Round(p*1e6)/1e4) }

func estimate(i stats.Interval) *results.Estimate {
	return &results.Estimate{Value: i.Value, Low: i.Low, High: i.High}
}
