package runner

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/results"
	"tritonsweep/runner/triton"
)

// busy returns readings of a model of somebody else's: each adds requests to the
// one before, of which some fail, and the others take so long.
type busy struct{ stats triton.Stats }

func (b *busy) next(requests, failures uint64, each time.Duration) []triton.Stats {
	if b.stats.Model == "" {
		b.stats.Model, b.stats.Version = "theirs", "1"
	}
	b.stats.Fail.Count += failures
	b.stats.Success.Count += requests - failures
	b.stats.Success.Time += time.Duration(requests-failures) * each
	return []triton.Stats{b.stats}
}

// TestFault68OthersHurt: what counts as harm to others, second for second.
func TestFault68OthersHurt(t *testing.T) {
	type second struct {
		requests, failures uint64
		each               time.Duration
	}
	const ms = time.Millisecond
	healthy, slow, failing := second{50, 0, 10 * ms}, second{50, 0, 25 * ms}, second{50, 5, 10 * ms}
	times := func(n int, s second) []second {
		var all []second
		for range n {
			all = append(all, s)
		}
		return all
	}
	join := func(lists ...[]second) (all []second) {
		for _, l := range lists {
			all = append(all, l...)
		}
		return all
	}
	for _, tt := range []struct {
		name   string
		before second
		under  []second
		hurtAt int // the reading that ends the sweep, from 1; 0: none does
	}{
		{"as before", healthy, times(20, healthy), 0},
		{"a little slower", healthy, times(20, second{50, 0, 19 * ms}), 0},
		{"slow for less", healthy, join(times(4, slow), times(1, healthy), times(4, slow)), 0},
		{"slow", healthy, join(times(3, healthy), times(5, slow)), 8},
		{"slow with pauses", healthy, join(times(3, slow), times(9, second{}), times(2, slow)), 14},
		{"failing", healthy, times(6, failing), 5},
		{"failing as before", failing, times(20, failing), 0},
		{"one error", healthy, join(times(1, second{500, 1, 10 * ms}), times(9, healthy)), 0},
		{"all fail", healthy, times(6, second{50, 50, 0}), 5},
		{"few requests wait for more", healthy, times(30, second{1, 0, 30 * ms}), 5},
		{"a tiny model", second{50, 0, 100 * time.Microsecond}, times(20, second{50, 0, 900 * time.Microsecond}), 0},
		{"nobody before", second{}, times(20, slow), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var theirs busy
			first := theirs.next(7, 0, ms)
			watch := newHarmWatch(2, harmPatience, first, theirs.next(tt.before.requests, tt.before.failures, tt.before.each))
			if watch == nil {
				if tt.before.requests > 0 {
					t.Fatal("nobody is watched")
				}
				return
			}
			watch.begin(theirs.next(1000, 0, time.Hour)) // what a restart does to them
			for i, s := range tt.under {
				err := watch.observe(theirs.next(s.requests, s.failures, s.each), time.Second)
				if (err != nil) != (i+1 == tt.hurtAt) {
					t.Fatalf("reading %d: %v", i+1, err)
				}
				if err != nil {
					if !harmed(err) || !strings.Contains(err.Error(), "theirs on this server fare worse") {
						t.Errorf("error %v", err)
					}
					return
				}
			}
			if tt.hurtAt > 0 {
				t.Error("it was not seen")
			}
		})
	}
}

func harmed(err error) bool {
	_, ok := errors.AsType[*HarmError](err)
	return ok
}

// Counters of another process prove nothing, and neither does a model that is new.
func TestHarmAfterARestart(t *testing.T) {
	var theirs, anew busy
	first := theirs.next(7, 0, time.Millisecond)
	watch := newHarmWatch(2, time.Second, first, theirs.next(50, 0, time.Millisecond))
	watch.begin(theirs.next(50, 0, time.Millisecond))
	if err := watch.observe(anew.next(20, 20, 0), time.Minute); err != nil {
		t.Error(err)
	}
	if err := watch.observe(nil, time.Minute); err != nil {
		t.Error(err)
	}
	if err := watch.observe(anew.next(20, 20, 0), time.Minute); err != nil { // nothing to compare it with
		t.Error(err)
	}
	if err := watch.observe(anew.next(20, 20, 0), time.Minute); !harmed(err) {
		t.Errorf("error %v", err)
	}
}

// TestFault68SweepEnds: a sweep that hurts others stops its load, puts the config
// back, verifies the server, and says what it did to whom.
func TestFault68SweepEnds(t *testing.T) {
	for _, tt := range []struct {
		name     string
		slowdown float64
		each     time.Duration // of their requests under load; 1 ms before
		hurt     bool
	}{
		{"hurt", 2, time.Second, true},
		{"spared", 2, time.Millisecond, false},
		{"not watched", 0, time.Second, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "none")
			var theirs busy
			var readings atomic.Int64
			read := func(context.Context) ([]triton.Stats, error) {
				each := time.Millisecond
				if readings.Add(1) > 2 { // the baseline
					each = tt.each
				}
				return theirs.next(10, 0, each), nil
			}
			points := 0
			_, err := w.run(t, Restart, func(c *Config) {
				points = len(c.Plan.Trials) // of one load each
				c.MaxSlowdown = tt.slowdown
				// Whatever a busy machine lets the ticks do, the reading at the end of
				// the first window is later than that.
				c.others = others{read: read, baseline: time.Millisecond, every: 10 * time.Millisecond, patience: 20 * time.Millisecond}
			})
			if harmed(err) != tt.hurt || !tt.hurt && err != nil {
				t.Fatalf("error %v", err)
			}
			w.expectRestored(t)
			if tt.hurt {
				points = 1
			}
			if len(w.records) != points {
				t.Fatalf("%d records, want %d\n%s", len(w.records), points, w.verdicts())
			}
			if !tt.hurt {
				return
			}
			if r := w.records[0]; r.Verdict == results.Failed && !strings.Contains(strings.Join(r.Reasons, ";"), "the requests of others to theirs") {
				t.Errorf("%s %v", r.Verdict, r.Reasons)
			}
			for _, want := range []string{"1e+03 ms each", "before it 1 ms each", "more than 2 times", "--isolate", "--max-slowdown"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
		})
	}
}

// TestFault68WhoAreOthers: those of the server, without what the sweep loads; with a
// copy, all of the container that was copied.
func TestFault68WhoAreOthers(t *testing.T) {
	w := newWorld(t, "none")
	client, err := w.server.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	r := newRun(Config{Client: client})
	names := func() (names []string) {
		all, err := r.readOthers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			names = append(names, s.Model)
		}
		return names
	}
	if got := names(); len(got) != 1 || got[0] != "face" {
		t.Errorf("without a plan: %v", got)
	}
	ensemble := &tritonpb.ModelConfig{SchedulingChoice: &tritonpb.ModelConfig_EnsembleScheduling{
		EnsembleScheduling: &tritonpb.ModelEnsembling{Step: []*tritonpb.ModelEnsembling_Step{{ModelName: "face"}}},
	}}
	for _, own := range []map[string]*tritonpb.ModelConfig{{"face": nil}, {"both": ensemble}} {
		if r.originals = own; len(names()) != 0 {
			t.Errorf("with %v: %v", own, names())
		}
	}
	if r.Production = client; len(names()) != 1 {
		t.Errorf("beside a copy: %v", names())
	}
}
