package runner

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"tritonsweep/runner/triton"
	"tritonsweep/runner/tritonsim"
	"tritonsweep/runner/undo"
)

// TestFault67FoundWithAnOverride: a server that ran an operator's override
// before the sweep runs it afterwards, though its file says something else.
func TestFault67FoundWithAnOverride(t *testing.T) {
	w := newWorld(t, tritonsim.ControlExplicit)
	if err := w.override(t.Context(), 7777); err != nil {
		t.Fatal(err)
	}
	warned := ""
	_, err := w.run(t, Reload, func(c *Config) {
		c.Progress = func(e Event) {
			if e.Step == Warning {
				warned = e.Text
			}
		}
	})
	if err != nil || !strings.Contains(warned, "loaded again, as an override") {
		t.Errorf("error %v, warning %q", err, warned)
	}
	w.expectDelay(t, 7777)
}

// TestFault67Recovered: a run died with an override in force, and so did its
// recovery, any number of times.
func TestFault67Recovered(t *testing.T) {
	w := newWorld(t, tritonsim.ControlExplicit)
	served, err := triton.MarshalConfig(w.inForce(t))
	if err != nil {
		t.Fatal(err)
	}
	place := w.state.Server("localhost:8001")
	lock, err := undo.Acquire(w.state, place, "test")
	if err != nil {
		t.Fatal(err)
	}
	j, err := undo.BeginServer(lock, "run1", undo.Reference{Mode: "reload"}, map[string]json.RawMessage{"face": served})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Override("face"); err != nil {
		t.Fatal(err)
	}
	if err := w.override(t.Context(), 9000); err != nil {
		t.Fatal(err)
	}
	// Here it dies: the kernel drops the lock, the journal stays.
	if err := errors.Join(j.Close(), lock.Release()); err != nil {
		t.Fatal(err)
	}
	died := errors.New("it dies again")
	r := w.recovery()
	r.Find = func(context.Context, undo.Reference) (Server, error) { return nil, died }
	for range 3 {
		if err := r.Recover(t.Context(), j.Document, "test"); !errors.Is(err, died) {
			t.Errorf("error %v", err)
		}
	}
	w.recover(t, nil)
	w.expectRestored(t)
	if left, _ := os.ReadDir(w.state.Dir()); len(left) > 0 {
		t.Errorf("left in the state directory: %v", left)
	}
}

// TestReloadWithoutModelControl: a server that takes no load requests is left
// alone, and the error says what it would need.
func TestReloadWithoutModelControl(t *testing.T) {
	w := newWorld(t, tritonsim.ControlNone)
	_, err := w.run(t, Reload, nil)
	if !errors.Is(err, triton.ErrControlMode) {
		t.Errorf("error %v", err)
	}
	if _, unverified := errors.AsType[*NotVerifiedError](err); unverified {
		t.Errorf("nothing was changed, but: %v", err)
	}
	w.expectRestored(t)
}
