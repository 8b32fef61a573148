package batcher

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drawModel draws a model whose instances do not share a device.
func drawModel(t *rapid.T, maxBatch int) Model {
	c := Config{MaxBatch: maxBatch, Dynamic: true, Instances: rapid.IntRange(1, 3).Draw(t, "instances")}
	c.Delay = time.Duration(rapid.SampledFrom([]int{0, 0, 1, 2, 5, 10}).Draw(t, "delay")) * time.Millisecond
	c.Preferred = rapid.SliceOfN(rapid.IntRange(1, maxBatch), 0, 3).Draw(t, "preferred")
	c.VariableShape = rapid.IntRange(0, 3).Draw(t, "variable") == 0
	return Model{
		Name: "m", Config: c,
		Service: Service{
			Compute: Linear(
				time.Duration(rapid.IntRange(1, 12).Draw(t, "base"))*time.Millisecond,
				time.Duration(rapid.IntRange(0, 600).Draw(t, "each"))*time.Microsecond),
			CV: rapid.SampledFrom([]float64{0, 0.03}).Draw(t, "cv"),
		},
	}
}

// TestNoIdleWaiting: no request waits longer than the delay while an instance
// is idle. What threads need to wake is not counted as waiting. R8 is no
// exception to that: it leaves requests behind only while instances are busy.
func TestNoIdleWaiting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t, rapid.IntRange(1, 16).Draw(t, "max"))
		if rapid.IntRange(0, 3).Draw(t, "limited") == 0 {
			m.Config.Policy.MaxSize = 1000
			m.Config.Rules = Rules{NotifyParked: true, CountMerges: true}
		}
		if rapid.Bool().Draw(t, "open") {
			m.Load = Load{Rate: rapid.Float64Range(20, 3000).Draw(t, "rate")}
		} else {
			m.Load = Load{Callers: rapid.IntRange(1, 40).Draw(t, "callers"), Jitter: 10 * time.Millisecond}
		}
		m.Load.Batch = rapid.IntRange(1, min(3, m.Config.MaxBatch)).Draw(t, "batch")
		if m.Config.VariableShape {
			m.Load.Shapes = 2
		}
		sc := Scenario{
			Models: []Model{m}, Timing: constantTiming(), Requests: 400, Limit: 20 * time.Second,
			Seed: rapid.Uint64().Draw(t, "seed"),
		}
		watchIdle(t, &sc, 500*time.Microsecond)
	})
}

// constantTiming has small times between threads that are always the same.
func constantTiming() Timing {
	us := func(n int) Lag { return Exactly(time.Duration(n) * time.Microsecond) }
	return Timing{
		FrontEnd: us(10), Latency: 200 * time.Microsecond, WakeBatcher: us(30), WakeInstance: us(40),
		Loop: us(5), Timer: us(50), Epilogue: us(60), Ask: us(10),
	}
}

// watchIdle runs sc event by event and fails when a request older than the
// delay has been waiting for longer than slack beside an idle instance.
func watchIdle(t rapid.TB, sc *Scenario, slack time.Duration) {
	if err := sc.Validate(); err != nil {
		t.Fatal(err)
	}
	var s Simulator
	if err := s.reset(sc); err != nil {
		t.Fatal(err)
	}
	m := s.models[0]
	since := Never
	for s.running > 0 {
		src, at := s.agenda.next()
		if at > Time(sc.Limit) {
			break
		}
		if since != Never && at-since > Time(slack) {
			t.Fatalf("at %v: %d requests wait, the oldest for %v, and %d instances idle since %v",
				time.Duration(at), m.machine.Waiting(), at.Sub(m.machine.queue.levels[0].waiting.at(0).arrived), m.machine.Parked(), time.Duration(since))
		}
		s.now = at
		s.fire(src, &s.sources[src])
		since = idleSince(&m.machine, since, at)
	}
}

// idleSince returns since when an overdue request has waited beside an idle instance.
func idleSince(m *Machine, since, now Time) Time {
	if m.Parked() == 0 || m.Prepared() > 0 || m.Waiting() == 0 {
		return Never
	}
	due := m.queue.levels[0].waiting.at(0).arrived + m.delay
	return min(since, max(due, now))
}

// TestMoreInstances: at saturation, another instance with a device of its own
// never lowers the throughput.
func TestMoreInstances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t, rapid.IntRange(1, 8).Draw(t, "max"))
		m.Load = Load{Callers: 10 * m.Config.MaxBatch * (m.Config.Instances + 1), Jitter: 20 * time.Millisecond}
		sc := Scenario{Models: []Model{m}, Timing: constantTiming(), Warmup: 1000, Requests: 1500, Seed: 1}
		fewer := throughput(t, sc)
		sc.Models[0].Config.Instances++
		if more := throughput(t, sc); more < 0.98*fewer {
			t.Fatalf("%d instances reach %.1f/s, one less %.1f/s", sc.Models[0].Config.Instances, more, fewer)
		}
	})
}

func throughput(t rapid.TB, sc Scenario) float64 {
	r, err := Simulate(sc)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Models[0].Complete {
		t.Fatalf("the run did not come to its end: %+v", r.Models[0])
	}
	return r.Models[0].Throughput
}

// TestOperationalLaws: Little's law, and the asymptotic bounds of Denning and
// Buzen (The operational analysis of queueing network models, 1978).
func TestOperationalLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t, rapid.IntRange(1, 16).Draw(t, "max"))
		m.Service.CV = 0
		callers := rapid.IntRange(1, 60).Draw(t, "callers")
		m.Load = Load{Callers: callers, Jitter: 10 * time.Millisecond}
		sc := Scenario{Models: []Model{m}, Timing: DefaultTiming(), Warmup: 600, Requests: 3000, Seed: rapid.Uint64().Draw(t, "seed")}
		r, err := Simulate(sc)
		if err != nil {
			t.Fatal(err)
		}
		got := r.Models[0]
		if n := got.Throughput * got.Latency.Mean.Seconds(); math.Abs(n-float64(callers)) > 0.03*float64(callers) {
			t.Fatalf("%d callers, but throughput x latency is %.2f", callers, n)
		}
		c, s := m.Config, m.Service.Compute
		bound := float64(callers) / (s.At(1) + sc.Timing.Latency).Seconds()
		best := 0.0
		for b := 1; b <= c.MaxBatch; b++ {
			best = max(best, float64(b)/s.At(b).Seconds())
		}
		if bound = min(bound, float64(c.Instances)*best); got.Throughput > bound*1.001 {
			t.Fatalf("throughput %.2f is above the bound %.2f", got.Throughput, bound)
		}
		total := 0
		for size, count := range got.BatchCounts {
			total += size * count
		}
		if total != got.Items || got.Items != got.Requests {
			t.Fatalf("%d items in batches, %d answered in %d requests", total, got.Items, got.Requests)
		}
	})
}

// TestInoue: Poisson arrivals, one instance that takes all that waits. Mean
// latency is close under the bound of Inoue, Queueing analysis of GPU-based
// inference servers with dynamic batching: a closed-form characterization
// (Performance Evaluation, 2021).
func TestInoue(t *testing.T) {
	const fixed, each = 5e-3, 0.5e-3 // seconds: t(b) = fixed + each*b
	for _, rate := range []float64{100, 500, 1000, 1600} {
		sc := Scenario{
			Models: []Model{{
				Name:    "m",
				Config:  Config{MaxBatch: 256, Dynamic: true, Instances: 1},
				Service: Service{Compute: Linear(5*time.Millisecond, 500*time.Microsecond)},
				Load:    Load{Rate: rate},
			}},
			Seed: 1, Warmup: 2000, Requests: 40000,
		}
		r, err := Simulate(sc)
		if err != nil {
			t.Fatal(err)
		}
		load := rate * each
		bound := min(
			(each+fixed)/(2*(1-load))*(1+2*rate*fixed+(1-rate*fixed)/(1+load)),
			1.5*fixed/(1-load)+each/2*(load+2)/(1-load*load))
		got := r.Models[0].Latency.Mean.Seconds()
		if got > bound*1.02 || got < bound*0.90 {
			t.Errorf("rate %v/s: mean latency %.3f ms, bound %.3f ms", rate, got*1e3, bound*1e3)
		}
	}
}
