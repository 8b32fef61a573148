package undo

import (
	"errors"
	"os"
	"sync"
	"testing"
)

// TestStandInComesAndGoes: many take and release a server's stand-in at once;
// never two hold it, and nothing is left.
func TestStandInComesAndGoes(t *testing.T) {
	w := newWorld(t)
	place := w.state.Server("localhost:8001")
	if got := Name(place); got != "the server 127.0.0.1:8001" {
		t.Errorf("it is called %q", got)
	}
	var holding, held sync.Mutex
	taken := 0
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 8 {
				l, err := Acquire(w.state, place, "test")
				if _, busy := errors.AsType[*HeldError](err); busy {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if !holding.TryLock() {
					t.Error("two hold it")
					return
				}
				held.Lock()
				taken++
				held.Unlock()
				holding.Unlock()
				if err := l.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if taken == 0 {
		t.Error("nobody held it")
	}
	if left, err := os.ReadDir(w.state.Dir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
