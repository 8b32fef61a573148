package batcher

import (
	"testing"
	"time"
)

// benchScenario is one point of a space of 900: delays, preferred sizes,
// instances and callers.
func benchScenario(i int) Scenario {
	delays := []time.Duration{0, 1, 2, 3, 4, 5, 6, 7, 8, 10}
	preferred := [][]int{nil, {4}, {8, 16}, {4, 8, 16, 32}, {32}}
	callers := []int{1, 4, 8, 16, 32, 64}
	c := Config{MaxBatch: 32, Dynamic: true, Instances: 1 << (i / 300 % 3)}
	c.Delay = delays[i%10] * time.Millisecond
	c.Preferred = preferred[i/10%5]
	return Scenario{
		Models: []Model{{
			Name: "m", Config: c,
			Service: Service{Compute: Linear(2*time.Millisecond, 150*time.Microsecond), CV: 0.02, Device: "gpu0"},
			Load:    Load{Callers: callers[i/50%6], Jitter: 5 * time.Millisecond},
		}},
		Devices: []Device{{Name: "gpu0", Sharing: Exclusive}},
		Timing:  DefaultTiming(), Seed: uint64(i), Warmup: 500, Requests: 2500,
	}
}

func BenchmarkSimulate(b *testing.B) {
	for _, c := range []struct {
		name  string
		point int
	}{
		{"callers=1", 0},
		{"callers=8,delay=1ms", 101},
		{"callers=64,delay=5ms,instances=2", 585},
	} {
		b.Run(c.name, func(b *testing.B) {
			var s Simulator
			var events uint64
			sc := benchScenario(c.point)
			b.ReportAllocs()
			for b.Loop() {
				r, err := s.Run(&sc)
				if err != nil {
					b.Fatal(err)
				}
				events += r.Events
			}
			b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkSpace simulates a space of 900 points, 3,000 requests each, on two
// goroutines, and says how long 10,000 points would take.
func BenchmarkSpace(b *testing.B) {
	var events uint64
	for b.Loop() {
		results, err := SimulateAll(b.Context(), 900, 2, benchScenario)
		if err != nil {
			b.Fatal(err)
		}
		for i := range results {
			events += results[i].Events
		}
	}
	seconds := b.Elapsed().Seconds()
	b.ReportMetric(float64(events)/seconds, "events/s")
	b.ReportMetric(seconds/float64(b.N)*10000/900, "s/10000points")
}
