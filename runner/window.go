package runner

import (
	"context"
	"fmt"
	"math"
	"time"

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

// foreignShare is how much of the server's count may be somebody else's.
const foreignShare = 0.05

// checks compares the two sides' counts. tolerance is how far they may be apart
// because requests were under way at the ends of the window.
func (w *serverWindow) checks(record *results.Record, tolerance int64) []results.Check {
	s, n := record.Server, float64(record.Client.Requests)
	surplus := float64(s.Requests) - n
	most := float64(tolerance) + foreignShare*n
	batchOK := s.Executions == 0 || s.AverageBatch >= 1 && s.AverageBatch <= float64(w.mostBatch(s))
	return []results.Check{
		{
			Name: "count", Passed: math.Abs(surplus) <= most,
			Detail: fmt.Sprintf("the server counted %d successes, the client %d (at most %.0f apart): %s",
				s.Requests, record.Client.Requests, most, countCause(surplus)),
		},
		{
			Name: "batch", Passed: batchOK,
			Detail: fmt.Sprintf("%.2f items per execution", s.AverageBatch),
		},
	}
}

func countCause(surplus float64) string {
	if surplus > 0 {
		return "more means that something else uses the model"
	}
	return "fewer means that answers came from somewhere else"
}

func (w *serverWindow) mostBatch(s *results.Server) int {
	most := 0
	for _, b := range s.Batches {
		most = max(most, b.Size)
	}
	return most
}
