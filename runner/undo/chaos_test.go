package undo

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tritonsweep/internal/atomicfile/faultfs"
)

// protocol is what a run does to files, from the lock to the end: two trials of
// two models, and the restore.
func (w world) protocol() error {
	l, err := Acquire(w.state, w.repo, "test")
	if err != nil {
		return err
	}
	j, err := Begin(l, "run1", Reference{Mode: "restart"}, map[string]string{"a": "a/config.pbtxt", "b": "b/config.pbtxt"})
	if err != nil {
		return errors.Join(err, l.Release())
	}
	err = w.trials(j)
	if restored := j.Restore(); restored != nil {
		return errors.Join(err, restored, j.Close(), l.Release())
	}
	marked := j.MarkRestored()
	return errors.Join(err, marked, j.Finish(), l.Release())
}

func (w world) trials(j *Journal) error {
	for i := range 2 {
		for _, model := range []string{"a", "b"} {
			if err := j.Write(model, fmt.Appendf(nil, "trial %d of %s %s", i, model, strings.Repeat("x", 3000))); err != nil {
				return err
			}
		}
	}
	return nil
}

// calls returns how many calls of the disk the protocol makes.
func (w world) calls(t *testing.T) int {
	t.Helper()
	faults := &faultfs.Faults{}
	counted := w
	counted.state = w.state.Through(faults.Open)
	if err := counted.protocol(); err != nil {
		t.Fatal(err)
	}
	if faults.Calls() < 40 {
		t.Fatalf("only %d calls: %v", faults.Calls(), faults.Ops())
	}
	return faults.Calls()
}

// expectOriginal demands the untouched repository and nothing of ours beside it.
func (w world) expectOriginal(t *testing.T, when string) {
	t.Helper()
	for _, m := range []string{"a", "b"} {
		got, err := os.ReadFile(w.path(m))
		if err != nil || string(got) != original+"# "+m+"\n" {
			t.Errorf("%s: %s holds %q, %v", when, m, got, err)
		}
		entries, err := os.ReadDir(filepath.Join(w.repo, m))
		if err != nil || len(entries) != 1 {
			t.Errorf("%s: %s holds %v, %v", when, m, entries, err)
		}
	}
	if info, err := os.Stat(w.path("a")); err != nil || info.Mode() != 0o640 || !info.ModTime().Equal(past) {
		t.Errorf("%s: mode %v, time %v, %v", when, info.Mode(), info.ModTime(), err)
	}
	if left, err := os.ReadDir(w.state.Dir()); err != nil || len(left) > 0 {
		t.Errorf("%s: the state directory holds %v, %v", when, left, err)
	}
}

// past is the modification time of the originals.
var past = time.Date(2020, 2, 3, 4, 5, 6, 7000, time.UTC)

func newOldWorld(t *testing.T) world {
	t.Helper()
	w := newWorld(t)
	for _, m := range []string{"a", "b"} {
		if err := os.Chtimes(w.path(m), past, past); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// next is the next start: it restores what is pending.
func (w world) next() error {
	l, err := Acquire(w.state, w.repo, "restore")
	if err != nil {
		return err
	}
	j, err := Resume(l)
	if err == nil && j != nil {
		err = errors.Join(j.Restore(), j.MarkRestored(), j.Finish())
	}
	return errors.Join(err, l.Release())
}

// stride is 1 in make chaos, which tries every call; elsewhere some are enough.
func stride(usual int) int {
	if os.Getenv("TRITONSWEEP_CHAOS") != "" {
		return 1
	}
	return usual
}

// TestFault12EveryCallFails lets every call fail once, with every error that a
// disk has, and the disk stay full from every call on (row 11): the files are
// the originals at once or after the next start.
func TestFault12EveryCallFails(t *testing.T) {
	w := newOldWorld(t)
	calls := w.calls(t)
	tried := 0
	for _, err := range []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS} {
		for at := 1; at <= calls; at += stride(2) {
			tried++
			faults := &faultfs.Faults{At: at, Err: err, Stays: err == syscall.ENOSPC}
			faulty := w
			faulty.state = w.state.Through(faults.Open)
			got := faulty.protocol()
			if got == nil && err == syscall.EIO && at < calls/2 && !strings.HasPrefix(faults.Ops()[at-1], "remove") {
				t.Errorf("call %d (%s) failed and nobody said so", at, faults.Ops()[at-1])
			}
			if err := w.next(); err != nil {
				t.Fatalf("next start after %v at call %d (%s): %v", err, at, faults.Ops()[at-1], err)
			}
			w.expectOriginal(t, fmt.Sprintf("%v at call %d (%s)", err, at, faults.Ops()[at-1]))
			if t.Failed() {
				t.FailNow()
			}
		}
	}
	fmt.Printf("failing calls: %d of %d calls x 4 errors, all restored\n", tried, calls)
}

// TestFault11FullDiskStillRestores: from the first write of a config on the
// disk is full, and the run itself restores from the space that it kept.
func TestFault11FullDiskStillRestores(t *testing.T) {
	w := newTmpfsWorld(t, "256k")
	l, j := w.begin(t)
	if err := j.Write("a", []byte("ours")); err != nil {
		t.Fatal(err)
	}
	full := filepath.Join(w.repo, "full")
	f, err := os.Create(full)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 512))
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	if err := j.Write("b", []byte(strings.Repeat("too much ", 1<<15))); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("writing to a full disk: %v", err)
	}
	if err := errors.Join(f.Close(), j.Restore()); err != nil {
		t.Fatal(err)
	}
	w.expect(t, "a", original+"# a\n")
	w.expect(t, "b", original+"# b\n")
	if err := errors.Join(j.Finish(), l.Release()); err != nil {
		t.Error(err)
	}
}

// newTmpfsWorld is a world whose repository is a small file system of its own.
func newTmpfsWorld(t *testing.T, size string) world {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	w := newWorld(t)
	if err := unix.Mount("tmpfs", w.repo, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("mounting is not allowed here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(w.repo, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	for _, m := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(w.repo, m), 0o755); err != nil {
			t.Fatal(err)
		}
		w.edit(t, m, original+"# "+m+"\n")
	}
	return w
}

// TestFault10PowerLoss lets the power go away at every moment of the protocol,
// and recovers from what may be left of the disk.
func TestFault10PowerLoss(t *testing.T) {
	states, err := strconv.Atoi(cmp.Or(os.Getenv("TRITONSWEEP_CRASHES"), "110"))
	if err != nil {
		t.Fatal(err)
	}
	base := t.TempDir()
	w := newWorldIn(t, filepath.Join(base, "disk"))
	before := filepath.Join(base, "before")
	if err := os.CopyFS(before, os.DirFS(filepath.Join(base, "disk"))); err != nil {
		t.Fatal(err)
	}
	recorder := faultfs.NewRecorder(filepath.Join(base, "disk"))
	recording := w
	recording.state = w.state.Through(recorder.Open)
	if err := recording.protocol(); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	dirty := 0
	for i := range states {
		moment := i % recorder.Moments()
		crashed := filepath.Join(base, "disk") // the same place: journals name it
		if err := os.RemoveAll(crashed); err != nil {
			t.Fatal(err)
		}
		for _, dir := range []string{w.state.Dir(), filepath.Join(w.repo, "a"), filepath.Join(w.repo, "b")} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := recorder.Crash(random, before, crashed, moment); err != nil {
			t.Fatal(err)
		}
		if now, _ := os.ReadFile(w.path("a")); string(now) != original+"# a\n" {
			dirty++
		}
		if err := w.next(); err != nil {
			t.Fatalf("power loss %d at moment %d: %v", i, moment, err)
		}
		for _, m := range []string{"a", "b"} {
			if got, err := os.ReadFile(w.path(m)); err != nil || string(got) != original+"# "+m+"\n" {
				t.Fatalf("power loss %d at moment %d: %s holds %q, %v", i, moment, m, got, err)
			}
		}
	}
	fmt.Printf("power losses: %d at %d moments, %d left a config changed, all restored\n", states, recorder.Moments(), dirty)
}

func newWorldIn(t *testing.T, base string) world {
	t.Helper()
	t.Setenv(StateEnv, filepath.Join(base, "state"))
	state, err := OpenState()
	if err != nil {
		t.Fatal(err)
	}
	w := world{state, filepath.Join(base, "models")}
	for _, m := range []string{"a", "b"} {
		if err := os.MkdirAll(filepath.Join(w.repo, m), 0o755); err != nil {
			t.Fatal(err)
		}
		w.edit(t, m, original+"# "+m+"\n")
	}
	return w
}

// TestFault3KilledAtEveryCall kills a process before every call of the protocol
// (kill -9 of itself), and another one in the recovery from it (row 8).
func TestFault3KilledAtEveryCall(t *testing.T) {
	w := newOldWorld(t)
	calls := w.calls(t)
	kills := 0
	for at := 1; at <= calls; at += stride(7) {
		kills++
		if !w.killed(t, "protocol", at) {
			t.Errorf("call %d did not kill", at)
		}
		for again := 1; again < 60 && w.killed(t, "next", again); again += 3 + at%7 {
		}
		if err := w.next(); err != nil {
			t.Fatalf("killed at call %d: %v", at, err)
		}
		w.expectOriginal(t, fmt.Sprintf("killed at call %d", at))
	}
	fmt.Printf("kills at calls: %d of %d, restored %d\n", kills, calls, kills)
}

// killed runs a part in a process that dies before a call, and reports whether
// it came to it.
func (w world) killed(t *testing.T, part string, at int) bool {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=TestHelperDies$")
	cmd.Env = append(os.Environ(), "UNDO_HELPER_REPO="+w.repo, "UNDO_HELPER_PART="+part, fmt.Sprintf("UNDO_HELPER_AT=%d", at))
	out, err := cmd.CombinedOutput()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return true
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return false
}

// TestHelperDies is the process that dies.
func TestHelperDies(t *testing.T) {
	part := os.Getenv("UNDO_HELPER_PART")
	if part == "" {
		t.Skip("only a child process of the tests of kills")
	}
	at, err := strconv.Atoi(os.Getenv("UNDO_HELPER_AT"))
	if err != nil {
		t.Fatal(err)
	}
	state, err := OpenState()
	if err != nil {
		t.Fatal(err)
	}
	w := world{state.Through((&faultfs.Faults{At: at}).Open), os.Getenv("UNDO_HELPER_REPO")}
	if part == "next" {
		err = w.next()
	} else {
		err = w.protocol()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestFault3RandomKills kills a writer at random moments (make chaos: 1,000).
func TestFault3RandomKills(t *testing.T) {
	kills, err := strconv.Atoi(cmp.Or(os.Getenv("TRITONSWEEP_CHAOS"), "30"))
	if err != nil {
		t.Fatal(err)
	}
	w := newOldWorld(t)
	dirty := 0
	for i := range kills {
		cmd := exec.Command(os.Args[0], "-test.run=TestHelperWriter$", "-test.v")
		cmd.Env = append(os.Environ(), "UNDO_HELPER_REPO="+w.repo)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		buffer := make([]byte, 64)
		_, _ = out.Read(buffer) // the process is up
		time.Sleep(time.Duration(rand.Int64N(int64(15 * time.Millisecond))))
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		if now, _ := os.ReadFile(w.path("a")); string(now) != original+"# a\n" {
			dirty++
		}
		if err := w.next(); err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		w.expectOriginal(t, fmt.Sprintf("kill %d", i))
		if t.Failed() {
			t.FailNow()
		}
	}
	fmt.Printf("random kills %d, config changed at the kill %d, restored %d, leftovers 0\n", kills, dirty, kills)
}

// TestFault22EditInTheGap lets somebody edit the file before every call of the
// protocol, also between the last look at it and its replacement.
func TestFault22EditInTheGap(t *testing.T) {
	for _, noExchange := range []bool{false, true} {
		w := newWorld(t)
		calls := w.calls(t)
		edits, kept, lost := 0, 0, 0
		for at := 1; at <= calls; at += stride(5) {
			edits++
			faults := &faultfs.Faults{At: at, NoExchange: noExchange, Do: func(string, string) { w.edit(t, "a", "theirs") }}
			edited := w
			edited.state = w.state.Through(faults.Open)
			err := edited.protocol()
			var conflict *ConflictError
			switch now, readErr := os.ReadFile(w.path("a")); {
			case readErr == nil && string(now) == "theirs":
				kept++
			case noExchange && strings.HasPrefix(faults.Ops()[at-1], "rename a"):
				lost++ // this file system leaves a gap of one call
			default:
				t.Errorf("edit at call %d (%s): the file holds %q (%v)", at, faults.Ops()[at-1], now, err)
			}
			if err != nil && !errors.As(err, &conflict) {
				t.Errorf("edit at call %d (%s): %v", at, faults.Ops()[at-1], err)
			}
			if err := w.next(); err != nil && !errors.As(err, &conflict) {
				t.Fatal(err)
			}
			w.clear(t)
		}
		fmt.Printf("edits %d, kept %d, lost in a gap without exchange %d\n", edits, kept, lost)
	}
}

// clear makes the world as it was.
func (w world) clear(t *testing.T) {
	t.Helper()
	for _, dir := range []string{w.state.Dir(), filepath.Join(w.repo, "a"), filepath.Join(w.repo, "b")} {
		names, err := filepath.Glob(filepath.Join(dir, "*"))
		hidden, _ := filepath.Glob(filepath.Join(dir, ".*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range append(names, hidden...) {
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
	w.edit(t, "a", original+"# a\n")
	w.edit(t, "b", original+"# b\n")
}
