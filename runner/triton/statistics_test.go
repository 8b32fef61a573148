package triton

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tritonsweep/internal/tritonpb/service"
)

func duration(count, ns uint64) *service.StatisticDuration {
	return &service.StatisticDuration{Count: count, Ns: ns}
}

// modelStats are the figures that a real Triton gave for 15 requests of 27 items.
func modelStats(version string) *service.ModelStatistics {
	return &service.ModelStatistics{
		Name: "arcface", Version: version, LastInference: 1795438104630, InferenceCount: 27, ExecutionCount: 3,
		InferenceStats: &service.InferStatistics{
			Success: duration(15, 886653745), Fail: duration(0, 0), Queue: duration(15, 228133243),
			ComputeInput: duration(15, 4194856), ComputeInfer: duration(15, 645037500), ComputeOutput: duration(15, 9165363),
		},
		BatchStats: []*service.InferBatchStatistics{
			{BatchSize: 16, ComputeInput: duration(1, 883609), ComputeInfer: duration(1, 111618873), ComputeOutput: duration(1, 326188)},
			{BatchSize: 1, ComputeInput: duration(2, 236741), ComputeInfer: duration(2, 72150401), ComputeOutput: duration(2, 302224)},
		},
	}
}

func TestStatistics(t *testing.T) {
	f := newFake()
	other := modelStats("3")
	other.Name = "other"
	f.stats = []*service.ModelStatistics{modelStats("9"), modelStats("10"), other}
	got, err := serve(t, f).Statistics(context.Background(), "arcface")
	if err != nil {
		t.Fatal(err)
	}
	want := Stats{Model: "arcface", Version: "10", LastInference: time.UnixMilli(1795438104630), Counters: Counters{
		Inferences: 27, Executions: 3, Success: Tally{15, 886653745}, Queue: Tally{15, 228133243},
		ComputeInput: Tally{15, 4194856}, ComputeInfer: Tally{15, 645037500}, ComputeOutput: Tally{15, 9165363},
		Batches: []Batch{
			{1, Tally{2, 236741}, Tally{2, 72150401}, Tally{2, 302224}},
			{16, Tally{1, 883609}, Tally{1, 111618873}, Tally{1, 326188}},
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if average, ok := got.AverageBatch(); !ok || average != 9 {
		t.Errorf("average batch %v, %v", average, ok)
	}
	if mean, ok := got.Batches[0].ComputeInfer.Mean(); !ok || mean != 36075200*time.Nanosecond {
		t.Errorf("mean %v, %v", mean, ok)
	}
	if _, ok := (Tally{}).Mean(); ok {
		t.Error("the mean of nothing")
	}
}

func TestStatisticsOfNothing(t *testing.T) {
	f := newFake()
	if _, err := serve(t, f).Statistics(context.Background(), "arcface"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// The last requests are counted a moment after their answers.
func TestSettledStatistics(t *testing.T) {
	f := newFake()
	readings := 0
	f.before = func(context.Context, string) error {
		f.change(func() {
			readings++
			m := modelStats("1")
			m.InferenceStats.Success.Count = uint64(min(10+readings, 13))
			f.stats = []*service.ModelStatistics{m}
		})
		return nil
	}
	got, err := serve(t, f).SettledStatistics(context.Background(), "arcface")
	if err != nil || got.Success.Count != 13 || readings != 4 {
		t.Errorf("%d successes after %d readings, %v", got.Success.Count, readings, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := serve(t, f).SettledStatistics(ctx, "arcface"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
}

// drawStats draws any reading.
func drawStats(t *rapid.T) Stats {
	m := &service.ModelStatistics{Name: "m", Version: "1",
		InferenceCount: rapid.Uint64Max(1<<40).Draw(t, "inferences"), ExecutionCount: rapid.Uint64Max(1<<40).Draw(t, "executions"),
		InferenceStats: &service.InferStatistics{Success: draw(t), Fail: draw(t), Queue: draw(t), ComputeInput: draw(t),
			ComputeInfer: draw(t), ComputeOutput: draw(t), CacheHit: draw(t), CacheMiss: draw(t)}}
	for size := range rapid.IntRange(0, 4).Draw(t, "sizes") {
		m.BatchStats = append(m.BatchStats, &service.InferBatchStatistics{BatchSize: uint64(size + 1),
			ComputeInput: draw(t), ComputeInfer: draw(t), ComputeOutput: draw(t)})
	}
	return statsOf(m)
}

func draw(t *rapid.T) *service.StatisticDuration {
	return duration(rapid.Uint64Max(1<<40).Draw(t, "count"), rapid.Uint64Max(1<<50).Draw(t, "ns"))
}

// plus is the inverse of Sub.
func (c Counters) plus(d Counters) Counters {
	add := func(a, b Tally) Tally { return Tally{a.Count + b.Count, a.Time + b.Time} }
	sum := Counters{Inferences: c.Inferences + d.Inferences, Executions: c.Executions + d.Executions,
		Success: add(c.Success, d.Success), Fail: add(c.Fail, d.Fail), Queue: add(c.Queue, d.Queue),
		ComputeInput: add(c.ComputeInput, d.ComputeInput), ComputeInfer: add(c.ComputeInfer, d.ComputeInfer),
		ComputeOutput: add(c.ComputeOutput, d.ComputeOutput), CacheHit: add(c.CacheHit, d.CacheHit), CacheMiss: add(c.CacheMiss, d.CacheMiss)}
	for size := range max(len(c.Batches), len(d.Batches)) {
		b := Batch{Size: size + 1}
		for _, part := range []Counters{c, d} {
			if size < len(part.Batches) {
				p := part.Batches[size]
				b.ComputeInput, b.ComputeInfer, b.ComputeOutput = add(b.ComputeInput, p.ComputeInput),
					add(b.ComputeInfer, p.ComputeInfer), add(b.ComputeOutput, p.ComputeOutput)
			}
		}
		sum.Batches = append(sum.Batches, b)
	}
	return sum
}

func TestSubIsTheInverseOfAdding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, more := drawStats(t), drawStats(t)
		now := before
		now.Counters = before.plus(more.Counters)
		delta, err := now.Sub(before)
		if err != nil {
			t.Fatal(err)
		}
		want := more.Counters
		var executed []Batch
		for _, b := range want.Batches {
			if b.ComputeInfer.Count > 0 {
				executed = append(executed, b)
			}
		}
		want.Batches = executed
		if diff := cmp.Diff(want, delta.Counters); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestSubRefusesResets(t *testing.T) {
	before := statsOf(modelStats("1"))
	for name, change := range map[string]func(*Stats){
		"fresh server":   func(s *Stats) { s.Counters = Counters{} },
		"one count":      func(s *Stats) { s.Success.Count-- },
		"one time":       func(s *Stats) { s.Queue.Time-- },
		"one batch":      func(s *Stats) { s.Batches[1].ComputeInfer.Count-- },
		"a batch gone":   func(s *Stats) { s.Batches = s.Batches[:1] },
		"other version":  func(s *Stats) { s.Version = "2" },
		"other model":    func(s *Stats) { s.Model = "detector" },
		"all but one up": func(s *Stats) { s.Inferences += 1000; s.Executions = 0 },
	} {
		now := statsOf(modelStats("1"))
		change(&now)
		if _, err := now.Sub(before); !errors.Is(err, ErrReset) || !strings.Contains(err.Error(), `"arcface"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every version of every model has counters of its own; one without a name is
// nobody's.
func TestAllStatistics(t *testing.T) {
	f := newFake()
	nameless := modelStats("1")
	nameless.Name = ""
	f.stats = []*service.ModelStatistics{modelStats("1"), modelStats("2"), nameless}
	got, err := serve(t, f).AllStatistics(context.Background())
	if err != nil || len(got) != 2 || got[0].Version != "1" || got[1].Version != "2" || got[1].Success.Count != 15 {
		t.Errorf("got %+v, %v", got, err)
	}
}
