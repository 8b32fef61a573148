package forecast

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/results"
	"tritonsweep/results/histogram"
	"tritonsweep/sweep/batcher"
	"tritonsweep/sweep/calibration"
)

// Runs returns what the records of a model hold for a calibration: one run for
// each config and load, the rounds of it taken together. Records that cannot
// serve are left out; skipped says which and why.
func Runs(records []results.Record, model string) (runs []calibration.Run, skipped []string) {
	type key struct{ config, load string }
	index := map[key]int{}
	weight := map[key]float64{}
	for _, r := range records {
		if r.Model != model {
			continue
		}
		one, err := runOf(&r)
		if err != nil {
			skipped = append(skipped, fmt.Sprintf("point %d: %v", r.Sequence, err))
			continue
		}
		k := key{string(r.Config), r.Load.String()}
		if i, ok := index[k]; ok {
			merge(&runs[i], &one, weight[k], r.Duration)
		} else {
			index[k] = len(runs)
			runs = append(runs, one)
		}
		weight[k] += r.Duration
	}
	return runs, skipped
}

// runOf returns what one record tells a calibration.
func runOf(r *results.Record) (calibration.Run, error) {
	run := calibration.Run{Name: fmt.Sprintf("point %d (%s, %s)", r.Sequence, r.Active, r.Load)}
	switch {
	case !r.Verdict.Usable():
		return run, fmt.Errorf("it is %s", r.Verdict)
	case r.Server == nil || r.Client.Throughput == nil:
		return run, fmt.Errorf("it lacks the server's statistics or a throughput")
	case len(r.Client.Errors) > 0:
		return run, fmt.Errorf("requests failed")
	}
	config, err := Config(r)
	if err != nil {
		return run, err
	}
	run.Config = config
	run.Callers, run.Batch = r.Load.Concurrency, r.Load.BatchSize
	run.Throughput = r.Client.Throughput.Value
	run.P95 = P95(r)
	if r.Client.Mean != nil {
		run.Mean = milliseconds(r.Client.Mean.Value)
	}
	run.Queue = milliseconds(r.Server.Queue)
	for _, b := range r.Server.Batches {
		run.Batches = append(run.Batches, calibration.Batch{
			Size: b.Size, Executions: b.Executions,
			Time: milliseconds(b.ComputeInput + b.ComputeInfer + b.ComputeOutput),
		})
	}
	return run, run.Validate()
}

// leastForP95 is from how many requests on a 95th percentile guides a
// calibration, which needs no interval.
const leastForP95 = 200

// P95 returns the record's 95th percentile of latency; where the sample does
// not support an interval, that of its histogram; 0 where there are too few
// requests for either.
func P95(r *results.Record) time.Duration {
	if r.Client.P95 != nil {
		return milliseconds(r.Client.P95.Value)
	}
	var h histogram.Histogram
	if r.Client.Requests < leastForP95 || h.UnmarshalBinary(r.Client.Histogram) != nil {
		return 0
	}
	return h.Quantile(0.95)
}

// Config returns the scheduler's part of the config that was in force.
func Config(r *results.Record) (batcher.Config, error) {
	var config tritonpb.ModelConfig
	if len(r.Config) == 0 {
		return batcher.Config{}, fmt.Errorf("its config in force is not in the record")
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(r.Config, &config); err != nil {
		return batcher.Config{}, fmt.Errorf("its config in force cannot be read: %s", strings.ReplaceAll(err.Error(), "\u00a0", " "))
	}
	return batcher.ConfigOf(&config, len(r.Resources.GPUs)), nil
}

// merge adds a round to run, which rests on rounds of weight seconds.
func merge(run, round *calibration.Run, weight, seconds float64) {
	share := seconds / (weight + seconds)
	run.Throughput += share * (round.Throughput - run.Throughput)
	run.Queue += time.Duration(share * float64(round.Queue-run.Queue))
	if run.Mean > 0 && round.Mean > 0 {
		run.Mean += time.Duration(share * float64(round.Mean-run.Mean))
	} else {
		run.Mean = 0
	}
	if run.P95 > 0 && round.P95 > 0 {
		run.P95 += time.Duration(share * float64(round.P95-run.P95))
	}
	for _, b := range round.Batches {
		i := slices.IndexFunc(run.Batches, func(a calibration.Batch) bool { return a.Size == b.Size })
		if i < 0 {
			run.Batches = append(run.Batches, b)
			continue
		}
		a := &run.Batches[i]
		if n := a.Executions + b.Executions; n > 0 {
			a.Time = time.Duration((float64(a.Time)*float64(a.Executions) + float64(b.Time)*float64(b.Executions)) / float64(n))
			a.Executions = n
		}
	}
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
