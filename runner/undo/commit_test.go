package undo

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tritonsweep/internal/atomicfile"
	"tritonsweep/internal/atomicfile/faultfs"
)

const applied = "max_batch_size: 4 # applied\n"

// apply is what an apply does to files: a change on trial, the decision, the
// history. A decision that cannot be written is taken back.
func (w world) apply() error {
	l, err := Acquire(w.state, w.repo, "test")
	if err != nil {
		return err
	}
	j, err := Begin(l, "run1", Reference{Mode: "restart"}, map[string]string{"a": "a/config.pbtxt"})
	if err != nil {
		return errors.Join(err, l.Release())
	}
	err = j.Write("a", []byte(applied))
	if err == nil {
		err = j.Commit(Applied{Time: time.Unix(1, 0), Run: "run1", Model: "a", Before: j.Entry("a").Original, After: atomicfile.Sum([]byte(applied))})
	}
	if err == nil {
		return errors.Join(j.Conclude(l), l.Release())
	}
	if restored := j.Restore(); restored != nil {
		return errors.Join(err, restored, j.Close(), l.Release())
	}
	return errors.Join(err, j.MarkRestored(), j.Finish(), l.Release())
}

// complete is the next start.
func (w world) complete(t *testing.T) {
	t.Helper()
	l, err := Acquire(w.state, w.repo, "restore")
	if err != nil {
		t.Fatal(err)
	}
	j, err := Resume(l)
	switch {
	case err == nil && j == nil:
	case err == nil && j.Phase == Committed:
		err = j.Conclude(l)
	case err == nil:
		err = errors.Join(j.Restore(), j.MarkRestored(), j.Finish())
	}
	if err := errors.Join(err, l.Release()); err != nil {
		t.Fatal(err)
	}
}

// expectDecided demands the old file without, or the new one with, its entry in
// the history, and nothing else of ours.
func (w world) expectDecided(t *testing.T, when string) (stays bool) {
	t.Helper()
	got, err := os.ReadFile(w.path("a"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := History(w.state)
	if err != nil {
		t.Fatal(err)
	}
	stays = string(got) == applied
	if !stays && string(got) != original+"# a\n" || stays != (len(all) == 1) {
		t.Errorf("%s: the file holds %q, the history %d entries", when, got, len(all))
	}
	if entries, err := os.ReadDir(filepath.Join(w.repo, "a")); err != nil || len(entries) != 1 {
		t.Errorf("%s: beside the config lie %v, %v", when, entries, err)
	}
	left, err := os.ReadDir(w.state.Dir())
	for _, e := range left {
		if !strings.HasSuffix(e.Name(), historySuffix) {
			t.Errorf("%s: left is %s, %v", when, e.Name(), err)
		}
	}
	return stays
}

// TestACommitIsAllOrNothing lets every call of the disk fail once, or for ever:
// after the next start the change is there and remembered, or neither.
func TestACommitIsAllOrNothing(t *testing.T) {
	counted, faults := newWorld(t), &faultfs.Faults{}
	counted.state = counted.state.Through(faults.Open)
	if err := counted.apply(); err != nil {
		t.Fatal(err)
	}
	counted.expectDecided(t, "nothing failed")
	outcomes := map[bool]int{}
	for _, forever := range []bool{false, true} {
		for at := 1; at <= faults.Calls(); at += stride(2) {
			w := newWorld(t)
			faulty := w
			faulty.state = w.state.Through((&faultfs.Faults{At: at, Err: syscall.ENOSPC, Stays: forever}).Open)
			err := faulty.apply()
			w.complete(t)
			stays := w.expectDecided(t, faults.Ops()[at-1])
			outcomes[stays]++
			if err == nil && !stays {
				t.Errorf("call %d (%s): said to be applied, but is not", at, faults.Ops()[at-1])
			}
		}
	}
	if outcomes[true] == 0 || outcomes[false] == 0 {
		t.Errorf("the failures hit one side of the decision only: %v", outcomes)
	}
}
