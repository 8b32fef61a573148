package batcher

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

// playCoarse runs a scenario's script through a Scheduler whose driver looks
// at the clock only every tick, and returns the executed sizes.
func playCoarse(t *testing.T, sc *Scenario, seed uint64, tick Time) []int {
	m := sc.Models[0]
	s, err := NewScheduler(m.Config, sc.Timing, seed)
	if err != nil {
		t.Fatal(err)
	}
	type event struct {
		at Time
		e  Event
	}
	var due []event
	for i, a := range m.Load.Script {
		size := int32(max(1, a.Size))
		due = append(due, event{Time(a.At) + Time(i)*Time(20*time.Microsecond), Event{Kind: Arrive, Request: Request{ID: uint64(i), Size: size}}})
	}
	var trace []int
	do := func(actions []Action) {
		for _, a := range actions {
			if a.Kind == Execute {
				size := s.Machine().BatchSize(a.Batch)
				trace = append(trace, size)
				due = append(due, event{a.At.Add(m.Service.Compute.At(size)), Event{Kind: Finish, Batch: a.Batch}})
			}
		}
	}
	for now := Time(0); s.Machine().Open() > 0 || len(due) > 0; now += tick {
		for len(due) > 0 {
			slices.SortStableFunc(due, func(a, b event) int { return int(a.at - b.at) })
			if due[0].at > now {
				break
			}
			next := due[0]
			due = due[1:]
			do(s.Do(next.at, next.e))
		}
		do(s.Advance(now))
		if now > Time(time.Minute) {
			t.Fatalf("%d requests are still open", s.Machine().Open())
		}
	}
	if s.Next() != Never && s.Machine().Waiting() > 0 {
		t.Errorf("something is due at %v at the end", s.Next())
	}
	return trace
}

// TestCoarseDriver: a driver that is a millisecond late gets the same batches
// as one that is always on time, races included.
func TestCoarseDriver(t *testing.T) {
	for _, c := range []struct {
		file, commonest, other string
	}{
		{"seven_at_once", "[5 2]", "[4 3]"},
		{"merge", "[4 10 2]", ""},
		{"no_top_up", "[1 2 3]", "[1 5]"},
		{"two_instances", "[1 1 6]", ""},
		{"client_batches", "[6 3 13]", ""},
	} {
		f, err := readScenario(c.file)
		if err != nil {
			t.Fatal(err)
		}
		f.Scenario.Models[0].Service.CV = 0
		for _, tick := range []time.Duration{5 * time.Microsecond, time.Millisecond} {
			seen := map[string]int{}
			for seed := range 60 {
				seen[fmt.Sprint(playCoarse(t, &f.Scenario, uint64(seed), Time(tick)))]++
			}
			if seen[c.commonest] < 35 || seen[c.commonest]+seen[c.other] < 58 {
				t.Errorf("%s, looking every %v: %v", c.file, tick, seen)
			}
		}
	}
}

func TestSchedulerRefuses(t *testing.T) {
	if _, err := NewScheduler(Config{MaxBatch: -1}, DefaultTiming(), 1); !errors.Is(err, ErrConfig) {
		t.Errorf("config: got %v", err)
	}
	if _, err := NewScheduler(Config{}, Timing{Latency: math.MinInt64}, 1); !errors.Is(err, ErrConfig) {
		t.Errorf("timing: got %v", err)
	}
}

func TestToken(t *testing.T) {
	var token Token
	for _, c := range []struct{ now, work, begin, end Time }{
		{10, 5, 10, 15}, {11, 5, 15, 20}, {30, 1, 30, 31}, {30, 0, 31, 31},
	} {
		if begin, end := token.Book(c.now, c.work); begin != c.begin || end != c.end {
			t.Errorf("at %d for %d: got %d to %d, want %d to %d", c.now, c.work, begin, end, c.begin, c.end)
		}
	}
}
