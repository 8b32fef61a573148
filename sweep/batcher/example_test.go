package batcher_test

import (
	"fmt"
	"time"

	"tritonsweep/sweep/batcher"
)

// A closed loop of 16 callers, with and without a delay: a delay pays because
// the fixed part of an execution is long.
func ExampleSimulate() {
	for _, delay := range []time.Duration{0, 2 * time.Millisecond} {
		result, err := batcher.Simulate(batcher.Scenario{
			Models: []batcher.Model{{
				Name:    "m",
				Config:  batcher.Config{MaxBatch: 32, Dynamic: true, Instances: 1, Delay: delay, Preferred: []int{16}},
				Service: batcher.Service{Compute: batcher.Linear(10800*time.Microsecond, 560*time.Microsecond)},
				Load:    batcher.Load{Callers: 16, Jitter: 20 * time.Millisecond},
			}},
			Timing: batcher.DefaultTiming(), Seed: 1, Warmup: 500, Requests: 4000,
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		m := result.Models[0]
		fmt.Printf("delay %v: %.0f/s in batches of %.0f\n", delay, m.Throughput, m.MeanBatch)
	}
	// Output:
	// delay 0s: 552/s in batches of 9
	// delay 2ms: 773/s in batches of 16
}

// A driver on a clock of its own: it does what the scheduler asks for and
// tells it when executions end.
func ExampleScheduler() {
	config := batcher.Config{MaxBatch: 8, Dynamic: true, Delay: 5 * time.Millisecond, Instances: 1}
	s, err := batcher.NewScheduler(config, batcher.DefaultTiming(), 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	type execution struct {
		batch int32
		ends  batcher.Time
	}
	var running []execution
	do := func(actions []batcher.Action) {
		for _, a := range actions {
			switch a.Kind {
			case batcher.Execute:
				fmt.Println("execute", s.Machine().BatchSize(a.Batch), "items on instance", a.Instance)
				running = append(running, execution{a.Batch, a.At.Add(3 * time.Millisecond)})
			case batcher.Answer:
				fmt.Println("answer", a.ID)
			}
		}
	}
	for id := range 3 {
		do(s.Do(0, batcher.Event{Kind: batcher.Arrive, Request: batcher.Request{ID: uint64(id), Size: 1}}))
	}
	for s.Machine().Open() > 0 {
		if len(running) > 0 {
			do(s.Do(running[0].ends, batcher.Event{Kind: batcher.Finish, Batch: running[0].batch}))
			running = running[1:]
			continue
		}
		do(s.Advance(s.Next()))
	}
	// Output:
	// execute 3 items on instance 0
	// answer 0
	// answer 1
	// answer 2
}
