package stall_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/results"
	"tritonsweep/results/histogram"
	"tritonsweep/results/stall"
	"tritonsweep/sweep/batcher"
)

const ms = time.Millisecond

// record simulates a closed loop and returns what a measurement would keep of it.
func record(t *testing.T, c batcher.Config, base time.Duration, callers int, seed uint64) (results.Record, batcher.ModelResult) {
	t.Helper()
	h := histogram.New()
	r, err := batcher.Simulate(batcher.Scenario{
		Models: []batcher.Model{{
			Config: c, Service: batcher.Service{Compute: batcher.Linear(base, base/20), CV: 0.02},
			Load: batcher.Load{Callers: callers, Jitter: 20 * ms, Shift: time.Second},
		}},
		Timing: batcher.DefaultTiming(), Seed: seed, Warmup: 500, Requests: 3000, Observe: h.Record,
	})
	if err != nil {
		t.Fatal(err)
	}
	data, err := h.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return results.Record{Config: configOf(t, c), Client: results.Client{Histogram: data}}, r.Models[0]
}

func configOf(t *testing.T, c batcher.Config) []byte {
	t.Helper()
	block := &tritonpb.ModelDynamicBatching{
		MaxQueueDelayMicroseconds: uint64(c.Delay.Microseconds()), PriorityLevels: uint64(c.PriorityLevels), DefaultPriorityLevel: uint64(c.DefaultPriority),
		DefaultQueuePolicy: &tritonpb.ModelQueuePolicy{
			MaxQueueSize: uint32(c.Policy.MaxSize), DefaultTimeoutMicroseconds: uint64(c.Policy.Timeout.Microseconds()), AllowTimeoutOverride: c.Policy.AllowOverride,
		},
	}
	data, err := protojson.Marshal(&tritonpb.ModelConfig{
		MaxBatchSize: int32(c.MaxBatch), InstanceGroup: []*tritonpb.ModelInstanceGroup{{Count: int32(c.Instances), Kind: tritonpb.ModelInstanceGroup_KIND_CPU}},
		SchedulingChoice: &tritonpb.ModelConfig_DynamicBatching{DynamicBatching: block},
	})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// policies are the four settings that switch prefetching off.
var policies = map[string]func(*batcher.Config){
	"max_queue_size":               func(c *batcher.Config) { c.Policy.MaxSize = 1000 },
	"default_timeout_microseconds": func(c *batcher.Config) { c.Policy.Timeout = 20 * time.Second },
	"allow_timeout_override":       func(c *batcher.Config) { c.Policy.AllowOverride = true },
	"priority_levels":              func(c *batcher.Config) { c.PriorityLevels, c.DefaultPriority = 2, 1 },
}

// TestEveryStallIsFound: wherever wake-ups cost a tenth of the throughput, and
// nowhere on a server that was repaired, or without a policy.
func TestEveryStallIsFound(t *testing.T) {
	stalls, clean := 0, 0
	for cause, set := range policies {
		for i, base := range []time.Duration{3 * ms, 8 * ms, 15 * ms} {
			for _, callers := range []int{4, 16, 32} {
				name := fmt.Sprintf("%s, %v, %d callers", cause, base, callers)
				c := batcher.Config{MaxBatch: 32, Dynamic: true, Instances: 1}
				without, expected := record(t, c, base, callers, uint64(i))
				set(&c)
				with, got := record(t, c, base, callers, uint64(i))
				c.Rules.NotifyParked = true
				repaired, _ := record(t, c, base, callers, uint64(i))
				f, found := stall.Find(&with)
				if lost := got.Throughput < 0.9*expected.Throughput; lost && !found {
					t.Errorf("%s: %.0f/s instead of %.0f/s, p99 %v, and nothing was found (%+v)", name, got.Throughput, expected.Throughput, got.Latency.P99, f)
				} else if lost {
					stalls++
				}
				if found && !strings.Contains(f.String(), cause) {
					t.Errorf("%s: %v", name, f)
				}
				for _, r := range []*results.Record{&without, &repaired} {
					clean++
					if f, found := stall.Find(r); found {
						t.Errorf("%s: no wake-up is lost, and yet: %v", name, f)
					}
				}
			}
		}
	}
	if stalls < 20 || clean < 70 {
		t.Errorf("%d stalls and %d clean runs are too few to tell anything", stalls, clean)
	}
	t.Logf("%d stalls found, %d clean runs", stalls, clean)
}

// TestOtherSlowRequests: latencies near 500 ms that have another cause.
func TestOtherSlowRequests(t *testing.T) {
	c := batcher.Config{MaxBatch: 8, Dynamic: true, Instances: 1, Policy: batcher.QueuePolicy{MaxSize: 10}}
	for name, latencies := range map[string]map[time.Duration]int{
		"none":                {},
		"one alone":           {10 * ms: 500, 510 * ms: 1},
		"all are slow":        {510 * ms: 500},
		"of every length":     {10 * ms: 500, 200 * ms: 10, 300 * ms: 10, 400 * ms: 10, 510 * ms: 10, 800 * ms: 10},
		"a pause of a second": {10 * ms: 500, time.Second: 16},
	} {
		h := histogram.New()
		for latency, n := range latencies {
			for range n {
				h.Record(latency)
			}
		}
		data, err := h.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if f, found := stall.Find(&results.Record{Config: configOf(t, c), Client: results.Client{Histogram: data}}); found {
			t.Errorf("%s: %v", name, f)
		}
	}
	if _, found := stall.Find(&results.Record{Config: []byte("nonsense"), Client: results.Client{Histogram: []byte("nonsense")}}); found {
		t.Error("found in nonsense")
	}
}
