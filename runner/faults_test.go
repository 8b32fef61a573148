package runner

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/results"
	"tritonsweep/runner/load"
	"tritonsweep/runner/triton"
	"tritonsweep/runner/tritonsim"
	"tritonsweep/sweep"
)

// These break one row of docs/faults.md each: a point that is measured while
// something is wrong must say so and be used for nothing.

// untouchedTrial leaves one trial in the plan, which changes nothing.
func untouchedTrial(c *Config) {
	c.Plan.Trials = c.Plan.Trials[:1]
	c.Plan.Trials[0].Settings.MaxQueueDelay = nil
}

// failed returns the names of the rules that a record broke.
func failed(r results.Record) []string {
	var names []string
	for _, c := range r.Checks {
		if !c.Passed {
			names = append(names, c.Name)
		}
	}
	return names
}

func reasons(r results.Record) string { return strings.Join(r.Reasons, "; ") }

// only returns the one record that there must be.
func (w *world) only(t *testing.T) results.Record {
	t.Helper()
	if len(w.records) != 1 {
		t.Fatalf("%d records:\n%s", len(w.records), w.verdicts())
	}
	return w.records[0]
}

// override loads the model with another delay, as another tool would.
func (w *world) override(ctx context.Context, delay uint64) error {
	client, err := w.server.Server.Connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	config, err := client.Config(ctx, "face")
	if err != nil {
		return err
	}
	config.GetDynamicBatching().MaxQueueDelayMicroseconds = delay
	text, err := triton.ConfigOverride(config)
	if err != nil {
		return err
	}
	return client.Load(ctx, "face", text)
}

// TestFault24ForeignOverride: another tool loads an override in the middle of a
// window. The point is void, not measured again; the sweep ends, and theirs stays
// in force, also where the sweep had an override of its own.
func TestFault24ForeignOverride(t *testing.T) {
	for _, mode := range []Mode{None, Reload} {
		t.Run(string(mode), func(t *testing.T) {
			w := newWorld(t, tritonsim.ControlExplicit)
			w.inWindows(t, 1, func(ctx context.Context) error { return w.override(ctx, 7500) })
			_, err := w.run(t, mode, func(c *Config) {
				if mode == None {
					untouchedTrial(c)
				}
				c.Plan.Trials = slices.Clone(c.Plan.Trials)
				c.Plan.Trials[0].Loads = sweep.Closed([]int{2, 4}, []int{1})
			})
			foreign, ok := errors.AsType[*ForeignChangeError](err)
			if !ok || !strings.Contains(foreign.Error(), "delay=7500us") {
				t.Errorf("error %v", err)
			}
			r := w.only(t)
			if r.Verdict != results.Void || !slices.Contains(failed(r), "config") || strings.Contains(reasons(r), "measured again") {
				t.Errorf("%s: broke %v", w.verdicts(), failed(r))
			}
			w.expectDelay(t, 7500)
		})
	}
}

// TestFault35ReadyOnlyThroughAProxy: something in front of the server accepts
// connections, or even says that all is ready and shows a config, but no
// inference gets through. Nothing is published, and the sweep goes on.
func TestFault35ReadyOnlyThroughAProxy(t *testing.T) {
	t.Run("accepts connections", func(t *testing.T) {
		w := newWorld(t, tritonsim.ControlNone)
		stub, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer stub.Close()
		w.server.connect = func(ctx context.Context) (*triton.Client, error) {
			if w.server.restarts == 2 { // the trial after the first
				return triton.New(triton.Options{GRPCAddr: stub.Addr().String()})
			}
			return w.server.Server.Connect(ctx)
		}
		_, err = w.run(t, Restart, func(c *Config) { c.ReadyTimeout = 10 * time.Second })
		if err != nil {
			t.Fatal(err)
		}
		if len(w.records) < 3 || w.records[1].Verdict != results.Refused || !strings.Contains(reasons(w.records[1]), "not ready after") {
			t.Errorf("records:\n%s", w.verdicts())
		}
		w.expectRestored(t)
	})
	t.Run("says that all is ready", func(t *testing.T) {
		w := newWorld(t, tritonsim.ControlNone)
		w.through(t, func(method string, _ int) error {
			w.server.mu.Lock()
			defer w.server.mu.Unlock()
			if method == "ModelInfer" && w.server.restarts == 2 {
				return status.Error(codes.Unavailable, "no healthy upstream")
			}
			return nil
		})
		outcome, err := w.run(t, Restart, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(w.records) < 3 || w.records[1].Verdict != results.Failed || !strings.Contains(reasons(w.records[1]), "no healthy upstream") || outcome.Verdicts[results.Failed] != 1 {
			t.Errorf("records:\n%s", w.verdicts())
		}
		w.expectRestored(t)
	})
}

// TestFault36AnotherConfigInForce: the restart succeeds and changes nothing, so
// that the server is ready with another config than the one asked for. Its points
// are void, and two in a row end the sweep.
func TestFault36AnotherConfigInForce(t *testing.T) {
	w := newWorld(t, tritonsim.ControlNone)
	w.server.asleep = true
	_, err := w.run(t, Restart, nil)
	if _, ok := errors.AsType[*UnverifiedConfigError](err); !ok || !strings.Contains(err.Error(), "2 trials in a row") {
		t.Errorf("error %v", err)
	}
	void := 0
	for _, r := range w.records {
		if r.Control {
			continue
		}
		if void++; r.Verdict != results.Void || r.Client.Requests != 0 || !strings.Contains(reasons(r), "another config than asked for") {
			t.Errorf("a point of another config was published:\n%s", w.verdicts())
		}
	}
	if void != 2 {
		t.Errorf("%d void records, want 2:\n%s", void, w.verdicts())
	}
	if w.config(t) != faceConfig {
		t.Error("the file was not restored")
	}
}

// TestFault37SomeInstancesDead: the server and the model are ready, and every
// second request fails, as when one of two instances died. The others are as fast
// as ever; the point is void before any load.
func TestFault37SomeInstancesDead(t *testing.T) {
	w := newWorld(t, tritonsim.ControlNone)
	w.through(t, func(method string, n int) error {
		if method == "ModelInfer" && n%2 == 0 {
			return status.Error(codes.Internal, "Failed to process the request(s): Stub process 'face_0_1' is not healthy.")
		}
		return nil
	})
	outcome, err := w.run(t, None, untouchedTrial)
	if err != nil {
		t.Fatal(err)
	}
	r := w.only(t)
	if r.Verdict != results.Void || !slices.Contains(failed(r), "instances") || !strings.Contains(reasons(r), "is not healthy") || outcome.Bad() != 1 {
		t.Errorf("%s", w.verdicts())
	}
	if r.Client.Throughput != nil || r.Client.P50 != nil {
		t.Errorf("a figure was published: %+v", r.Client)
	}
}

// TestFault43CountersReset: the model is loaded anew in the middle of the window,
// so that its counters begin at zero again. There is no difference to take.
func TestFault43CountersReset(t *testing.T) {
	w := newWorld(t, tritonsim.ControlExplicit)
	w.inWindows(t, 2, func(ctx context.Context) error {
		client, err := w.server.Server.Connect(ctx)
		if err != nil {
			return err
		}
		defer client.Close()
		return client.Reload(ctx, "face")
	})
	_, err := w.run(t, None, func(c *Config) {
		untouchedTrial(c)
		c.Load.Warmup, c.Load.MinDuration, c.Load.MaxDuration = 3*time.Second, time.Second, time.Second
	})
	if err != nil {
		t.Fatal(err)
	}
	r := w.only(t)
	if r.Verdict != results.Void || !slices.Contains(failed(r), "counters") || r.Server != nil {
		t.Errorf("%s: broke %v, server %+v", w.verdicts(), failed(r), r.Server)
	}
	if !strings.Contains(reasons(r), "fell from") || !strings.Contains(reasons(r), "measured again; first time: ") {
		t.Errorf("reasons %q", reasons(r))
	}
}

// TestFault44ForeignTraffic: somebody else sends requests to the model. A tenth
// more than ours makes the point void, both times that it is measured.
func TestFault44ForeignTraffic(t *testing.T) {
	w := newWorld(t, tritonsim.ControlNone)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() { w.traffic(ctx, t) })
	w.awaitTraffic(t)
	outcome, err := w.run(t, None, untouchedTrial)
	if err != nil {
		t.Fatal(err)
	}
	r := w.only(t)
	if r.Verdict != results.Void || !slices.Contains(failed(r), "count") || outcome.Bad() != 1 {
		t.Errorf("%s: broke %v", w.verdicts(), failed(r))
	}
	if !strings.Contains(reasons(r), "something else uses the model") || strings.Count(reasons(r), "measured again; first time: ") != 1 {
		t.Errorf("reasons %q", reasons(r))
	}
}

// awaitTraffic returns when the model is in use, and more than tried out.
func (w *world) awaitTraffic(t *testing.T) {
	t.Helper()
	client, err := w.server.Server.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for served := uint64(0); served < 100; time.Sleep(time.Millisecond) {
		stats, err := client.Statistics(t.Context(), "face")
		if err != nil {
			t.Fatal(err)
		}
		served = stats.Success.Count
	}
}

// traffic is a second client of the model until ctx ends.
func (w *world) traffic(ctx context.Context, t *testing.T) {
	client, err := w.server.Server.Connect(ctx)
	if err != nil {
		t.Error(err)
		return
	}
	defer client.Close()
	config, err := client.Config(ctx, "face")
	if err != nil {
		t.Error(err)
		return
	}
	spec := load.Spec{Load: sweep.Load{Concurrency: 2, BatchSize: 1}, Shared: true, MinDuration: time.Minute, MaxDuration: time.Minute}
	if spec.Model, err = Describe(ctx, client, "face", config); err != nil {
		t.Error(err)
		return
	}
	transport, err := spec.Connect(client.Address())
	if err != nil {
		t.Error(err)
		return
	}
	defer transport.Close()
	if _, err := load.Run(ctx, transport, spec); !errors.Is(err, context.Canceled) {
		t.Errorf("the second client ended by %v", err)
	}
}

// TestFault45ClockStep: the wall clock is set by an hour, again and again, while a
// point is measured. Durations do not notice; the point is suspect and says why.
func TestFault45ClockStep(t *testing.T) {
	w := newWorld(t, tritonsim.ControlNone)
	var reads atomic.Int64
	_, err := w.run(t, None, func(c *Config) {
		untouchedTrial(c)
		c.clocks = func() instants {
			n := time.Duration(reads.Add(1))
			now := n * time.Millisecond // however long this process waits for a processor
			return instants{wall: now + n*time.Hour, monotonic: now, boot: now}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	r := w.only(t)
	if !strings.Contains(reasons(r), "clock: the wall clock moved by ") || r.Verdict == results.OK || slices.Contains(failed(r), "sleep") {
		t.Errorf("%s: broke %v", w.verdicts(), failed(r))
	}
	if r.Duration > 60 {
		t.Errorf("the window is said to have lasted %g s", r.Duration)
	}
}

// TestFault46Suspend: the machine sleeps for half a minute in the first window.
// That one is void, the second is what counts; when it sleeps in both, the point
// stays void.
func TestFault46Suspend(t *testing.T) {
	for name, c := range map[string]struct {
		asleep func(read int64) int64 // how often it has slept by then
		void   bool
	}{
		"once":  {func(read int64) int64 { return min(read/2, 1) }, false}, // every window reads twice at least
		"again": {func(read int64) int64 { return read }, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tritonsim.ControlNone)
			var reads atomic.Int64
			_, err := w.run(t, None, func(config *Config) {
				untouchedTrial(config)
				config.clocks = func() instants {
					n := reads.Add(1)
					now := time.Duration(n) * time.Millisecond // however long this process waits for a processor
					return instants{wall: now, monotonic: now, boot: now + time.Duration(c.asleep(n))*30*time.Second}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			r := w.only(t)
			if _, first, _ := strings.Cut(reasons(r), "measured again; first time: "); !strings.Contains(first, "sleep: asleep for ") {
				t.Errorf("%s", w.verdicts())
			}
			if void := slices.Contains(failed(r), "sleep"); void != c.void {
				t.Errorf("%s: broke %v", w.verdicts(), failed(r))
			}
		})
	}
}
