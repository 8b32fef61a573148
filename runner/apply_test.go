package runner

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tritonsweep/internal/atomicfile"
	"tritonsweep/results"
	"tritonsweep/runner/tritonsim"
	"tritonsweep/runner/undo"
	"tritonsweep/sweep"
)

func slower(config string) []byte { return []byte(strings.Replace(config, "500", "9000", 1)) }

// expectApplied demands the changed file, a server that runs it, one entry in
// the history, and nothing left over.
func (w *world) expectApplied(t *testing.T) {
	t.Helper()
	if w.config(t) != string(slower(faceConfig)) {
		t.Error("the change is not in the file")
	}
	w.expectDelay(t, 9000)
	if h := w.history(t); len(h) != 1 || string(h[0].Before.Data) != faceConfig || h[0].After != atomicfile.Sum(slower(faceConfig)) {
		t.Errorf("the history says %v", h)
	}
	w.expectTidy(t)
}

func (w *world) expectTidy(t *testing.T) {
	t.Helper()
	if left, _ := filepath.Glob(filepath.Join(w.state.Dir(), "*.journal.json")); len(left) > 0 {
		t.Errorf("journals left: %v", left)
	}
	entries, err := os.ReadDir(filepath.Join(w.dir, "face"))
	if err != nil || len(entries) != 3 {
		t.Errorf("the model's directory holds %v, %v", entries, err)
	}
}

func TestApplyStaysAndAFailedOneDoesNot(t *testing.T) {
	w := newWorld(t, tritonsim.ControlNone)
	if err := w.apply(t.Context(), t, Change{Model: "face", Data: slower(faceConfig), Infer: true}); err != nil {
		t.Fatal(err)
	}
	w.expectApplied(t)
	err := w.apply(t.Context(), t, Change{Model: "face", Data: []byte(strings.Replace(w.config(t), "python", "no-such-backend", 1))})
	var refused *RefusedError
	if !errors.As(err, &refused) {
		t.Errorf("error %v", err)
	}
	w.expectApplied(t)
}

// TestTheCanaryDecides: what it is told was measured on the old config and on
// the new one, and without its consent the old one comes back.
func TestTheCanaryDecides(t *testing.T) {
	for _, consent := range []error{nil, errors.New("worse")} {
		w := newWorld(t, tritonsim.ControlNone)
		asked := 0
		canary := &Canary{Load: sweep.Load{Concurrency: 2, BatchSize: 1}, Judge: func(before, after results.Record) error {
			asked++
			if !before.Control || after.Control || *before.Active.MaxQueueDelay != 500 || *after.Active.MaxQueueDelay != 9000 {
				t.Errorf("before %v, after %v", before.Active, after.Active)
			}
			return consent
		}}
		err := w.apply(t.Context(), t, Change{Model: "face", Data: slower(faceConfig), Infer: true, Canary: canary})
		if !errors.Is(err, consent) || asked != 1 {
			t.Errorf("error %v after asking %d times, want %v", err, asked, consent)
		}
		if consent == nil {
			w.expectApplied(t)
			continue
		}
		w.expectRestored(t)
		if h := w.history(t); len(h) > 0 {
			t.Errorf("the history says %v", h)
		}
	}
}

// TestAnInterruptedApplyIsTakenBack: Ctrl-C while the canary thinks.
func TestAnInterruptedApplyIsTakenBack(t *testing.T) {
	w := newWorld(t, tritonsim.ControlNone)
	ctx, cancel := context.WithCancel(t.Context())
	canary := &Canary{Load: sweep.Load{Concurrency: 1, BatchSize: 1}, Judge: func(_, _ results.Record) error { cancel(); return nil }}
	err := w.apply(ctx, t, Change{Model: "face", Data: slower(faceConfig), Canary: canary,
		Entry: func(atomicfile.Snapshot) undo.Applied { t.Error("it was committed"); return undo.Applied{} }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	w.expectRestored(t)
}

// TestACommittedChangeIsCompleted: a process that dies right after the decision
// leaves it to the next one, however often that dies, too.
func TestACommittedChangeIsCompleted(t *testing.T) {
	for _, remembered := range []bool{false, true} {
		w := newWorld(t, tritonsim.ControlNone)
		w.write(t, "face/config.pbtxt", faceConfig)
		lock, err := undo.Acquire(w.state, w.dir, "test")
		if err != nil {
			t.Fatal(err)
		}
		journal, err := undo.Begin(lock, "apply1", undo.Reference{}, map[string]string{"face": "face/config.pbtxt"})
		if err != nil {
			t.Fatal(err)
		}
		entry := undo.Applied{Run: "run1", Model: "face", Before: journal.Entry("face").Original, After: atomicfile.Sum(slower(faceConfig))}
		if err := errors.Join(journal.Write("face", slower(faceConfig)), journal.Commit(entry)); err != nil {
			t.Fatal(err)
		}
		if remembered {
			err = undo.Remember(lock, entry)
		}
		if err := errors.Join(err, journal.Close(), lock.Release(), w.sim.Restart(t.Context())); err != nil {
			t.Fatal(err)
		}
		w.recover(t, nil)
		w.expectApplied(t)
	}
}
