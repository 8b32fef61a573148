package calibration

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"tritonsweep/sweep/batcher"
)

const ms = time.Millisecond

// truth is a server whose times are known.
type truth struct {
	name     string
	service  batcher.Service
	devices  []batcher.Device
	frontEnd time.Duration
	latency  time.Duration
	form     Form
	punctual bool // its threads are: nothing varies after the responses
}

// steps is 6 ms + 2 ms for each four items begun, as engines with fixed tiles have it.
func steps(largest int) batcher.Table {
	points := map[int]time.Duration{}
	for b := 1; b <= largest; b++ {
		points[b] = 6*ms + time.Duration((b+3)/4)*2*ms
	}
	table, err := batcher.NewTable(points)
	if err != nil {
		panic(err)
	}
	return table
}

var truths = []truth{
	{"simple", batcher.Service{Compute: batcher.Linear(10800*us, 560*us), CV: 0.02}, nil, 60 * us, 500 * us, Free, false},
	{"punctual", batcher.Service{Compute: batcher.Linear(10800*us, 560*us), CV: 0.02}, nil, 60 * us, 300 * us, Free, true},
	{"exclusive device", batcher.Service{Input: batcher.Constant(3 * ms), Compute: steps(16), CV: 0.02, Device: "gpu"},
		nil, 60 * us, 600 * us, Exclusive, false},
	{"copies", batcher.Service{Input: batcher.Linear(200*us, 600*us), Compute: batcher.Linear(1*ms, 360*us), Output: batcher.Linear(200*us, 500*us), CV: 0.02, Device: "gpu"},
		nil, 120 * us, 700 * us, Exclusive, false},
	{"slices", batcher.Service{Compute: batcher.Linear(4*ms, 300*us), CV: 0.02, Device: "gpu"},
		[]batcher.Device{{Name: "gpu", Sharing: batcher.Sliced, Slope: 0.5}}, 40 * us, 400 * us, Sliced, false},
}

// What every request costs, before and after an execution, on each of the servers.
const (
	release = 30 * us
	client  = 40 * us
)

// scenario is a config under a load on the true server.
func (s *truth) scenario(c batcher.Config, callers int, seed uint64) batcher.Scenario {
	timing := batcher.DefaultTiming()
	timing.FrontEnd, timing.Clump = batcher.Lag{Min: s.frontEnd / 10, Mean: s.frontEnd}, clump
	timing.Latency = s.latency
	timing.RespondEach, timing.Client = timing.EpilogueEach.Mean, client
	timing.EpilogueEach.Mean += release
	if s.punctual {
		timing.EpilogueEach.Min = timing.EpilogueEach.Mean
	}
	// As a load generator does it, which has seen a request by itself.
	alone := s.service.Input.At(1) + s.service.Compute.At(1) + s.service.Output.At(1) + s.latency + c.Delay
	return batcher.Scenario{
		Models:  []batcher.Model{{Name: "m", Config: c, Service: s.service, Load: batcher.Load{Callers: callers, Jitter: alone, Shift: time.Second}}},
		Devices: s.devices, Timing: timing, Seed: seed, Warmup: 500, Requests: 6000,
	}
}

func (s *truth) measure(t testing.TB, c batcher.Config, callers int, seed uint64) batcher.ModelResult {
	t.Helper()
	r, err := batcher.Simulate(s.scenario(c, callers, seed))
	if err != nil {
		t.Fatal(err)
	}
	return r.Models[0]
}

// run measures a calibration run, with what a server would say of it.
func (s *truth) run(t testing.TB, c batcher.Config, callers int, seed uint64) Run {
	t.Helper()
	m := s.measure(t, c, callers, seed)
	timing := batcher.DefaultTiming()
	r := Run{
		Name: fmt.Sprintf("%d instances, %d callers", c.Instances, callers), Config: c, Callers: callers, Batch: 1,
		Throughput: m.Throughput, Mean: m.Latency.Mean, P95: m.Latency.P95, Queue: m.Queue,
	}
	for size, count := range m.BatchCounts {
		if count == 0 {
			continue
		}
		// One time for all sizes but for their share: a simulation's result holds
		// the mean wait for the device only.
		each := s.service.Input.At(size) + s.service.Compute.At(size) + s.service.Output.At(size)
		stretch := float64(m.Input+m.Compute+m.Output+m.DeviceWait) / float64(max(1, m.Input+m.Output+meanCompute(s, &m)))
		r.Batches = append(r.Batches, Batch{size, int64(count), time.Duration(float64(each)*stretch) + epilogue(timing.EpilogueEach.Mean, size, 1)})
	}
	return r
}

func meanCompute(s *truth, m *batcher.ModelResult) time.Duration {
	var sum, n float64
	for size, count := range m.BatchCounts {
		sum += float64(count) * float64(s.service.Compute.At(size))
		n += float64(count)
	}
	return time.Duration(sum / n)
}

func designed(t testing.TB, s *truth, maxBatch, most int) []Run {
	base := batcher.Config{MaxBatch: maxBatch, Dynamic: true}
	var runs []Run
	for i, p := range Design(base, most) {
		c := base
		c.Instances = p.Instances
		runs = append(runs, s.run(t, c, p.Callers, uint64(100+i)))
	}
	return runs
}

// TestFitPredictsUnseenSettings: five runs of a known server, then settings
// and loads that were in none of them.
func TestFitPredictsUnseenSettings(t *testing.T) {
	for i := range truths {
		s := &truths[i]
		t.Run(s.name, func(t *testing.T) {
			runs := designed(t, s, 16, 4)
			if len(runs) != 5 {
				t.Fatalf("%d calibration runs", len(runs))
			}
			begin := time.Now()
			c, err := Fit(runs, 1)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%v: %v; spread %.1f %%, notes %q", time.Since(begin).Round(ms), &c.Best, 100*c.Spread, c.Notes)
			if s.punctual != (c.Best.Unrest < 0.5) {
				t.Errorf("found an unrest of %v, threads are punctual: %v", c.Best.Unrest, s.punctual)
			}
			if c.Best.Form != s.form && s.form != Free {
				t.Errorf("found that %v, want that %v", c.Best.Form, s.form)
			}
			var x, p95 []float64
			f := &fitter{seed: 7}
			for _, delay := range []time.Duration{0, 2 * ms, 5 * ms} {
				for _, preferred := range [][]int{nil, {4}, {8, 16}} {
					for _, instances := range []int{1, 2, 4} {
						for _, callers := range []int{4, 16, 48} {
							config := batcher.Config{MaxBatch: 16, Dynamic: true, Instances: instances, Delay: delay, Preferred: preferred}
							want := s.run(t, config, callers, 55)
							got, err := f.simulate(&c.Best, &want)
							if err != nil {
								t.Fatal(err)
							}
							x = append(x, math.Abs(got.throughput/want.Throughput-1))
							p95 = append(p95, math.Abs(got.p95/want.P95.Seconds()-1))
						}
					}
				}
			}
			slices.Sort(x)
			slices.Sort(p95)
			n := len(x)
			t.Logf("throughput: median %.1f %%, p90 %.1f %%; p95: median %.1f %%, p90 %.1f %%", 100*x[n/2], 100*x[n*9/10], 100*p95[n/2], 100*p95[n*9/10])
			if x[n/2] > 0.02 || x[n*9/10] > 0.12 || p95[n/2] > 0.04 || p95[n*9/10] > 0.18 {
				t.Error("the predictions miss the truth")
			}
		})
	}
}

func TestFitRefuses(t *testing.T) {
	good := truths[0].run(t, batcher.Config{MaxBatch: 8, Dynamic: true, Instances: 1}, 8, 1)
	for name, test := range map[string]struct {
		change func(*Run)
		want   string
	}{
		"open loop":    {func(r *Run) { r.Callers = 0 }, "is no closed loop"},
		"no answers":   {func(r *Run) { r.Throughput = 0 }, "has a throughput of 0/s"},
		"no times":     {func(r *Run) { r.Batches = nil }, "has no times by batch size"},
		"negative":     {func(r *Run) { r.Queue = -1 }, "has a negative time"},
		"size 0":       {func(r *Run) { r.Batches[0].Size = 0 }, "0 items"},
		"wrong config": {func(r *Run) { r.Config.Preferred = []int{99} }, "preferred_batch_size 99"},
	} {
		t.Run(name, func(t *testing.T) {
			r := good
			r.Batches = slices.Clone(good.Batches)
			test.change(&r)
			_, err := Fit([]Run{r}, 1)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
	if _, err := Fit(nil, 1); !errors.Is(err, ErrRuns) {
		t.Errorf("without runs: %v", err)
	}
}

// TestNotes: what the runs cannot tell is said.
func TestNotes(t *testing.T) {
	config := batcher.Config{MaxBatch: 8, Dynamic: true, Instances: 1}
	one := truths[0].run(t, config, 1, 1)
	many := truths[0].run(t, config, 16, 1)
	config.Instances = 2
	two := truths[1].run(t, config, 16, 1)
	for name, test := range map[string]struct {
		runs []Run
		want []string
	}{
		"one caller":    {[]Run{one}, []string{"only batches of 1", "no run has several instances"}},
		"one instance":  {[]Run{one, many}, []string{"no run has several instances"}},
		"two instances": {[]Run{two}, []string{"no run shows an instance by itself"}},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Fit(test.runs, 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range test.want {
				if !strings.Contains(strings.Join(c.Notes, "; "), want) {
					t.Errorf("notes %q lack %q", c.Notes, want)
				}
			}
		})
	}
}
