package runner

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"tritonsweep/results"
	"tritonsweep/runner/load"
	"tritonsweep/sweep"
)

func TestInterference(t *testing.T) {
	w := newWorld(t, "none")
	w.write(t, "body/config.pbtxt", `name: "body"`+faceConfig[len(`name: "face"`):])
	w.write(t, "body/profile.json", faceProfile)
	w.write(t, "body/1/model.py", "")
	client := w.again(t, "face", "body")
	specs, loads := map[string]load.Spec{}, map[string]sweep.Load{}
	for _, model := range []string{"face", "body"} {
		loads[model] = sweep.Load{Concurrency: 2, BatchSize: 1}
		specs[model] = load.Spec{
			Shared: true, Timeout: 5 * time.Second,
			Warmup: 50 * time.Millisecond, MinDuration: 150 * time.Millisecond, MaxDuration: 150 * time.Millisecond,
		}
	}
	var records []results.Record
	config := Config{
		Client: client, Plan: sweep.NewTogether("interference", []string{"face", "body"}, loads, 2, 3),
		Record: func(r results.Record) error { records = append(records, r); return nil },
	}
	if _, err := RunTogether(t.Context(), config, specs); err != nil || len(records) != config.Plan.Points() {
		t.Fatalf("%d records of %d, %v", len(records), config.Plan.Points(), err)
	}
	together := map[string]int{}
	for _, s := range records {
		if s.Client.Requests == 0 {
			t.Errorf("%s, round %d: nothing answered: %s %v", s.Model, s.Round, s.Verdict, s.Reasons)
		}
		if len(s.Together) > 0 {
			together[s.Model]++
		}
	}
	if together["face"] != 2 || together["body"] != 2 {
		t.Errorf("measured together: %v", together)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if outcome, err := RunTogether(ctx, config, specs); err == nil || !outcome.Interrupted {
		t.Error("an interrupted run without an error")
	}
}

// Nobody passes a barrier before all have arrived; who is gone has arrived.
func TestBarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBarrier(3)
		passed := make(chan int, 3)
		for k := range 2 {
			go func() {
				if b.wait(t.Context(), k) == nil {
					passed <- k
				}
			}()
		}
		synctest.Wait()
		if len(passed) != 0 {
			t.Fatal("passed before the third came")
		}
		b.arrive(2)
		synctest.Wait()
		if len(passed) != 2 {
			t.Fatal("did not pass when all had come")
		}
		b.arrive(2)
		if err := b.wait(t.Context(), 0); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if newBarrier(2).wait(ctx, 0) == nil {
			t.Error("an interrupted wait without an error")
		}
	})
}
