package runner

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/results"
	"tritonsweep/runner/load"
	"tritonsweep/sweep"
)

// slowAtFirst keeps requests waiting that were not asked before, as a cache in front
// of the server would.
func slowAtFirst() func(method string, request []byte) {
	var mu sync.Mutex
	known := map[string]bool{}
	return func(method string, request []byte) {
		if method != "ModelInfer" {
			return
		}
		mu.Lock()
		again := known[string(request)]
		known[string(request)] = true
		mu.Unlock()
		if !again {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// checkOf returns a record's check of a name.
func checkOf(r results.Record, name string) (results.Check, bool) {
	i := slices.IndexFunc(r.Checks, func(c results.Check) bool { return c.Name == name })
	if i < 0 {
		return results.Check{}, false
	}
	return r.Checks[i], true
}

// TestRuleRepeatedOnServer: a server that answers sooner what it was asked before is
// named in every record of the run, also with an open loop; one that does not is
// not; and no request of the comparison is in a window.
func TestRuleRepeatedOnServer(t *testing.T) {
	for name, c := range map[string]struct {
		asked   func(method string, request []byte)
		mode    Mode
		loads   []sweep.Load
		suspect bool
		says    string
	}{
		"a cache":       {slowAtFirst(), Restart, nil, true, "something answers from memory"},
		"an open loop":  {slowAtFirst(), None, sweep.Open([]float64{200}, []int{1}, sweep.Poisson, ""), true, "something answers from memory"},
		"no difference": {nil, None, nil, false, "40 requests of each, of the former 1 different ones"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "")
			w.behind(t, &proxy{meddle: func(string, int) error { return nil }, asked: c.asked})
			warnings := 0
			_, err := w.run(t, c.mode, func(config *Config) {
				config.Load.Data = load.Data{Source: load.Random}
				if c.mode == None {
					untouchedTrial(config)
				}
				config.Progress = func(e Event) {
					if e.Step == Warning && strings.Contains(e.Text, c.says) {
						warnings++
					}
				}
				for i := range config.Plan.Trials {
					if c.loads != nil {
						config.Plan.Trials[i].Loads = c.loads
					}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range w.records {
				check, found := checkOf(r, "repeated")
				if !found || !check.Passed || check.Suspect != c.suspect || !strings.Contains(check.Detail, c.says) {
					t.Errorf("%s: %+v", r.Settings, check)
				}
				if named := strings.Contains(strings.Join(r.Reasons, "; "), c.says); c.suspect && r.Verdict != results.Void && (r.Verdict == results.OK || !named) {
					t.Errorf("%s: %s %v", r.Settings, r.Verdict, r.Reasons)
				}
				if count, found := checkOf(r, "count"); !found || !count.Passed {
					t.Errorf("%s: %+v", r.Settings, count)
				}
			}
			if len(w.records) == 0 || (warnings == 1) != c.suspect {
				t.Errorf("%d records, %d warnings", len(w.records), warnings)
			}
			w.expectRestored(t)
		})
	}
}

// TestNotCompared: where nothing can be said the check says why, holds nothing
// against the model, and the run goes on.
func TestNotCompared(t *testing.T) {
	for _, c := range []struct {
		name, says string
		fails      int // ModelInfer requests
		data       load.Data
	}{
		{"a failing request", "Unavailable: not now", 1, load.Data{Source: load.Random}},
		{"nothing to vary", "nothing to vary", 0, load.Data{Inputs: map[string][]load.Feed{"input": {{Source: load.Random}, {Source: load.Zeros}}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, "")
			w.through(t, func(method string, n int) error {
				if method == "ModelInfer" && n <= c.fails {
					return status.Error(codes.Unavailable, "not now")
				}
				return nil
			})
			outcome, err := w.run(t, None, func(config *Config) {
				untouchedTrial(config)
				config.Load.Data = c.data
			})
			if err != nil || outcome.Bad() > 0 {
				t.Fatalf("%+v, %v\n%s", outcome, err, w.verdicts())
			}
			for _, r := range w.records {
				if check, found := checkOf(r, "repeated"); !found || !check.Passed || check.Suspect || !strings.Contains(check.Detail, c.says) {
					t.Errorf("%+v", check)
				}
			}
		})
	}
}

// TestComparisonInterrupted: an interruption ends the run within the comparison, with
// nothing changed and nothing recorded.
func TestComparisonInterrupted(t *testing.T) {
	w := newWorld(t, "")
	stop := errors.New("asked to stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	w.through(t, func(method string, n int) error {
		if method == "ModelInfer" && n == 20 {
			cancel(stop)
		}
		return nil
	})
	outcome, err := w.runContext(ctx, t, func(config *Config) { config.Load.Data = load.Data{Source: load.Random} })
	if !errors.Is(err, stop) || len(w.records) > 0 {
		t.Errorf("%+v, %v, %d records", outcome, err, len(w.records))
	}
	if w.server.restarts > 0 {
		t.Errorf("the server was restarted %d times", w.server.restarts)
	}
	w.expectRestored(t)
}
