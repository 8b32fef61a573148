package batcher

import "time"

// Result is what a simulation predicts. It is no measurement.
type Result struct {
	Models []ModelResult
	// Events is the number of simulated events.
	Events uint64
	// End is the virtual time at which the run ended.
	End time.Duration
}

// ModelResult is one model's part of a Result, over its measured requests.
type ModelResult struct {
	Name string
	// Complete says that as many requests as wanted were measured; otherwise
	// the run came to its limit, or to the end of its script.
	Complete bool
	// Requests answered and the Items in them, within Window.
	Requests, Items int
	Window          time.Duration
	// Throughput is in items a second.
	Throughput float64
	// Latency is as the callers see it; an open loop's counts from the
	// intended time of sending.
	Latency Latency
	// Executions and their mean size in items.
	Executions int
	MeanBatch  float64
	// BatchCounts counts executions by size: BatchCounts[4] of 4 items.
	BatchCounts []int
	// Queue is the mean time of a request from its arrival at the scheduler
	// to the start of its execution.
	Queue time.Duration
	// Input, DeviceWait, Compute and Output are mean times of an execution.
	Input, DeviceWait, Compute, Output time.Duration
	// Refused counts refused requests by reason.
	Refused map[Reason]int
	// Trace holds the sizes of all executed batches from the start of the
	// run, in order, where Scenario.Trace asks for it.
	Trace []int
	// Fingerprint stands for the times and sizes of all executed batches:
	// scenarios with equal seeds and equal fingerprints went the same way.
	Fingerprint uint64
}

// Latency summarises a distribution of latencies.
type Latency struct {
	Mean, P50, P90, P95, P99, Max time.Duration
}

// tally gathers a model's figures while its measurement runs.
type tally struct {
	measuring, ended bool
	start, end       Time
	requests, items  int
	latency          histogram
	batches          []int
	executions       int
	batched          int // items over all executions
	queued           int // requests over all executions
	queue            float64
	input, output    float64
	deviceWait       float64
	compute          float64
	refused          [TooLarge + 1]int
	fingerprint      uint64
}

// mark adds the start of an execution to the fingerprint (FNV-1a, over words).
func (t *tally) mark(now Time, items int) {
	const prime = 1099511628211
	t.fingerprint = ((t.fingerprint^uint64(now))*prime ^ uint64(items)) * prime
}

func (t *tally) reset(maxBatch int) {
	batches := t.batches
	*t = tally{}
	for len(batches) <= maxBatch {
		batches = append(batches, 0)
	}
	clear(batches)
	t.batches = batches[:maxBatch+1]
}

// begin starts the measurement at now.
func (t *tally) begin(now Time) {
	t.measuring, t.start = true, now
}

func (t *tally) result(name string, now Time) ModelResult {
	if !t.ended {
		t.end = now
	}
	r := ModelResult{
		Name: name, Complete: t.ended, Requests: t.requests, Items: t.items,
		Window: t.end.Sub(t.start), Executions: t.executions,
		BatchCounts: append([]int(nil), t.batches...), Fingerprint: t.fingerprint,
		Latency: Latency{
			Mean: t.latency.mean(), P50: t.latency.quantile(0.50), P90: t.latency.quantile(0.90),
			P95: t.latency.quantile(0.95), P99: t.latency.quantile(0.99), Max: time.Duration(t.latency.max),
		},
	}
	if r.Window > 0 {
		r.Throughput = float64(t.items) / r.Window.Seconds()
	}
	if n := float64(t.executions); n > 0 {
		r.MeanBatch = float64(t.batched) / n
		r.Input = time.Duration(t.input / n)
		r.DeviceWait = time.Duration(t.deviceWait / n)
		r.Compute = time.Duration(t.compute / n)
		r.Output = time.Duration(t.output / n)
	}
	if t.queued > 0 {
		r.Queue = time.Duration(t.queue / float64(t.queued))
	}
	for reason, count := range t.refused {
		if count > 0 {
			if r.Refused == nil {
				r.Refused = map[Reason]int{}
			}
			r.Refused[Reason(reason)] = count
		}
	}
	return r
}
