package runner

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/results"
	"tritonsweep/results/histogram"
	"tritonsweep/runner/load"
	"tritonsweep/runner/triton"
	"tritonsweep/runner/tritonsim"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// Each rule that needs the server has a test that is named after it, with one
// case that trips it and one that must not. Rows 24, 36, 37 and 43 to 46 of the
// fault matrix, in faults_test.go, trip them on a server.

func expectCheck(t *testing.T, c results.Check, name string, passed, suspect bool) {
	t.Helper()
	if c.Name != name || c.Passed != passed || c.Suspect != suspect || c.Detail == "" {
		t.Errorf("%+v, want %s passed %t, suspect %t", c, name, passed, suspect)
	}
}

// TestRuleConfig: the config in force is the one asked for, at both ends.
func TestRuleConfig(t *testing.T) {
	original := &tritonpb.ModelConfig{Name: "face", MaxBatchSize: 8, SchedulingChoice: &tritonpb.ModelConfig_DynamicBatching{
		DynamicBatching: &tritonpb.ModelDynamicBatching{MaxQueueDelayMicroseconds: 500},
	}}
	with := func(delay uint64) *tritonpb.ModelConfig {
		c := proto.Clone(original).(*tritonpb.ModelConfig)
		c.GetDynamicBatching().MaxQueueDelayMicroseconds = delay
		return c
	}
	for _, c := range []struct {
		name                    string
		verified, before, after uint64
		passed                  bool
	}{
		{"as asked", 2000, 2000, 2000, true}, {"untouched", 0, 500, 500, true},
		{"changed in the window", 2000, 2000, 7000, false}, {"changed before it", 2000, 7000, 7000, false}, {"changed and back", 0, 7000, 500, false},
	} {
		r := newRun(Config{})
		r.originals = map[string]*tritonpb.ModelConfig{"face": original}
		if c.verified > 0 {
			r.verified["face"] = with(c.verified)
		}
		check := r.config("face", with(c.before), with(c.after))
		expectCheck(t, check, "config", c.passed, false)
		if (r.foreign == nil) != c.passed {
			t.Errorf("%s: foreign change %v", c.name, r.foreign)
		}
	}
}

// TestRuleProcess: the same container, started once.
func TestRuleProcess(t *testing.T) {
	was := Identity{ID: "a1", StartedAt: time.Unix(1000, 0)}
	restarted, again, other := was, was, was
	restarted.StartedAt, again.Restarts, other.ID = time.Unix(2000, 0), 1, "b2"
	expectCheck(t, process(was, was), "process", true, false)
	for _, is := range []Identity{restarted, again, other} {
		expectCheck(t, process(was, is), "process", false, false)
	}
}

// stats are readings of counters at the ends of a window.
func window(requests uint64, inside time.Duration, change func(*triton.Stats)) *serverWindow {
	start := triton.Stats{Model: "face", Version: "1"}
	start.Success = triton.Tally{Count: 500, Time: time.Second}
	start.Inferences, start.Executions = 500, 500
	end := start
	end.Success.Count += requests
	end.Success.Time += time.Duration(requests) * inside
	end.Inferences += requests
	end.Executions += requests / 4
	if change != nil {
		change(&end)
	}
	return &serverWindow{model: "face", start: &start, end: &end}
}

// TestRuleCounters: a counter that fell belongs to another life of the model.
func TestRuleCounters(t *testing.T) {
	if _, err := window(1000, time.Millisecond, nil).server(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*triton.Stats){
		"fell":        func(s *triton.Stats) { s.Success.Count = 3 },
		"new version": func(s *triton.Stats) { s.Version = "2" },
	} {
		if s, err := window(1000, time.Millisecond, change).server(); err == nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// TestRuleCount: up to 1 % more or less is nothing, up to 5 % is suspect, beyond
// it somebody else was served, or somebody else answered.
func TestRuleCount(t *testing.T) {
	const client, tolerance = 1000, 4
	for _, c := range []struct {
		server          uint64
		passed, suspect bool
	}{{1000, true, false}, {1014, true, false}, {986, true, false}, {1030, true, true}, {970, true, true}, {1060, false, true}, {940, false, true}} {
		w := window(c.server, time.Millisecond, nil)
		s, err := w.server()
		if err != nil {
			t.Fatal(err)
		}
		record := &results.Record{Server: s, Client: results.Client{Requests: client}}
		check := w.count(record, tolerance)
		expectCheck(t, check, "count", c.passed, c.suspect)
		if who := "somewhere else"; c.suspect && c.server < client && !strings.Contains(check.Detail, who) {
			t.Errorf("%s does not say %q", check.Detail, who)
		}
		if who := "something else uses the model"; c.suspect && c.server > client && !strings.Contains(check.Detail, who) {
			t.Errorf("%s does not say %q", check.Detail, who)
		}
	}
}

// TestRuleBatch: an execution holds one item at least and max_batch_size at most.
func TestRuleBatch(t *testing.T) {
	config := &tritonpb.ModelConfig{MaxBatchSize: 8}
	for average, passed := range map[float64]bool{1: true, 4.5: true, 8: true, 0.5: false, 9: false, math.NaN(): false} {
		check := (&serverWindow{}).batch(&results.Server{Executions: 100, AverageBatch: average}, config)
		expectCheck(t, check, "batch", passed, false)
	}
	expectCheck(t, (&serverWindow{}).batch(&results.Server{}, config), "batch", true, false)
}

// TestRuleServerTime: no request spends more time in the server than its client
// waited for it.
func TestRuleServerTime(t *testing.T) {
	latencies := histogram.New()
	for range 1000 {
		latencies.Record(10 * time.Millisecond)
	}
	result := load.Result{Requests: 1000, Tolerance: 4, Histogram: latencies}
	for inside, passed := range map[time.Duration]bool{9 * time.Millisecond: true, 10 * time.Millisecond: true, 11 * time.Millisecond: false} {
		expectCheck(t, window(1000, inside, nil).serverTime(result), "server-time", passed, false)
	}
	expectCheck(t, window(0, 0, nil).serverTime(load.Result{}), "server-time", true, false)
}

// TestRuleCache: answers of a response cache cost no inference.
func TestRuleCache(t *testing.T) {
	off, on := &tritonpb.ModelConfig{}, &tritonpb.ModelConfig{ResponseCache: &tritonpb.ModelResponseCache{Enable: true}}
	hits := func(s *triton.Stats) { s.CacheHit = triton.Tally{Count: 900, Time: time.Millisecond} }
	expectCheck(t, window(1000, time.Millisecond, nil).cache(off), "cache", true, false)
	expectCheck(t, window(1000, time.Millisecond, nil).cache(on), "cache", true, true)
	expectCheck(t, window(1000, time.Millisecond, hits).cache(on), "cache", true, true)
}

// clockChecks measures a window of two seconds at the ends of which the clocks
// stand like this.
func clockChecks(start, end instants) (clock, sleep results.Check) {
	reads := []instants{start, end}
	w := &clockWatch{read: func() instants {
		now := reads[0]
		if len(reads) > 1 {
			reads = reads[1:]
		}
		return now
	}}
	w.start, w.last = w.read(), start.monotonic
	w.boundary(load.WindowEnd)
	checks := w.checks()
	return checks[0], checks[1]
}

// TestRuleClock: a wall clock that is set makes the times beside the figures
// doubtful, and not the figures; one that is slewed does not.
func TestRuleClock(t *testing.T) {
	for step, suspect := range map[time.Duration]bool{0: false, 50 * time.Millisecond: false, time.Hour: true, -time.Second: true} {
		clock, _ := clockChecks(instants{}, instants{wall: 900*time.Millisecond + step, monotonic: 900 * time.Millisecond, boot: 900 * time.Millisecond})
		expectCheck(t, clock, "clock", true, suspect)
	}
}

// TestRuleSleep: a machine that slept, or a process that was stopped, measured
// nothing.
func TestRuleSleep(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		end    instants
		passed bool
	}{
		"awake":               {instants{900 * ms, 900 * ms, 900 * ms}, true},
		"asleep":              {instants{900 * ms, 900 * ms, 30_900 * ms}, false},
		"stopped":             {instants{1600 * ms, 1600 * ms, 1600 * ms}, false},
		"boot clock's grains": {instants{900 * ms, 900 * ms, 901 * ms}, true},
	} {
		_, sleep := clockChecks(instants{}, c.end)
		if sleep.Passed != c.passed || sleep.Name != "sleep" {
			t.Errorf("%s: %+v", name, sleep)
		}
	}
}

// TestRuleFigures: a figure that cannot be is taken out, because it can neither
// be stored nor shown; what is absent stays absent.
func TestRuleFigures(t *testing.T) {
	good := func() *results.Record {
		return &results.Record{
			Client: results.Client{Requests: 10, Throughput: &results.Estimate{Value: 5, Low: 4, High: 6}, Histogram: []byte{255}},
			Server: &results.Server{Batches: []results.Batch{{Size: 1, Executions: 10, ComputeInfer: 2}}},
		}
	}
	expectCheck(t, figures(good()), "figures", true, false)
	for place, spoil := range map[string]func(*results.Record){
		"client.throughput_per_s.high is +Inf":    func(r *results.Record) { r.Client.Throughput.High = math.Inf(1) },
		"server.batches[0].compute_infer_ms is -": func(r *results.Record) { r.Server.Batches[0].ComputeInfer = -2 },
		"server.queue_ms is NaN":                  func(r *results.Record) { r.Server.Queue = math.NaN() },
		"resources.gpus[0].utilization is NaN": func(r *results.Record) {
			r.Resources.GPUs = []results.GPU{{Utilization: tritonconfig.Ptr(math.NaN())}}
		},
	} {
		r := good()
		spoil(r)
		check := figures(r)
		expectCheck(t, check, "figures", false, false)
		if !strings.Contains(check.Detail, place) {
			t.Errorf("%s does not say %q", check.Detail, place)
		}
		if again := figures(r); !again.Passed {
			t.Errorf("%s was left in: %s", place, again.Detail)
		}
	}
}

// everyRule is what a point is held to, in the order of the documentation.
var everyRule = []string{"little", "errors", "client-bound", "schedule", "answers", "duration", "samples", "steady", "outputs", "instances", "retries",
	"config", "process", "counters", "count", "batch", "server-time", "cache", "repeated", "clock", "sleep", "neighbours", "figures"}

// expectEveryRule demands that a record names all rules, with their figures.
func expectEveryRule(t *testing.T, r results.Record) {
	t.Helper()
	var got []string
	for _, c := range r.Checks {
		got = append(got, c.Name)
		if c.Detail == "" {
			t.Errorf("%s: %s has no figures", r.Model, c.Name)
		}
	}
	if !slices.Equal(got, everyRule) {
		t.Errorf("%s: %s %v: rules\n%v, want\n%v", r.Model, r.Verdict, r.Reasons, got, everyRule)
	}
}

// TestEveryPointIsHeldToEveryRule: a record names all rules, in the order in
// which they are documented, with their figures.
func TestEveryPointIsHeldToEveryRule(t *testing.T) {
	w := newWorld(t, tritonsim.ControlNone)
	if _, err := w.run(t, None, untouchedTrial); err != nil {
		t.Fatal(err)
	}
	expectEveryRule(t, w.only(t))
}

// TestVoidIsMeasuredOnceMore: what cannot be used is measured again once; what
// can, or what its load explains, is not.
func TestVoidIsMeasuredOnceMore(t *testing.T) {
	for _, c := range []struct {
		verdicts []results.Verdict
		times    int
		again    bool
	}{
		{[]results.Verdict{results.OK}, 1, false},
		{[]results.Verdict{results.Noisy}, 1, false},
		{[]results.Verdict{results.Failed}, 1, false},
		{[]results.Verdict{results.Void, results.OK}, 2, true},
		{[]results.Verdict{results.Unsteady, results.Noisy}, 2, true},
		{[]results.Verdict{results.Void, results.Void, results.OK}, 2, true},
	} {
		times := 0
		records, err := (&run{}).twice(t.Context(), func() []results.Record {
			times++
			return []results.Record{{Verdict: c.verdicts[times-1], Reasons: []string{"why"}}}
		})
		record := records[0]
		if err != nil || times != c.times || record.Verdict != c.verdicts[c.times-1] {
			t.Errorf("%v: measured %d times, %s, %v", c.verdicts, times, record.Verdict, err)
		}
		if again := slices.Contains(record.Reasons, "measured again; first time: why"); again != c.again {
			t.Errorf("%v: reasons %q", c.verdicts, record.Reasons)
		}
	}
}

// TestRuleCountOfAStep: a model that an ensemble of the same window asks too may be
// asked more often than its own callers did, and not more seldom.
func TestRuleCountOfAStep(t *testing.T) {
	step := &part{trial: sweep.Trial{Model: "step"}}
	ensemble := &part{trial: sweep.Trial{Model: "whole"}, before: snapshot{config: &tritonpb.ModelConfig{SchedulingChoice: &tritonpb.ModelConfig_EnsembleScheduling{
		EnsembleScheduling: &tritonpb.ModelEnsembling{Step: []*tritonpb.ModelEnsembling_Step{{ModelName: "step"}}},
	}}}}
	if parts := []*part{step, ensemble}; !reached(step, parts) || reached(ensemble, parts) || reached(step, parts[:1]) {
		t.Error("who reaches whom")
	}
	for server, passed := range map[uint64]bool{1000: true, 2000: true, 1030: true, 940: false} {
		w := window(server, time.Millisecond, nil)
		s, err := w.server()
		if err != nil {
			t.Fatal(err)
		}
		record := &results.Record{Server: s, Client: results.Client{Requests: 1000}}
		expectCheck(t, w.leastCount(record, 4), "count", passed, !passed)
	}
}
