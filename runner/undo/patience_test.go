package undo

import (
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// Who waited long for a holder gets the lock also when it finds nobody's name on it
// in the moment in which the holder lets go.
func TestAcquireWithinMeetsTheEnd(t *testing.T) {
	t.Setenv(StateEnv, t.TempDir())
	repository := t.TempDir()
	state, err := OpenState()
	if err != nil {
		t.Fatal(err)
	}
	patience := func(h *Holder) time.Duration {
		if h != nil && h.Command == "guard" {
			return time.Minute
		}
		return time.Second
	}
	synctest.Test(t, func(t *testing.T) {
		guardian, err := Acquire(state, repository, "guard")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(30 * time.Second)
			if err := os.Remove(guardian.holder); err != nil {
				t.Error(err)
			}
			time.Sleep(500 * time.Millisecond)
			if err := guardian.Release(); err != nil {
				t.Error(err)
			}
		}()
		lock, err := AcquireWithin(t.Context(), state, repository, "restore", patience)
		if err != nil {
			t.Fatal(err)
		}
		// A holder that nobody knows is worth its second, and no more.
		if err := os.Remove(lock.holder); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if _, err := AcquireWithin(t.Context(), state, repository, "restore", patience); err == nil || time.Since(begin) > 2*time.Second {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
		if err := lock.Release(); err != nil {
			t.Error(err)
		}
	})
}
