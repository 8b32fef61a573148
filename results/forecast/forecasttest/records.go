// Package forecasttest makes records of a server whose times are known, by
// simulating it, for tests of what learns from records. Nothing in them was
// measured.
package forecasttest

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/results"
	"tritonsweep/sweep"
	"tritonsweep/sweep/batcher"
	"tritonsweep/tritonconfig"
)

// MaxBatch of the model.
const MaxBatch = 16

// Compute and Host are what the model works on the device, which its instances
// share, and beside it.
var (
	Compute = batcher.Linear(5*time.Millisecond, 400*time.Microsecond)
	Host    = batcher.Constant(2 * time.Millisecond)
)

// Records returns the records of a run that measured the model with 1 and 4
// instances under several loads, without a queue delay.
func Records(run, model string) []results.Record {
	var records []results.Record
	for _, at := range []struct{ instances, callers int }{{1, 1}, {1, 16}, {1, 64}, {4, 16}, {4, 64}} {
		r := Record(model, batcher.Config{MaxBatch: MaxBatch, Dynamic: true, Instances: at.instances}, at.callers)
		r.Run, r.Sequence = run, len(records)+1
		records = append(records, r)
	}
	return records
}

// Record returns what a measurement of the model would show.
func Record(model string, c batcher.Config, callers int) results.Record {
	timing := batcher.DefaultTiming()
	made, err := batcher.Simulate(batcher.Scenario{
		Models: []batcher.Model{{
			Config:  c,
			Service: batcher.Service{Input: Host, Compute: Compute, CV: 0.02, Device: "gpu"},
			Load:    batcher.Load{Callers: callers, Jitter: 10 * time.Millisecond, Shift: time.Second},
		}},
		Timing: timing, Seed: 7, Warmup: 500, Requests: 4000,
	})
	if err != nil {
		panic(err) // the scenario is ours
	}
	m := &made.Models[0]
	r := results.Record{
		Model: model, Round: 1, Verdict: results.OK, Load: sweep.Load{Concurrency: callers, BatchSize: 1},
		Settings: tritonconfig.Settings{InstanceCount: tritonconfig.Ptr(c.Instances)},
		Config:   configJSON(model, c), Start: time.Unix(1.8e9, 0).UTC(), Duration: m.Window.Seconds(),
		Environment: results.Environment{Simulated: true},
	}
	r.Active = r.Settings
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	r.Client = results.Client{
		Requests: int64(m.Requests), Items: int64(m.Items),
		Throughput: &results.Estimate{Value: m.Throughput, Low: m.Throughput, High: m.Throughput},
		P95:        &results.Estimate{Value: ms(m.Latency.P95), Low: ms(m.Latency.P95), High: ms(m.Latency.P95)},
	}
	r.Server = &results.Server{Inferences: int64(m.Items), Executions: int64(m.Executions), AverageBatch: m.MeanBatch, Queue: ms(m.Queue)}
	for size, n := range m.BatchCounts {
		if n > 0 {
			tail := timing.EpilogueOf(size).Mean
			r.Server.Batches = append(r.Server.Batches, results.Batch{
				Size: size, Executions: int64(n), ComputeInfer: ms(Host.At(size) + Compute.At(size) + m.DeviceWait), ComputeOutput: ms(tail),
			})
		}
	}
	return r
}

func configJSON(model string, c batcher.Config) []byte {
	config := &tritonpb.ModelConfig{
		Name: model, MaxBatchSize: int32(c.MaxBatch),
		InstanceGroup: []*tritonpb.ModelInstanceGroup{{Count: int32(c.Instances), Kind: tritonpb.ModelInstanceGroup_KIND_CPU}},
		SchedulingChoice: &tritonpb.ModelConfig_DynamicBatching{DynamicBatching: &tritonpb.ModelDynamicBatching{
			MaxQueueDelayMicroseconds: uint64(c.Delay / time.Microsecond),
		}},
	}
	text, err := protojson.Marshal(config)
	if err != nil {
		panic(fmt.Sprintf("encoding a config of our own: %v", err))
	}
	return text
}
