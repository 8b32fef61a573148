package load

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/results"
	"tritonsweep/results/histogram"
)

// Each rule that the client can judge alone has a test that is named after it,
// with one case that trips it and one that must not.

// rule returns a check of a result, which must be there once.
func rule(t *testing.T, r Result, name string) results.Check {
	t.Helper()
	var found []results.Check
	for _, c := range r.Checks() {
		if c.Name == name {
			found = append(found, c)
		}
	}
	if len(found) != 1 || found[0].Detail == "" {
		t.Fatalf("rule %q: %+v", name, found)
	}
	return found[0]
}

// expectRule demands what a rule says about a result, and that the verdict
// follows from it: void when it failed, not ok when it is suspect.
func expectRule(t *testing.T, r Result, name string, passed, suspect bool) {
	t.Helper()
	c := rule(t, r, name)
	if c.Passed != passed || c.Suspect != suspect {
		t.Errorf("%+v, want passed %t, suspect %t", c, passed, suspect)
	}
	if (r.Verdict == results.Void) == passed || suspect && r.Verdict == results.OK {
		t.Errorf("verdict %s %v after %+v", r.Verdict, r.Reasons, c)
	}
	if !passed && !slices.ContainsFunc(r.Reasons, func(s string) bool { return strings.HasPrefix(s, name+": ") }) {
		t.Errorf("the reasons %q do not name the rule %s", r.Reasons, name)
	}
}

// TestRuleLittle: callers that are busy for twice as long as their requests are
// said to last are unaccounted for.
func TestRuleLittle(t *testing.T) {
	for passed, answered := range map[bool]time.Duration{true: 20 * time.Millisecond, false: 10 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			transport := hasty{fixed(20 * time.Millisecond), answered}
			r := mustRun(t, transport, quickSpec(4))
			expectRule(t, r, "little", passed, false)
		})
	}
}

// hasty says that answers came after a time, whenever they did.
type hasty struct {
	*fake
	after time.Duration
}

func (h hasty) Infer(ctx context.Context, caller int, p *Payload, keep bool) (Answer, error) {
	start := time.Now()
	a, err := h.fake.Infer(ctx, caller, p, keep)
	a.Received = start.Add(h.after)
	return a, err
}

// TestRuleErrors: more than one call in a hundred failed; more than one in a
// thousand; none.
func TestRuleErrors(t *testing.T) {
	for _, c := range []struct {
		every           int64
		passed, suspect bool
	}{{50, false, false}, {500, true, true}, {1 << 40, true, false}} {
		synctest.Test(t, func(t *testing.T) {
			f := fixed(0)
			f.serve = func(_ context.Context, n int64, _ int) (time.Duration, error) {
				if n%c.every == c.every-1 {
					return time.Millisecond, status.Error(codes.Unavailable, "busy")
				}
				return 5 * time.Millisecond, nil
			}
			expectRule(t, mustRun(t, f, quickSpec(4)), "errors", c.passed, c.suspect)
		})
	}
}

// TestRuleClientBound trips each of the three limits, and none, and demands that
// each says what to do.
func TestRuleClientBound(t *testing.T) {
	edges := []float64{0, 1e-6, 1e-3, 5e-3, 1}
	for _, c := range []struct {
		name            string
		after           usage
		passed, suspect bool
		hint            string
	}{
		{"idle", usage{cpu: time.Second, lags: []uint64{1000, 0, 0, 0}}, true, false, ""},
		{"CPU", usage{cpu: time.Hour, lags: []uint64{1000, 0, 0, 0}}, false, false, "another machine or give it more processors, or offer less"},
		{"garbage collection", usage{cpu: time.Second, gc: time.Minute, lags: []uint64{1000, 0, 0, 0}}, false, false, "fewer callers or fewer distinct inputs"},
		{"rare lag", usage{cpu: time.Second, lags: []uint64{999, 0, 0, 1}}, true, false, ""},
		{"lag of a fiftieth", usage{cpu: time.Second, lags: []uint64{980, 0, 20, 0}}, true, true, ""},
		{"lag", usage{cpu: time.Second, lags: []uint64{900, 0, 0, 100}}, false, false, "something else keeps the client's processors"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec := quickSpec(4)
				now := usage{lags: []uint64{0, 0, 0, 0}, edges: edges}
				spec.host = func() usage { return now }
				spec.Boundary = func(_ context.Context, at Phase) error {
					if at == WindowEnd {
						now = c.after
						now.edges = edges
					}
					return nil
				}
				r := mustRun(t, fixed(20*time.Millisecond), spec)
				expectRule(t, r, "client-bound", c.passed, c.suspect)
				if detail := rule(t, r, "client-bound").Detail; !strings.Contains(detail, c.hint) || c.hint != "" && !strings.Contains(detail, "(hint: ") {
					t.Errorf("%s: what to do is missing", detail)
				}
			})
		})
	}
}

// TestRuleSchedule: an open loop whose client sends late holds that against the
// server. A closed loop has no schedule.
func TestRuleSchedule(t *testing.T) {
	latencies := histogram.New()
	for range 1000 {
		latencies.Record(20 * time.Millisecond)
	}
	for _, c := range []struct {
		name            string
		flow            *Flow
		passed, suspect bool
	}{
		{"closed", nil, true, false},
		{"in time", &Flow{Lag: 100 * time.Microsecond, MeanLag: 20 * time.Microsecond}, true, false},
		{"seldom late", &Flow{Lag: 1500 * time.Microsecond, MeanLag: 50 * time.Microsecond}, true, true},
		{"often late", &Flow{Lag: 5 * time.Millisecond, MeanLag: 50 * time.Microsecond}, false, false},
		{"late on average", &Flow{Lag: 1500 * time.Microsecond, MeanLag: 1200 * time.Microsecond}, false, false},
	} {
		o := &outcome{run: &run{}}
		check := o.schedule(&Result{Requests: 1000, Histogram: latencies, Flow: c.flow})
		if check.Passed != c.passed || check.Suspect != c.suspect || check.Detail == "" {
			t.Errorf("%s: %+v", c.name, check)
		}
	}
}

// TestRuleAnswers: one answer in a thousand is decoded, and one that is not the
// model's makes the point void.
func TestRuleAnswers(t *testing.T) {
	for passed, name := range map[bool]string{true: "m", false: "somebody else"} {
		synctest.Test(t, func(t *testing.T) {
			f := fixed(0)
			f.serve = func(_ context.Context, n int64, _ int) (time.Duration, error) {
				if n == 1000 {
					other := testModel()
					other.Name = name
					f.body = answerTo(other, 1)
				}
				return time.Millisecond, nil
			}
			expectRule(t, mustRun(t, f, quickSpec(1)), "answers", passed, false)
		})
	}
}

// TestRuleAnswersAllSizes: an answer that is never decoded is noticed by its size,
// where sizes are fixed.
func TestRuleAnswersAllSizes(t *testing.T) {
	for passed, length := range map[bool]int{true: 0, false: 1} {
		synctest.Test(t, func(t *testing.T) {
			spec := quickSpec(1)
			spec.Model.Outputs[0].Shape = []int64{3, 2}
			f := fixed(0)
			f.serve = func(_ context.Context, n int64, _ int) (time.Duration, error) {
				full := answerTo(testModel(), 1)
				f.body = full
				if n == 1500 { // one that nobody looks at
					f.body = full[:len(full)-length]
				}
				return time.Millisecond, nil
			}
			r := mustRun(t, f, spec)
			expectRule(t, r, "answers", passed, false)
		})
	}
}

// TestRuleDuration: a window of less than three latencies is mostly its ends.
func TestRuleDuration(t *testing.T) {
	for passed, latency := range map[bool]time.Duration{true: 500 * time.Millisecond, false: 1500 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			spec := quickSpec(4)
			spec.MinDuration, spec.MaxDuration = 4*time.Second, 4*time.Second
			r := mustRun(t, fixed(latency), spec)
			if check := rule(t, r, "duration"); check.Passed != passed {
				t.Errorf("%+v", check)
			}
			if !passed && r.Verdict != results.Void {
				t.Errorf("verdict %s %v", r.Verdict, r.Reasons)
			}
		})
	}
}

// TestRuleSamples: a quantile that the sample does not support has no value, and
// the rule says how many requests are missing; it never makes a point void.
func TestRuleSamples(t *testing.T) {
	for supported, length := range map[bool]time.Duration{true: 30 * time.Second, false: 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			spec := quickSpec(1)
			spec.MinDuration, spec.MaxDuration = length, length
			r := mustRun(t, fixed(20*time.Millisecond), spec)
			check := rule(t, r, "samples")
			if p99, _ := r.Quantile(0.99); (p99.Missing == 0) != supported || !supported && p99.Value != 0 {
				t.Errorf("p99 %+v", p99)
			}
			if !check.Passed || strings.Contains(check.Detail, "p99 needs ") == supported {
				t.Errorf("%+v", check)
			}
			if c := r.Client(); (c.P99 != nil) != supported || (c.Missing["p99"] > 0) == supported {
				t.Errorf("p99 %+v, missing %v", c.P99, c.Missing)
			}
		})
	}
}

// TestRuleSteady: a server that slows down for ever has no steady state, and its
// figures are not to be used; one that only varies has one.
func TestRuleSteady(t *testing.T) {
	for _, slower := range []float64{0, 1} { // milliseconds a second
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			var mu sync.Mutex
			random := rand.New(rand.NewPCG(8, 8))
			f := fixed(0)
			f.serve = func(context.Context, int64, int) (time.Duration, error) {
				mu.Lock()
				defer mu.Unlock()
				return time.Duration((10 + random.Float64() + slower*time.Since(begin).Seconds()) * float64(time.Millisecond)), nil
			}
			r := mustRun(t, f, quickSpec(4))
			drifts := slower > 0
			expectRule(t, r, "steady", true, drifts)
			if (r.Verdict == results.Unsteady) != drifts || drifts == r.Verdict.Usable() {
				t.Errorf("verdict %s %v", r.Verdict, r.Reasons)
			}
		})
	}
}

// TestRuleInstances: of a model with two instances every second request fails,
// while the others are as fast as ever.
func TestRuleInstances(t *testing.T) {
	for _, dead := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := fixed(0)
			f.serve = func(_ context.Context, n int64, _ int) (time.Duration, error) {
				if dead && n%2 == 1 {
					return time.Millisecond, status.Error(codes.Internal, "stub process is not healthy")
				}
				return 5 * time.Millisecond, nil
			}
			spec := quickSpec(4)
			spec.Instances = 2
			r, err := Run(t.Context(), f, spec)
			if !dead {
				if err != nil {
					t.Fatal(err)
				}
				expectRule(t, r, "instances", true, false)
				return
			}
			got, ok := err.(*InstancesError)
			if !ok || got.Asked != 4 || got.Failed == 0 || got.Check().Passed || !strings.Contains(got.Check().Detail, "not healthy") {
				t.Errorf("error %v", err)
			}
			if n := f.n.Load(); n != 5 {
				t.Errorf("%d requests, want the probe and two an instance", n)
			}
		})
	}
}

// TestRollCallIsBounded: many slow instances are not waited for for ever, and a
// slow one is not dead.
func TestRollCallIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := quickSpec(2)
		spec.Instances = 1000
		spec.MinDuration, spec.MaxDuration = 20*time.Second, 20*time.Second
		begin := time.Now()
		r := mustRun(t, fixed(3*time.Second), spec)
		if c := rule(t, r, "instances"); !c.Passed || !strings.HasPrefix(c.Detail, "6 requests") {
			t.Errorf("%+v", c)
		}
		if d := time.Since(begin); d > 80*time.Second {
			t.Errorf("the run took %v", d)
		}
	})
}
