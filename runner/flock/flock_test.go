package flock

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestTry: one holds a directory at a time, until it is closed, and nobody one whose
// name leads elsewhere.
func TestTry(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	holder, other, late := open(t, dir), open(t, dir), open(t, dir)
	if err := Try(holder, dir); err != nil {
		t.Fatal(err)
	}
	if err := Try(other, dir); !errors.Is(err, ErrHeld) {
		t.Errorf("held: error %v", err)
	}
	if err := holder.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Try(other, dir); err != nil {
		t.Errorf("free again: error %v", err)
	}
	other.Close()
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := Try(late, dir); !errors.Is(err, ErrGone) {
		t.Errorf("removed: error %v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Try(late, dir); !errors.Is(err, ErrGone) {
		t.Errorf("made anew: error %v", err)
	}
}
