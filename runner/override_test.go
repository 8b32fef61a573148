package runner

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"tritonsweep/runner/triton"
	"tritonsweep/runner/tritonsim"
	"tritonsweep/runner/undo"
)

// overrideDelay does what an operator may have done long before the sweep.
func (w *world) overrideDelay(t *testing.T, delay uint64) {
	t.Helper()
	client, err := w.server.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	config, err := client.Config(t.Context(), "face")
	if err != nil {
		t.Fatal(err)
	}
	config.GetDynamicBatching().MaxQueueDelayMicroseconds = delay
	override, err := triton.ConfigOverride(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Load(t.Context(), "face", override); err != nil {
		t.Fatal(err)
	}
}

// TestFault67FoundWithAnOverride: a server that ran an operator's override
// before the sweep runs it afterwards, though its file says something else.
func TestFault67FoundWithAnOverride(t *testing.T) {
	w := newWorld(t, tritonsim.ControlExplicit)
	w.overrideDelay(t, 7777)
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
	client, err := w.server.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	config, err := client.Config(t.Context(), "face")
	if err != nil {
		t.Fatal(err)
	}
	served, err := triton.MarshalConfig(config)
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
	w.overrideDelay(t, 9000)
	// Here it dies: the kernel drops the lock, the journal stays.
	if err := errors.Join(j.Close(), lock.Release()); err != nil {
		t.Fatal(err)
	}
	died := errors.New("it dies again")
	r := Recovery{State: w.state, ReadyTimeout: 20 * time.Second}
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
