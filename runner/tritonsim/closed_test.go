package tritonsim

import (
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tritonsweep/sweep/batcher"
)

// TestClosedLoops: the engine's throughput is that of the simulation in virtual
// time, for instances that share a device, for a device-blocking backend, and
// for callers that travel together.
func TestClosedLoops(t *testing.T) {
	service := batcher.Service{Compute: batcher.Linear(10800*time.Microsecond, 560*time.Microsecond), CV: 0.02}
	shared := service
	shared.Device, shared.Input = "gpu0", batcher.Constant(4*ms)
	for _, test := range []struct {
		name    string
		config  batcher.Config
		service batcher.Service
		callers int
	}{
		{"together", batcher.Config{MaxBatch: 32, Dynamic: true, Instances: 1, Delay: 2 * ms, Preferred: []int{16}}, service, 16},
		{"half groups", batcher.Config{MaxBatch: 32, Dynamic: true, Instances: 1}, service, 16},
		{"no dynamic batching", batcher.Config{MaxBatch: 32, Instances: 3}, service, 8},
		{"shared device", batcher.Config{MaxBatch: 16, Dynamic: true, Instances: 2}, shared, 64},
		{"device-blocking", batcher.Config{MaxBatch: 16, Dynamic: true, Instances: 2, DeviceBlocking: true}, shared, 64},
		{"device-blocking alone", batcher.Config{MaxBatch: 16, Dynamic: true, Instances: 1, DeviceBlocking: true}, shared, 64},
	} {
		t.Run(test.name, func(t *testing.T) {
			timing := batcher.DefaultTiming()
			timing.FrontEnd = batcher.Lag{}
			predicted, err := batcher.Simulate(batcher.Scenario{
				Models: []batcher.Model{{Name: "m", Config: test.config, Service: test.service, Load: batcher.Load{Callers: test.callers, Jitter: 20 * ms}}},
				Timing: timing, Seed: 1, Warmup: 500, Requests: 4000,
			})
			if err != nil {
				t.Fatal(err)
			}
			want := predicted.Models[0].Throughput
			var got float64
			synctest.Test(t, func(t *testing.T) { got = closedLoop(t, test.config, test.service, timing, test.callers) })
			if math.Abs(got/want-1) > 0.02 {
				t.Errorf("%.1f requests/s, the simulation in virtual time has %.1f", got, want)
			}
		})
	}
}

// closedLoop returns the throughput of callers within some virtual seconds.
func closedLoop(t *testing.T, config batcher.Config, service batcher.Service, timing batcher.Timing, callers int) float64 {
	t.Helper()
	e, err := newEngine(1, timing, newGoAlarm)
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	s, err := newScheduler(e, config, service)
	if err != nil {
		t.Fatal(err)
	}
	const warmup, window = time.Second, 8 * time.Second
	start := time.Now()
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		count int
	)
	for i := range callers {
		group.Go(func() {
			time.Sleep(20 * ms * time.Duration(i) / time.Duration(callers))
			for time.Since(start) < warmup+window {
				p := &pending{done: make(chan error, 1)}
				e.lock()
				s.arrive(batcher.Request{}, p)
				e.unlock()
				if err := <-p.done; err != nil {
					t.Error(err)
					return
				}
				if at := time.Since(start); at > warmup && at < warmup+window {
					mu.Lock()
					count++
					mu.Unlock()
				}
				time.Sleep(timing.Latency)
			}
		})
	}
	group.Wait()
	return float64(count) / window.Seconds()
}
