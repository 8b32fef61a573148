package undo

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"tritonsweep/internal/atomicfile"
)

// The rows of the fault matrix about files and locks; docs/faults.md lists them.

func (w world) probe(t *testing.T) error {
	t.Helper()
	l, err := Acquire(w.state, w.repo, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	return Probe(l, "a/config.pbtxt")
}

func TestFault13ReadOnly(t *testing.T) {
	for name, protect := range map[string]func(t *testing.T, w world){
		"file": func(t *testing.T, w world) { chmod(t, w.path("a"), 0o440) },
		"mount": func(t *testing.T, w world) {
			mount(t, w.repo, w.repo, unix.MS_BIND)
			mount(t, "", w.repo, unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY)
		},
		"immutable": func(t *testing.T, w world) {
			if out, err := exec.Command("chattr", "+i", w.path("a")).CombinedOutput(); err != nil {
				t.Skipf("chattr: %v %s", err, out)
			}
			t.Cleanup(func() { _ = exec.Command("chattr", "-i", w.path("a")).Run() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			protect(t, w)
			err := w.probe(t)
			if !errors.Is(err, os.ErrPermission) && !errors.Is(err, unix.EROFS) {
				t.Errorf("error %v", err)
			}
			w.expect(t, "a", original+"# a\n")
			if left, _ := filepath.Glob(filepath.Join(w.repo, "a", ".*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func chmod(t *testing.T, name string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

func mount(t *testing.T, from, to string, flags uintptr) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	if err := unix.Mount(from, to, "", flags, ""); err != nil {
		t.Skipf("mounting is not allowed here: %v", err)
	}
	if flags&unix.MS_REMOUNT == 0 {
		t.Cleanup(func() { _ = unix.Unmount(to, unix.MNT_DETACH) })
	}
}

func TestFault14Symlink(t *testing.T) {
	for _, inside := range []bool{true, false} {
		t.Run(fmt.Sprintf("inside %t", inside), func(t *testing.T) {
			w := newWorld(t)
			target := filepath.Join(w.repo, "b", "base.pbtxt")
			to := "../b/base.pbtxt"
			if !inside {
				target = filepath.Join(t.TempDir(), "base.pbtxt")
				to = target
			}
			err := errors.Join(os.Rename(w.path("a"), target), os.Symlink(to, w.path("a")))
			if err != nil {
				t.Fatal(err)
			}
			if err := w.probe(t); inside != (err == nil) {
				t.Fatalf("probe: %v", err)
			}
			if !inside {
				return
			}
			if err := w.protocol(); err != nil {
				t.Fatal(err)
			}
			w.expect(t, "a", original+"# a\n")
			if got, err := os.Readlink(w.path("a")); err != nil || got != to {
				t.Errorf("the link became %q, %v", got, err)
			}
		})
	}
}

func TestFault15HardLinks(t *testing.T) {
	w := newWorld(t)
	if err := os.Link(w.path("a"), filepath.Join(w.repo, "second")); err != nil {
		t.Fatal(err)
	}
	if err := w.probe(t); !errors.Is(err, ErrHardLinks) {
		t.Errorf("error %v", err)
	}
}

func TestFault16ConfigIsAMountPoint(t *testing.T) {
	w := newWorld(t)
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, []byte(original+"# a\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	mount(t, other, w.path("a"), unix.MS_BIND)
	if err := w.probe(t); !errors.Is(err, ErrMounted) {
		t.Errorf("error %v", err)
	}
}

// TestFault17Attributes: mode, owner, attributes and ACL are the same after
// every write, and the times too after the restore.
func TestFault17Attributes(t *testing.T) {
	w := newOldWorld(t)
	for _, name := range []string{"user.note", "system.posix_acl_access"} {
		value := []byte("kept")
		if name != "user.note" { // user::rw- user:1:r-- group::r-- mask::r-- other::---
			value = []byte{2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 1, 0, 0, 0, 4, 0, 4, 0, 255, 255, 255, 255,
				16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255}
		}
		if err := unix.Setxattr(w.path("a"), name, value, 0); err != nil && !errors.Is(err, unix.ENOTSUP) {
			t.Fatal(err)
		}
	}
	if os.Getuid() == 0 {
		if err := os.Chown(w.path("a"), 1234, 2345); err != nil {
			t.Fatal(err)
		}
	}
	before := w.snapshot(t)
	l, j := w.begin(t)
	if err := j.Write("a", []byte("ours")); err != nil {
		t.Fatal(err)
	}
	if got := w.snapshot(t).Differences(before); strings.Join(got, " ") != "content modification time" {
		t.Errorf("after a write these differ: %v", got)
	}
	if err := errors.Join(j.Restore(), j.Finish(), l.Release()); err != nil {
		t.Fatal(err)
	}
	if got := w.snapshot(t).Differences(before); len(got) > 0 {
		t.Errorf("after the restore these differ: %v", got)
	}
}

func (w world) snapshot(t *testing.T) atomicfile.Snapshot {
	t.Helper()
	root, err := atomicfile.Open(w.repo)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	s, err := atomicfile.Read(root, "a/config.pbtxt", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestFault18OneOfFifty: fifty starts at once, exactly one wins; the others are
// told.
func TestFault18OneOfFifty(t *testing.T) {
	w := newWorld(t)
	for range 20 {
		var won, held atomic.Int32
		var group sync.WaitGroup
		locks := make(chan *Lock, 50)
		for range 50 {
			group.Go(func() {
				l, err := Acquire(w.state, w.repo, "test")
				if _, told := errors.AsType[*HeldError](err); told {
					held.Add(1)
				} else if err == nil {
					won.Add(1)
					locks <- l
				}
			})
		}
		group.Wait()
		if won.Load() != 1 || held.Load() != 49 {
			t.Fatalf("%d won, %d were told", won.Load(), held.Load())
		}
		if err := (<-locks).Release(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFault19StaleHolder: a holder's file of a process that died is no lock,
// whoever has its process number now.
func TestFault19StaleHolder(t *testing.T) {
	w := newWorld(t)
	if !w.killed(t, "protocol", 30) {
		t.Fatal("the process did not die")
	}
	holder, err := filepath.Glob(filepath.Join(w.state.Dir(), "*.holder.json"))
	if err != nil || len(holder) != 1 {
		t.Fatalf("holders %v, %v", holder, err)
	}
	data, err := os.ReadFile(holder[0])
	if err != nil {
		t.Fatal(err)
	}
	mine := bytes.Replace(data, fmt.Appendf(nil, `"pid": %d`, readHolder(holder[0]).PID), fmt.Appendf(nil, `"pid": %d`, os.Getpid()), 1)
	if err := os.WriteFile(holder[0], mine, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.next(); err != nil {
		t.Fatal(err)
	}
	w.expect(t, "a", original+"# a\n")
}

func TestFault20NetworkFileSystem(t *testing.T) {
	real := fileSystem
	t.Cleanup(func() { fileSystem = real })
	fileSystem = func(*os.File) (uint32, error) { return unix.NFS_SUPER_MAGIC, nil }
	w := newWorld(t)
	_, err := Acquire(w.state, w.repo, "test")
	if shared, ok := errors.AsType[*SharedError](err); !ok || shared.FileSystem != "NFS" {
		t.Errorf("error %v", err)
	}
	l, err := Acquire(w.state.Shared(), w.repo, "test")
	if err != nil {
		t.Fatal(err)
	}
	l.Release()
}

// TestFault21SomebodyElsesEdit: at each step their file stays.
func TestFault21SomebodyElsesEdit(t *testing.T) {
	for steps := range 3 {
		w := newWorld(t)
		_, j := w.begin(t)
		for i := range steps {
			if err := j.Write("a", fmt.Appendf(nil, "trial %d", i)); err != nil {
				t.Fatal(err)
			}
		}
		w.edit(t, "a", "theirs")
		var conflict *ConflictError
		if err := j.Write("a", []byte("more")); !errors.As(err, &conflict) {
			t.Errorf("after %d writes: %v", steps, err)
		}
		if err := j.Restore(); !errors.As(err, &conflict) {
			t.Errorf("after %d writes: %v", steps, err)
		}
		if err := j.Finish(); err != nil {
			t.Error(err)
		}
		w.expect(t, "a", "theirs")
		if kept, err := os.ReadFile(conflict.Backup); err != nil || string(kept) != original+"# a\n" {
			t.Errorf("the original was kept as %q, %v", kept, err)
		}
	}
}

// TestFault23DirectoryReplaced: another directory has the model's name now.
func TestFault23DirectoryReplaced(t *testing.T) {
	w := newWorld(t)
	_, j := w.begin(t)
	if err := j.Write("a", []byte("ours")); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(w.repo, "a")
	if err := errors.Join(os.Rename(dir, dir+".old"), os.Mkdir(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	w.edit(t, "a", original+"# a\n") // the same bytes, and yet another file
	var conflict *ConflictError
	if err := j.Write("a", []byte("more")); !errors.As(err, &conflict) {
		t.Errorf("error %v", err)
	}
	if err := j.Restore(); !errors.As(err, &conflict) {
		t.Errorf("error %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("something was written into the new directory: %v", left)
	}
}

// TestFault65JournalVersions: the journals of older formats in testdata restore,
// and a newer one is refused with the place of the originals.
func TestFault65JournalVersions(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("the golden journals restore files of root")
	}
	golden, err := filepath.Glob("testdata/journal-v*.json")
	if err != nil || len(golden) != version {
		t.Fatalf("%d golden journals for %d formats, %v", len(golden), version, err)
	}
	for _, name := range golden {
		w := newWorld(t)
		l, err := Acquire(w.state, w.repo, "test")
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(journalPath(w.state, l.key), data, 0o600); err != nil {
			t.Fatal(err)
		}
		w.edit(t, "a", "ours")
		j, err := Resume(l)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := errors.Join(j.Restore(), j.Finish(), l.Release()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		w.expect(t, "a", original+"# a\n")
	}
	w := newWorld(t)
	l, j := w.begin(t)
	newer := j.Document
	newer.Version = version + 1
	j.Document = newer
	if err := j.save(); err != nil {
		t.Fatal(err)
	}
	_, err = Resume(l)
	if err == nil || !strings.Contains(err.Error(), "newer tritonsweep") || !strings.Contains(err.Error(), "run1.a.config.pbtxt") {
		t.Errorf("error %v", err)
	}
}
