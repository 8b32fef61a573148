package batcher

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestDeterminism: equal scenarios give equal results, also on a Simulator
// that has run another in between, and on other goroutines.
func TestDeterminism(t *testing.T) {
	var s Simulator
	run := func(i int) Result {
		sc := benchScenario(i)
		sc.Trace, sc.Requests = true, 300
		r, err := s.Run(&sc)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := run(585)
	run(17)
	run(899)
	if diff := cmp.Diff(first, run(585)); diff != "" {
		t.Error(diff)
	}
	all, err := SimulateAll(t.Context(), 40, 2, func(i int) Scenario { return short(benchScenario(i * 20)) })
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		sc := short(benchScenario(i * 20))
		alone, err := s.Run(&sc)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(alone, all[i]); diff != "" {
			t.Errorf("scenario %d: %s", i, diff)
		}
	}
}

func short(sc Scenario) Scenario {
	sc.Warmup, sc.Requests = 50, 200
	return sc
}

// TestSharedDevice: three models on one exclusive device share its time, and a
// fourth with a device of its own does not feel them.
func TestSharedDevice(t *testing.T) {
	model := func(name, device string, ms int) Model {
		return Model{
			Name:    name,
			Config:  Config{MaxBatch: 1, Instances: 1},
			Service: Service{Input: Constant(time.Millisecond), Compute: Constant(time.Duration(ms) * time.Millisecond), Device: device},
			Load:    Load{Callers: 4},
		}
	}
	sc := Scenario{
		Models: []Model{model("a", "gpu0", 2), model("b", "gpu0", 3), model("c", "gpu0", 5), model("d", "gpu1", 5)},
		Seed:   1, Warmup: 50, Requests: 500,
	}
	r, err := Simulate(sc)
	if err != nil {
		t.Fatal(err)
	}
	busy := 0.0
	for _, m := range r.Models[:3] {
		busy += m.Throughput * m.Compute.Seconds()
		if m.DeviceWait < 2*time.Millisecond {
			t.Errorf("%s waits %v for the device on average", m.Name, m.DeviceWait)
		}
	}
	// Copies overlap with the others' compute, so the device never rests.
	if busy < 0.99 || busy > 1.01 {
		t.Errorf("the device is busy for %.3f of the time, want 1", busy)
	}
	if d := r.Models[3]; d.DeviceWait != 0 || math.Abs(d.Throughput-1000.0/6) > 1 {
		t.Errorf("alone on its device: %v/s, waits %v", d.Throughput, d.DeviceWait)
	}
}

// TestSliced: two equal executions at once take 1+slope times as long.
func TestSliced(t *testing.T) {
	sc := Scenario{
		Models: []Model{{
			Name:    "m",
			Config:  Config{MaxBatch: 1, Instances: 2},
			Service: Service{Compute: Constant(4 * time.Millisecond), Device: "gpu0"},
			Load:    Load{Callers: 8},
		}},
		Devices: []Device{{Name: "gpu0", Sharing: Sliced, Slope: 0.5}},
		Seed:    1, Warmup: 10, Requests: 500,
	}
	r, err := Simulate(sc)
	if err != nil {
		t.Fatal(err)
	}
	if m := r.Models[0]; math.Abs(m.Throughput-2/6e-3) > 2 || m.Compute < 5990*time.Microsecond || m.Compute > 6010*time.Microsecond {
		t.Errorf("%v/s at %v an execution, want 333/s at 6 ms", m.Throughput, m.Compute)
	}
}

// TestOpenLoop: below capacity an open loop's throughput is its rate; above,
// latencies grow with the run.
func TestOpenLoop(t *testing.T) {
	for _, constant := range []bool{false, true} {
		sc := Scenario{
			Models: []Model{{
				Name:    "m",
				Config:  Config{MaxBatch: 8, Dynamic: true, Instances: 1},
				Service: Service{Compute: Constant(10 * time.Millisecond)},
				Load:    Load{Rate: 500, Constant: constant},
			}},
			Timing: DefaultTiming(), Seed: 1, Warmup: 500, Requests: 5000,
		}
		if got := throughput(t, sc); math.Abs(got-500) > 15 {
			t.Errorf("constant %v: %v/s at a rate of 500/s", constant, got)
		}
		sc.Models[0].Load.Rate = 1000
		r, err := Simulate(sc)
		if err != nil {
			t.Fatal(err)
		}
		if m := r.Models[0]; m.Throughput > 800 || m.Latency.P99 < 500*time.Millisecond {
			t.Errorf("constant %v: overload gives %v/s and p99 %v", constant, m.Throughput, m.Latency.P99)
		}
	}
}

// TestPredict: a loop that locks into two phases is reported with both.
func TestPredict(t *testing.T) {
	f, err := readScenario("phase_lock")
	if err != nil {
		t.Fatal(err)
	}
	var s Simulator
	f.Scenario.Seed = 1
	p, err := s.Predict(t.Context(), f.Scenario, 12)
	if err != nil {
		t.Fatal(err)
	}
	if got := p[0]; len(got.Modes) != 2 || got.Modes[0] > 650 || got.Modes[1] < 730 || got.Throughput.Low > got.Throughput.Median {
		t.Errorf("got %+v, want modes near 610 and 750", got)
	}
	f, err = readScenario("half_groups")
	if err != nil {
		t.Fatal(err)
	}
	if p, err = s.Predict(t.Context(), f.Scenario, 5); err != nil || p[0].Modes != nil {
		t.Errorf("got %+v, %v, want one mode", p, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Predict(ctx, f.Scenario, 5); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	if _, err := SimulateAll(ctx, 5, 2, benchScenario); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

// TestRefusedScenarios: what cannot be simulated is refused before it runs.
func TestRefusedScenarios(t *testing.T) {
	for name, change := range map[string]func(sc *Scenario){
		"no models":          func(sc *Scenario) { sc.Models = nil },
		"no load":            func(sc *Scenario) { sc.Models[0].Load = Load{} },
		"two loads":          func(sc *Scenario) { sc.Models[0].Load = Load{Callers: 1, Rate: 1} },
		"negative callers":   func(sc *Scenario) { sc.Models[0].Load = Load{Callers: -1} },
		"rate not a number":  func(sc *Scenario) { sc.Models[0].Load = Load{Rate: math.NaN()} },
		"requests too large": func(sc *Scenario) { sc.Models[0].Load.Batch = 33 },
		"script backwards":   func(sc *Scenario) { sc.Models[0].Load = Load{Script: []Arrival{{At: 2}, {At: 1}}} },
		"no requests":        func(sc *Scenario) { sc.Requests = 0 },
		"variation":          func(sc *Scenario) { sc.Models[0].Service.CV = math.NaN() },
		"slope":              func(sc *Scenario) { sc.Devices = []Device{{Name: "gpu0", Slope: -1}} },
		"negative time":      func(sc *Scenario) { sc.Timing.Ask.Min = -1 },
		"preferred size":     func(sc *Scenario) { sc.Models[0].Config.Preferred = []int{64} },
		"no batching":        func(sc *Scenario) { sc.Models[0].Config.MaxBatch = 0 },
		"default level":      func(sc *Scenario) { sc.Models[0].Config.PriorityLevels = 2 },
		"negative timeout":   func(sc *Scenario) { sc.Models[0].Config.Policy.Timeout = -1 },
		"unknown level": func(sc *Scenario) {
			sc.Models[0].Config.Policies = map[int]QueuePolicy{3: {}}
		},
	} {
		sc := benchScenario(0)
		sc.Models = append([]Model(nil), sc.Models...)
		change(&sc)
		if _, err := Simulate(sc); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := SimulateAll(t.Context(), 3, 2, func(int) Scenario { return Scenario{} }); !errors.Is(err, ErrConfig) {
		t.Errorf("SimulateAll: got %v", err)
	}
}
