package runner

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tritonsweep/results"
	"tritonsweep/sweep"
)

// leakyServer is a Server whose memory grows each time that somebody looks.
type leakyServer struct {
	*faultyServer
	used, step atomic.Int64
}

func (s *leakyServer) MemoryNow(context.Context) (used, limit int64, err error) {
	if s.step.Load() < 0 {
		return 0, 0, errors.New("the engine is busy")
	}
	return s.used.Add(s.step.Load()), 1000 << 20, nil
}

// A load that takes the container's memory is stopped, the heavier ones are not
// tried, and the config is put back.
func TestGuardStopsALoad(t *testing.T) {
	for _, tt := range []struct {
		name  string
		cap   MemoryCap
		step  int64
		wants string // of the first load; "": it is measured
	}{
		{"above the share", MemoryCap{Share: 0.9}, 950 << 20, "MiB of 1000 MiB, more than the 900 MiB allowed"},
		{"above the bytes", MemoryCap{Bytes: 100 << 20}, 950 << 20, "more than the 100 MiB allowed"},
		{"below", MemoryCap{Share: 0.9}, 0, ""},
		{"not to be watched", MemoryCap{}, 950 << 20, ""},
		{"not known", MemoryCap{Share: 0.9}, -1, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "none")
			before := w.config(t)
			server := &leakyServer{faultyServer: w.server}
			server.step.Store(tt.step)
			outcome, err := w.run(t, Restart, func(c *Config) {
				c.Server, c.MaxContainerMemory = server, tt.cap
				c.Plan.Trials = c.Plan.Trials[:1]
				c.Plan.Trials[0].Loads = sweep.Closed([]int{2, 4}, []int{1})
				if tt.wants != "" { // it is stopped long before
					c.Load.MinDuration, c.Load.MaxDuration = time.Minute, time.Minute
				}
			})
			if err != nil || w.config(t) != before || len(w.records) != 2 {
				t.Fatalf("error %v, %d records, config:\n%s", err, len(w.records), w.config(t))
			}
			first, second := w.records[0], w.records[1]
			if tt.wants == "" {
				if first.Verdict == results.Failed || second.Verdict == results.Failed {
					t.Errorf("%v, %v", first.Reasons, second.Reasons)
				}
				return
			}
			if first.Verdict != results.Failed || !strings.Contains(strings.Join(first.Reasons, ";"), tt.wants) {
				t.Errorf("the first load: %s %v", first.Verdict, first.Reasons)
			}
			if second.Verdict != results.Failed || !strings.Contains(strings.Join(second.Reasons, ";"), "not tried: c=2 b=1 was stopped") {
				t.Errorf("the second load: %s %v", second.Verdict, second.Reasons)
			}
			if outcome.Bad() != 2 {
				t.Errorf("%d bad points", outcome.Bad())
			}
		})
	}
}

func TestHeavier(t *testing.T) {
	closed, open := sweep.Load{Concurrency: 8, BatchSize: 2}, sweep.Load{Rate: 100, BatchSize: 2}
	for _, tt := range []struct {
		l, stopped sweep.Load
		want       bool
	}{
		{sweep.Load{Concurrency: 16, BatchSize: 1}, closed, true},
		{sweep.Load{Concurrency: 4, BatchSize: 2}, closed, false},
		{sweep.Load{Rate: 200, BatchSize: 2}, open, true},
		{sweep.Load{Rate: 200, BatchSize: 1}, open, false},
		{open, closed, false},
		{closed, open, false},
	} {
		if got := heavier(tt.l, tt.stopped); got != tt.want {
			t.Errorf("%s after %s: %v", tt.l, tt.stopped, got)
		}
	}
}
