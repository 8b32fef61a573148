package runner

import (
	"context"
	"fmt"
	"math"
	"time"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/results"
	"tritonsweep/runner/load"
	"tritonsweep/runner/triton"
)

// serverWindow holds the server's counters at both ends of a measured window.
type serverWindow struct {
	client     *triton.Client
	model      string
	start, end *triton.Stats
}

// boundary reads the counters; the load calls it at the ends of the window.
func (w *serverWindow) boundary(ctx context.Context, at load.Phase) error {
	stats, err := w.client.Statistics(ctx, w.model)
	if err != nil {
		return err
	}
	if at == load.WindowStart {
		w.start, w.end = &stats, nil
	} else {
		w.end = &stats
	}
	return nil
}

// server returns what the server counted in the window.
func (w *serverWindow) server() (*results.Server, error) {
	if w.start == nil || w.end == nil {
		return nil, errNoWindow
	}
	d, err := w.end.Sub(*w.start)
	if err != nil {
		return nil, err
	}
	s := &results.Server{
		Inferences: int64(d.Inferences), Executions: int64(d.Executions), Requests: int64(d.Success.Count),
		Queue: meanOf(d.Queue),
	}
	s.AverageBatch, _ = d.AverageBatch() // 0 executions show as such
	var executions, input, infer, output float64
	for _, b := range d.Batches {
		n := float64(b.ComputeInfer.Count)
		batch := results.Batch{
			Size: b.Size, Executions: int64(b.ComputeInfer.Count),
			ComputeInput: meanOf(b.ComputeInput), ComputeInfer: meanOf(b.ComputeInfer), ComputeOutput: meanOf(b.ComputeOutput),
		}
		s.Batches = append(s.Batches, batch)
		executions += n
		input += n * batch.ComputeInput
		infer += n * batch.ComputeInfer
		output += n * batch.ComputeOutput
	}
	if executions > 0 {
		s.ComputeInput, s.ComputeInfer, s.ComputeOutput = input/executions, infer/executions, output/executions
	}
	return s, nil
}

// meanOf returns the mean duration in milliseconds.
func meanOf(t triton.Tally) float64 {
	mean, _ := t.Mean() // no event: 0, beside a count of 0
	return float64(mean) / float64(time.Millisecond)
}

// How much of the server's count may be somebody else's: beyond the first the
// point is suspect, beyond the second void.
const (
	suspectShare = 0.01
	foreignShare = 0.05
)

// count compares the two sides' counts. tolerance is how far they may be apart
// because requests were under way at the ends of the window.
func (w *serverWindow) count(record *results.Record, tolerance int64) results.Check {
	s, n := record.Server, float64(record.Client.Requests)
	surplus := float64(s.Requests) - n
	most := float64(tolerance) + foreignShare*n
	c := results.Check{
		Name: "count", Passed: math.Abs(surplus) <= most, Suspect: math.Abs(surplus) > float64(tolerance)+suspectShare*n,
		Detail: fmt.Sprintf("the server counted %d successes, the client %d (at most %.0f apart)", s.Requests, record.Client.Requests, most),
	}
	if !c.Passed || c.Suspect {
		c.Detail += ": " + countCause(surplus)
	}
	return c
}

// throughEnsemble says why a model's own requests cannot be told from others.
const throughEnsemble = "an ensemble that is measured at the same time sends the model requests too"

// leastCount is count for a model that others of the window reach too.
func (w *serverWindow) leastCount(record *results.Record, tolerance int64) results.Check {
	c := w.count(record, tolerance)
	if record.Server.Requests > record.Client.Requests {
		c.Passed, c.Suspect = true, false
		c.Detail = fmt.Sprintf("the server counted %d successes, the client %d: %s", record.Server.Requests, record.Client.Requests, throughEnsemble)
	}
	return c
}

// batch checks the average batch, which cannot be below one item nor above the
// model's largest.
func (w *serverWindow) batch(s *results.Server, config *tritonpb.ModelConfig) results.Check {
	most := max(int(config.GetMaxBatchSize()), 1)
	return results.Check{
		Name: "batch", Passed: s.Executions == 0 || s.AverageBatch >= 1 && s.AverageBatch <= float64(most),
		Detail: fmt.Sprintf("%.2f items per execution, between 1 and %d", s.AverageBatch, most),
	}
}

// serverTime checks that requests did not spend more time in the server than the
// client waited for them. The two means are of nearly the same requests: those
// under way at the ends of the window are the difference.
func (w *serverWindow) serverTime(result load.Result) results.Check {
	c := results.Check{Name: "server-time", Passed: true, Detail: "no answers"}
	d, err := w.end.Sub(*w.start)
	inside, some := d.Success.Mean()
	if err != nil || !some || result.Requests == 0 {
		return c
	}
	outside := result.Histogram.Mean()
	edge := mostServerTime + float64(result.Tolerance)/float64(result.Requests)
	most := time.Duration(float64(outside) * (1 + edge))
	c.Passed = inside <= most
	c.Detail = fmt.Sprintf("a request took %s in the server and %s for the client (in the server at most %s)", micro(inside), micro(outside), micro(most))
	return c
}

// mostServerTime is the share by which the server's mean may be above the
// client's: the histogram's rounding, and more.
const mostServerTime = 0.02

// cache tells when answers may have come from Triton's response cache: then the
// model was not what was measured.
func (w *serverWindow) cache(config *tritonpb.ModelConfig) results.Check {
	c := results.Check{Name: "cache", Passed: true, Detail: "no response cache"}
	d, err := w.end.Sub(*w.start)
	if err != nil || !config.GetResponseCache().GetEnable() && d.CacheHit.Count == 0 {
		return c
	}
	c.Suspect = true
	c.Detail = fmt.Sprintf("the response cache is on, %d of %d answers came from it: they cost no inference (hint: several distinct inputs, or response_cache off)",
		d.CacheHit.Count, d.Success.Count)
	return c
}

func countCause(surplus float64) string {
	if surplus > 0 {
		return "more means that something else uses the model"
	}
	return "fewer means that answers came from somewhere else"
}
