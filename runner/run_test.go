package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"tritonsweep/results"
	"tritonsweep/runner/tritonsim"
	"tritonsweep/runner/undo"
)

func TestRunMeasuresAndRestores(t *testing.T) {
	for _, mode := range []Mode{Restart, Reload} {
		t.Run(string(mode), func(t *testing.T) {
			control := tritonsim.ControlNone
			if mode == Reload {
				control = tritonsim.ControlExplicit
			}
			w := newWorld(t, control)
			if _, err := w.run(t, mode, nil); err != nil {
				t.Fatal(err)
			}
			if len(w.records) != 4 { // the control is measured once more, against itself
				t.Fatalf("%d records:\n%s", len(w.records), w.verdicts())
			}
			for i, r := range w.records {
				if r.Sequence != i+1 || r.Server == nil || r.Client.Requests == 0 || len(r.Config) == 0 || !r.Environment.Simulated {
					t.Errorf("record %d is incomplete: %+v", i, r)
				}
				asked := uint64(500)
				if !r.Control {
					asked = *r.Settings.MaxQueueDelay
				}
				if r.Active.MaxQueueDelay == nil || *r.Active.MaxQueueDelay != asked {
					t.Errorf("%s was measured with %s in force", r.Settings, r.Active)
				}
			}
			w.expectRestored(t)
		})
	}
}

func TestModeNoneTouchesNothing(t *testing.T) {
	w := newWorld(t, tritonsim.ControlNone)
	_, err := w.run(t, None, func(c *Config) {
		c.Plan.Trials = c.Plan.Trials[:1]
		c.Plan.Trials[0].Settings.MaxQueueDelay = nil
	})
	if err != nil || w.server.restarts != 0 || len(w.records) != 1 {
		t.Errorf("%v, %d restarts, records:\n%s", err, w.server.restarts, w.verdicts())
	}
	w.expectRestored(t)
}

func TestFault57RefusedConfig(t *testing.T) {
	w := newWorld(t, tritonsim.ControlNone)
	outcome, err := w.run(t, Restart, func(c *Config) {
		c.Plan.Trials[2].Settings.PreferredBatchSizes = []int{64} // above max_batch_size
	})
	if err != nil {
		t.Fatal(err)
	}
	if outcome.Verdicts[results.Refused] != 1 || len(w.records) != 4 || outcome.Bad() < 1 {
		t.Errorf("records:\n%s", w.verdicts())
	}
	w.expectRestored(t)
}

// TestFault27TheServerEndsWithAConfig: the server itself refuses, in its own words.
func TestFault27TheServerEndsWithAConfig(t *testing.T) {
	w := newWorld(t, tritonsim.ControlNone)
	broken := strings.Replace(faceConfig, "python", "no-such-backend", 1)
	w.server.failRestart = func(n int) error {
		if n == 2 {
			// What a config that our rules do not know to be bad would do.
			w.write(t, "face/config.pbtxt", broken)
		}
		return nil
	}
	_, err := w.run(t, Restart, nil)
	var conflict *undo.ConflictError
	if !errors.As(err, &conflict) {
		t.Errorf("somebody else's edit was not noticed: %v", err)
	}
	refused := w.records[len(w.records)-1]
	if refused.Verdict != results.Refused || !strings.Contains(strings.Join(refused.Reasons, " "), "no-such-backend") {
		t.Errorf("records:\n%s", w.verdicts())
	}
	if w.config(t) != broken {
		t.Error("their file was overwritten")
	}
}

func TestSomebodyElsesEditEndsTheSweepAndStays(t *testing.T) {
	w := newWorld(t, tritonsim.ControlNone)
	theirs := strings.Replace(faceConfig, "500  # half", "7500  # seven and a half", 1)
	_, err := w.run(t, Restart, func(c *Config) {
		record := c.Record
		c.Record = func(r results.Record) error {
			w.write(t, "face/config.pbtxt", theirs)
			return record(r)
		}
	})
	var conflict *undo.ConflictError
	if !errors.As(err, &conflict) {
		t.Fatalf("error %v", err)
	}
	if backup, err := os.ReadFile(conflict.Backup); err != nil || string(backup) != faceConfig {
		t.Errorf("backup %q, %v", backup, err)
	}
	if w.config(t) != theirs {
		t.Error("their file was overwritten")
	}
	w.expectDelay(t, 7500)
}

func TestAnInterruptionRestores(t *testing.T) {
	for stop := range 3 { // after each record
		t.Run(fmt.Sprint(stop), func(t *testing.T) {
			w := newWorld(t, tritonsim.ControlNone)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			outcome, err := w.runContext(ctx, t, func(c *Config) {
				c.Progress = func(e Event) {
					if e.Step == Measuring && e.Points == stop {
						cancel()
					}
				}
			})
			if !errors.Is(err, context.Canceled) || !outcome.Interrupted || len(w.records) > stop+1 {
				t.Errorf("%v, %+v, %d records", err, outcome, len(w.records))
			}
			w.expectRestored(t)
		})
	}
}

func TestAResultThatCannotBeStoredEndsTheSweep(t *testing.T) {
	w := newWorld(t, tritonsim.ControlNone)
	full := errors.New("no space left on device")
	_, err := w.run(t, Restart, func(c *Config) { c.Record = func(results.Record) error { return full } })
	var record *RecordError
	if !errors.As(err, &record) || !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
	w.expectRestored(t)
}

// TestFault30NoEngine: the files are restored without it, the
// journal waits, and a later recovery finishes the work.
func TestFault30NoEngine(t *testing.T) {
	w := newWorld(t, tritonsim.ControlNone)
	down := errors.New("the engine is down")
	w.server.failRestart = func(n int) error {
		if n >= 2 {
			return down
		}
		return nil
	}
	_, err := w.run(t, Restart, nil)
	var unverified *NotVerifiedError
	if !errors.As(err, &unverified) || !errors.Is(err, down) {
		t.Fatalf("error %v", err)
	}
	if w.config(t) != faceConfig {
		t.Error("the file was not restored")
	}
	pending, err := undo.Pending(w.state)
	if err != nil || len(pending) != 1 || pending[0].Phase != undo.Restored {
		t.Fatalf("pending %v, %v", pending, err)
	}
	w.server.failRestart = nil
	w.recover(t, nil)
	w.expectRestored(t)
}

// TestRecoverAfterEveryWrite: a process that dies right after a write leaves a
// journal from which the next one restores.
func TestRecoverAfterEveryWrite(t *testing.T) {
	w := newWorld(t, tritonsim.ControlNone)
	w.die(t)
	w.recover(t, nil)
	w.expectRestored(t)
}
