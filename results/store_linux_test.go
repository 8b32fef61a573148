package results

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// asNobody runs f without the rights of root on files, so that the test means
// the same for every user. Only this thread's rights change.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if os.Geteuid() == 0 {
		must(t, syscall.Setfsuid(65534))
		defer syscall.Setfsuid(0)
	}
	f()
}

func TestReadOnlyFolder(t *testing.T) {
	ctx := t.Context()
	s, path := openTest(t)
	must(t, s.CreateRun(ctx, testRun("r")))
	must(t, s.Append(ctx, testRecord("r", 1)))
	must(t, s.Close())
	must(t, os.Chmod(path, 0o444))
	dir := t.TempDir()
	must(t, os.Rename(path, dir+"/run.db"))
	must(t, os.Chmod(dir, 0o555))
	t.Cleanup(func() { os.Chmod(dir, 0o755) })
	// The folders above are private to the user of the test.
	for up := filepath.Dir(dir); up != filepath.Clean(os.TempDir()) && up != "/"; up = filepath.Dir(up) {
		must(t, os.Chmod(up, 0o755))
	}

	asNobody(t, func() {
		s, err := OpenReadOnly(ctx, dir+"/run.db")
		must(t, err)
		defer s.Close()
		got, err := s.Records(ctx, "r")
		if err != nil || len(got) != 1 {
			t.Errorf("reading in a folder without write permission: %d records, %v", len(got), err)
		}
		if _, err := Open(ctx, dir+"/run.db"); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("opening for writing: %v, want a permission error", err)
		}
		if _, err := Open(ctx, dir+"/new.db"); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("creating: %v, want a permission error", err)
		}
	})
}
