package inert

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tritonsweep/sweep"
	"tritonsweep/sweep/batcher"
	"tritonsweep/tritonconfig"
)

func TestEvidence(t *testing.T) {
	config := batcher.Config{MaxBatch: 16, Dynamic: true, Delay: 5 * time.Millisecond, Preferred: []int{1, 4, 8}, Instances: 2}
	none, limited, unset := config, config, config
	none.Delay, unset.Preferred, unset.MaxBatch = 0, nil, 8
	limited.Policy.MaxSize = 10
	small := map[int]int64{1: 700, 4: 75}
	full := map[int]int64{8: 125}
	delay := func(us int) tritonconfig.Settings { return sweep.Delays([]int{us})[0] }
	graphs := sweep.Others("optimization.cuda.graphs", []string{"true"})[0]
	tests := []struct {
		name     string
		config   batcher.Config
		measured Measured
		s        tritonconfig.Settings
		l        sweep.Load
		want     string // "": to be measured
	}{
		{"a preferred size always met", config, Measured{Requests: 1000, Executions: 775, Queue: 7 * time.Microsecond, Sizes: small},
			delay(1000), load(4, 1), "like the untouched config: measured: requests wait 7µs on average, so that at most 0.9 % of the batches"},
		{"a delay that is nearly as short", config, Measured{Requests: 1000, Executions: 775, Queue: 7 * time.Microsecond, Sizes: small}, delay(100), load(4, 1), ""},
		{"no delay at all", config, Measured{Requests: 1000, Executions: 775, Queue: 7 * time.Microsecond, Sizes: small}, delay(0), load(4, 1), ""},
		{"another load", config, Measured{Requests: 1000, Executions: 775, Queue: 7 * time.Microsecond, Sizes: small}, delay(1000), load(8, 1), ""},
		{"a lone caller that waits", config, Measured{Requests: 1000, Executions: 1000, Queue: 5 * time.Millisecond, Sizes: map[int]int64{1: 1000}}, delay(1000), load(4, 1), ""},
		{"behind a queue limit", limited, Measured{Requests: 1000, Executions: 775, Queue: 7 * time.Microsecond, Sizes: small}, delay(1000), load(4, 1), ""},
		{"full batches that may be merged ones", config, Measured{Requests: 1600, Executions: 100, Queue: 20 * time.Millisecond, Sizes: map[int]int64{16: 100}}, delay(9000), load(4, 1), ""},
		{"never idle, a longer delay", unset, Measured{Requests: 1000, Executions: 125, Queue: 20 * time.Millisecond, Sizes: full}, delay(9000), load(4, 1), "never idle, 100 % of the batches"},
		{"never idle, a shorter one", unset, Measured{Requests: 1000, Executions: 125, Queue: 20 * time.Millisecond, Sizes: full}, delay(1000), load(4, 1), ""},
		{"average batch 1", none, Measured{Requests: 1000, Executions: 998, Window: 10 * time.Second, Queue: 50 * time.Microsecond, Sizes: map[int]int64{1: 996, 2: 2}}, sweep.PreferredSets([][]int{{16}})[0], load(4, 1), "measured: average batch 1"},
		{"and requests that wait", none, Measured{Requests: 1000, Executions: 998, Window: 10 * time.Second, Queue: time.Millisecond, Sizes: map[int]int64{1: 996, 2: 2}}, sweep.PreferredSets([][]int{{16}})[0], load(4, 1), ""},
		{"with a delay preferred sizes decide", config, Measured{Requests: 1000, Executions: 998, Sizes: map[int]int64{1: 996, 2: 2}}, sweep.PreferredSets([][]int{{16}})[0], load(4, 1), ""},
		{"shared batches", none, Measured{Requests: 1000, Executions: 900, Sizes: map[int]int64{1: 800, 2: 100}}, sweep.PreferredSets([][]int{{16}})[0], load(4, 1), ""},
		{"instances", config, Measured{Requests: 1000, Executions: 775, Queue: 7 * time.Microsecond, Sizes: small}, sweep.Counts([]int{4}, "")[0], load(4, 1), ""},
		{"another field", none, Measured{Requests: 1000, Executions: 1000, Sizes: small}, graphs, load(4, 1), ""},
		{"nothing was answered", config, Measured{}, delay(1000), load(4, 1), ""},
	}
	for _, tt := range tests {
		tt.measured.Load = load(4, 1)
		e := NewEvidence(tt.config)
		e.Add(tt.measured)
		if got := e.Skip(tt.s, tt.l); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// What is called inert from the figures of one simulation does, simulated itself,
// what the other did.
func TestEvidenceIsTrue(t *testing.T) {
	var sim batcher.Simulator
	service := batcher.Service{Compute: compute, Device: "gpu"}
	found := 0
	rapid.Check(t, func(t *rapid.T) {
		config := batcher.Config{
			MaxBatch: 16, Dynamic: true, Instances: rapid.IntRange(1, 3).Draw(t, "instances"),
			Delay:     time.Duration(rapid.SampledFrom([]int{0, 1, 20, 100}).Draw(t, "delay")) * time.Millisecond,
			Preferred: rapid.SampledFrom([][]int{nil, {1, 2, 4}, {4, 8}, {4}, {16}}).Draw(t, "preferred"),
		}
		l := load(rapid.SampledFrom([]int{1, 2, 4, 16, 64}).Draw(t, "callers"), rapid.SampledFrom([]int{1, 4}).Draw(t, "batch"))
		s := sweep.Delays([]int{rapid.SampledFrom([]int{0, 2000, 50000, 200000}).Draw(t, "other delay")})[0]
		if rapid.Bool().Draw(t, "preferred sizes") {
			s = sweep.PreferredSets([][]int{rapid.SampledFrom([][]int{{}, {4}, {8, 16}}).Draw(t, "other sizes")})[0]
		}
		simulate := func(c batcher.Config) batcher.ModelResult {
			r, err := sim.Run(&batcher.Scenario{
				Models: []batcher.Model{{Name: "m", Config: c, Service: service, Load: batcher.Load{Callers: l.Concurrency, Batch: l.BatchSize, Jitter: 5 * time.Millisecond}}},
				Timing: batcher.DefaultTiming(), Seed: 1, Warmup: 500, Requests: 3000,
			})
			if err != nil || !r.Models[0].Complete {
				t.Skip("not simulated")
			}
			return r.Models[0]
		}
		one := simulate(config)
		e := NewEvidence(config)
		e.Add(measuredOf(one, l))
		why := e.Skip(s, l)
		if why == "" {
			return
		}
		found++
		other := simulate(config.With(s))
		if ratio := other.Throughput / one.Throughput; math.Abs(ratio-1) > 0.03 {
			t.Errorf("%+v and %s under %s: %q, but %.4g/s and %.4g/s", config, s, l, why, one.Throughput, other.Throughput)
		}
		if a, b := one.Latency.P50.Seconds(), other.Latency.P50.Seconds(); math.Abs(a/b-1) > 0.05 {
			t.Errorf("%+v and %s under %s: %q, but p50 %.4g s and %.4g s", config, s, l, why, a, b)
		}
	})
	if found == 0 {
		t.Error("nothing was found inert")
	}
}

func measuredOf(r batcher.ModelResult, l sweep.Load) Measured {
	m := Measured{Load: l, Requests: int64(r.Requests), Executions: int64(r.Executions), Window: r.Window, Queue: r.Queue, Sizes: map[int]int64{}}
	for size, n := range r.BatchCounts {
		m.Sizes[size] = int64(n)
	}
	return m
}
