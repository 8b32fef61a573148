package runner

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"tritonsweep/internal/atomicfile/faultfs"
	"tritonsweep/runner/tritonsim"
	"tritonsweep/runner/undo"
)

// die leaves behind what a run does that is killed right after a restart with a
// changed config, and returns its journal.
func (w *world) die(t *testing.T) undo.Document {
	t.Helper()
	lock, err := undo.Acquire(w.state, w.dir, "test")
	if err != nil {
		t.Fatal(err)
	}
	j, err := undo.Begin(lock, "run1", undo.Reference{Mode: "restart"}, map[string]string{"face": "face/config.pbtxt"})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Write("face", []byte(strings.Replace(faceConfig, "500", "9000", 1))); err != nil {
		t.Fatal(err)
	}
	if err := w.server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Here it dies: the kernel drops the lock, the journal stays.
	if err := errors.Join(j.Close(), lock.Release()); err != nil {
		t.Fatal(err)
	}
	return j.Document
}

func (w *world) recovery() Recovery {
	return Recovery{
		State: w.state, ReadyTimeout: 20 * time.Second,
		Find: func(context.Context, undo.Reference) (Server, error) { return w.server, nil },
	}
}

// TestFault12RecoveryFails lets every call of a recovery fail, and at every second
// one all that follow as well. Whenever the recovery says that the file is back
// the server runs it too, and the next recovery finishes what is left.
func TestFault12RecoveryFails(t *testing.T) {
	w := newWorld(t, tritonsim.ControlNone)
	counted := &faultfs.Faults{}
	r := w.recovery()
	r.State = w.state.Through(counted.Open)
	if err := r.Recover(t.Context(), w.die(t), "test"); err != nil {
		t.Fatal(err)
	}
	w.expectRestored(t)
	finished := 0
	for n := 1; n <= counted.Calls(); n++ {
		for _, stays := range []bool{false, true}[:1+n%2] {
			doc := w.die(t)
			restarts := w.server.restarts
			faults := &faultfs.Faults{At: n, Stays: stays, Err: syscall.EIO}
			r.State = w.state.Through(faults.Open)
			err := r.Recover(t.Context(), doc, "test")
			_, open := errors.AsType[*NotRestoredError](err)
			back := !open && w.config(t) == faceConfig
			if back && w.server.restarts == restarts {
				t.Errorf("call %d (%s) failed: the files are back and the server was not restarted: %v", n, faults.Ops()[n-1], err)
			}
			if back {
				w.expectDelay(t, 500)
				finished++
			}
			if err := w.recovery().Recover(t.Context(), doc, "test"); err != nil {
				t.Errorf("call %d (%s) failed, and so the next recovery: %v", n, faults.Ops()[n-1], err)
			}
			w.expectRestored(t)
		}
	}
	if finished == 0 {
		t.Error("no recovery went on after a failure")
	}
	t.Logf("%d calls, %d recoveries went on", counted.Calls(), finished)
}
