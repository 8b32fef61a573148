package runner

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tritonsweep/results"
	"tritonsweep/runner/docker"
	"tritonsweep/runner/tritonsim"
	"tritonsweep/sweep"
)

// How a server can end, and what becomes of the point, the sweep and the config.

// reasons returns the reasons of the records with a verdict.
func (w *world) reasons(v results.Verdict) string {
	var all []string
	for _, r := range w.records {
		if r.Verdict == v {
			all = append(all, r.Reasons...)
		}
	}
	return strings.Join(all, "\n")
}

func (w *world) sweepWith(t *testing.T, settings func(*Config)) Outcome {
	t.Helper()
	outcome, err := w.run(t, Restart, settings)
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

// TestFault28CrashLoop: a restart policy starts a server with a bad config again
// and again. The point is refused with the number of starts, nobody waits for
// the loop to end, and the sweep goes on.
func TestFault28CrashLoop(t *testing.T) {
	w := newWorld(t, tritonsim.ControlNone)
	w.server.ends = func(n int) *docker.ExitError {
		if n == 2 {
			return &docker.ExitError{Container: "a", ExitCode: 1, Restarts: 3, Status: "restarting"}
		}
		return nil
	}
	outcome := w.sweepWith(t, nil)
	if outcome.Verdicts[results.Refused] != 1 || len(w.records) != 4 ||
		!strings.Contains(w.reasons(results.Refused), "starts by its restart policy since: 3") {
		t.Errorf("records:\n%s", w.verdicts())
	}
	w.expectRestored(t)
}

// TestFault31OutOfMemory: a server that is killed while it starts many instances
// is refused with the reason, and more instances are not tried.
func TestFault31OutOfMemory(t *testing.T) {
	w := newWorld(t, tritonsim.ControlNone)
	restarts := map[int]bool{}
	w.server.ends = func(n int) *docker.ExitError {
		restarts[n] = true
		if strings.Contains(w.config(t), "count: 2") {
			return &docker.ExitError{Container: "a", ExitCode: 137, OOMKilled: true}
		}
		return nil
	}
	w.sweepWith(t, func(c *Config) {
		var err error
		space := sweep.Space{Model: "face", Settings: sweep.Counts([]int{1, 2, 4}, ""), Loads: sweep.Closed([]int{2}, []int{1})}
		if c.Plan, err = sweep.NewPlan("instances", []sweep.Space{space}, 1, 7); err != nil {
			t.Fatal(err)
		}
		// The killing count first, whatever the plan's order.
		for i, trial := range c.Plan.Trials {
			if n := trial.Settings.InstanceCount; n != nil && *n == 2 {
				c.Plan.Trials[0], c.Plan.Trials[i] = trial, c.Plan.Trials[0]
			}
		}
	})
	reasons := w.reasons(results.Refused)
	if !strings.Contains(reasons, "was killed for lack of memory (OOMKilled)") ||
		!strings.Contains(reasons, "not tried: the server was killed for lack of memory with") {
		t.Errorf("records:\n%s", w.verdicts())
	}
	if len(restarts) != 5 { // the killed, the control twice and count 1, the restore; not count 4
		t.Errorf("%d restarts:\n%s", len(restarts), w.verdicts())
	}
	w.expectRestored(t)
}

// TestFault31KilledUnderLoad: the record says what the callers could not see,
// and other loads of the trial are not offered to nobody.
func TestFault31KilledUnderLoad(t *testing.T) {
	w := newWorld(t, tritonsim.ControlNone)
	w.sweepWith(t, func(c *Config) {
		for i := range c.Plan.Trials {
			c.Plan.Trials[i].Loads = sweep.Closed([]int{1, 2}, []int{1})
		}
		killed := false
		c.Progress = func(e Event) {
			if e.Step == Measuring && !e.Trial.Settings.IsZero() && !killed {
				killed = true
				if err := w.server.end(&docker.ExitError{Container: "a", ExitCode: 137, OOMKilled: true}); err != nil {
					t.Error(err)
				}
			}
		}
	})
	reasons := w.reasons(results.Failed)
	if !strings.Contains(reasons, "the server ended under this load: container a was killed for lack of memory") ||
		!strings.Contains(reasons, "not tried: the server ended under another load") || len(w.records) != 8 {
		t.Errorf("records:\n%s", w.verdicts())
	}
	w.expectRestored(t)
}

// TestFault32EndsBySignal: a stop timeout, a crash and an abort are told apart,
// also where the server's log has something to say.
func TestFault32EndsBySignal(t *testing.T) {
	for code, want := range map[int]string{
		137: "was killed (exit code 137, SIGKILL, not for lack of memory)",
		139: "crashed (exit code 139, SIGSEGV)",
		134: "aborted (exit code 134, SIGABRT)",
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			w := newWorld(t, tritonsim.ControlNone)
			w.server.ends = func(n int) *docker.ExitError {
				if 2 <= n && n < 2+mostStarts {
					return &docker.ExitError{Container: "a", ExitCode: code}
				}
				return nil
			}
			outcome := w.sweepWith(t, nil)
			if outcome.Verdicts[results.Refused] != 1 || !strings.Contains(w.reasons(results.Refused), want) {
				t.Errorf("records:\n%s", w.verdicts())
			}
			w.expectRestored(t)
		})
	}
}

// TestFault34NeverReady: a server that runs and never serves the model is given
// up at the deadline; the sweep goes on and the restore is not in its way.
func TestFault34NeverReady(t *testing.T) {
	w := newWorld(t, tritonsim.ControlNone)
	w.server.failRestart = func(n int) error {
		profile := faceProfile
		if n == 2 {
			profile = strings.Replace(faceProfile, `"load_ms": 1`, `"load_ms": 600000`, 1)
		}
		w.write(t, "face/profile.json", profile)
		return nil
	}
	outcome := w.sweepWith(t, func(c *Config) { c.ReadyTimeout = 10 * time.Second })
	if outcome.Verdicts[results.Refused] != 1 || !strings.Contains(w.reasons(results.Refused), "not ready after 10s") {
		t.Errorf("records:\n%s", w.verdicts())
	}
	w.expectRestored(t)
}

// TestFault38GPULost: the device falls off the bus under load. The server ends,
// the Engine cannot start it again, the files are restored all the same, and the
// error says that nobody serves.
func TestFault38GPULost(t *testing.T) {
	w := newWorld(t, tritonsim.ControlNone)
	lost := errors.New("nvidia-container-cli: detection error: nvml error: GPU is lost")
	dead := false
	w.server.failRestart = func(int) error {
		if dead {
			return lost
		}
		return nil
	}
	_, err := w.run(t, Restart, func(c *Config) {
		c.Progress = func(e Event) {
			if e.Step == Measuring && !dead {
				dead = true
				if err := w.server.end(&docker.ExitError{Container: "a", ExitCode: 134}); err != nil {
					t.Error(err)
				}
			}
		}
	})
	if _, ok := errors.AsType[*NotVerifiedError](err); !ok || !errors.Is(err, lost) {
		t.Errorf("error %v", err)
	}
	if len(w.records) != 1 || w.records[0].Verdict != results.Failed {
		t.Errorf("records:\n%s", w.verdicts())
	}
	if got := w.config(t); got != faceConfig {
		t.Errorf("the config was left as\n%s", got)
	}
	dead = false // somebody puts the device back
	w.recover(t, nil)
	w.expectRestored(t)
}

// A process of the Python backend that dies while models are loaded makes Triton
// end of its own will. It is started again, and the point is measured.
func TestADeadStubIsNoRefusal(t *testing.T) {
	w := newWorld(t, tritonsim.ControlNone)
	w.server.ends = func(n int) *docker.ExitError {
		if n == 2 {
			return &docker.ExitError{Container: "a", ExitCode: 1, Reason: "Stub process 'face_0_0' is not healthy."}
		}
		return nil
	}
	outcome := w.sweepWith(t, nil)
	if outcome.Verdicts[results.Refused] != 0 || len(w.records) != 4 || w.server.restarts != 6 { // four trials, one again, and the restore
		t.Errorf("%d restarts, records:\n%s", w.server.restarts, w.verdicts())
	}
	w.expectRestored(t)
}
