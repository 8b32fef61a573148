package undo

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tritonsweep/internal/atomicfile"
)

// world is a repository with two models, and a state directory.
type world struct {
	state State
	repo  string
}

const original = "name: \"m\"\nmax_batch_size: 8\n"

func newWorld(t *testing.T) world {
	t.Helper()
	t.Setenv(StateEnv, filepath.Join(t.TempDir(), "state"))
	state, err := OpenState()
	if err != nil {
		t.Fatal(err)
	}
	w := world{state, t.TempDir()}
	for _, m := range []string{"a", "b"} {
		if err := os.MkdirAll(filepath.Join(w.repo, m), 0o755); err != nil {
			t.Fatal(err)
		}
		w.edit(t, m, original+"# "+m+"\n")
	}
	return w
}

func (w world) path(model string) string { return filepath.Join(w.repo, model, "config.pbtxt") }

func (w world) edit(t *testing.T, model, text string) {
	t.Helper()
	if err := os.WriteFile(w.path(model), []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
}

func (w world) expect(t *testing.T, model, text string) {
	t.Helper()
	if got, err := os.ReadFile(w.path(model)); err != nil || string(got) != text {
		t.Errorf("%s holds %q, %v; want %q", model, got, err, text)
	}
}

func (w world) begin(t *testing.T) (*Lock, *Journal) {
	t.Helper()
	l, err := Acquire(w.state, w.repo, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Release() })
	j, err := Begin(l, "run1", Reference{Mode: "restart"}, map[string]string{"a": "a/config.pbtxt", "b": "b/config.pbtxt"})
	if err != nil {
		t.Fatal(err)
	}
	return l, j
}

func TestRestorePutsEveryFileBack(t *testing.T) {
	w := newWorld(t)
	_, j := w.begin(t)
	for _, text := range []string{"one", "two", "three"} {
		if err := j.Write("a", []byte(text)); err != nil {
			t.Fatal(err)
		}
		w.expect(t, "a", text)
	}
	for range 2 { // restoring is idempotent
		if err := j.Restore(); err != nil {
			t.Fatal(err)
		}
	}
	w.expect(t, "a", original+"# a\n")
	w.expect(t, "b", original+"# b\n")
	if err := j.Finish(); err != nil {
		t.Fatal(err)
	}
	if left, err := Pending(w.state); err != nil || len(left) != 0 {
		t.Errorf("pending: %v, %v", left, err)
	}
}

func TestSomebodyElsesEditIsKept(t *testing.T) {
	w := newWorld(t)
	_, j := w.begin(t)
	if err := j.Write("a", []byte("ours")); err != nil {
		t.Fatal(err)
	}
	if err := j.Write("b", []byte("ours too")); err != nil {
		t.Fatal(err)
	}
	w.edit(t, "a", "theirs")

	var conflict *ConflictError
	if err := j.Write("a", []byte("again")); !errors.As(err, &conflict) {
		t.Errorf("writing over their edit: %v", err)
	}
	if err := j.Restore(); !errors.As(err, &conflict) {
		t.Fatalf("restoring over their edit: %v", err)
	}
	w.expect(t, "a", "theirs")
	w.expect(t, "b", original+"# b\n")
	if got, err := os.ReadFile(conflict.Backup); err != nil || string(got) != original+"# a\n" {
		t.Errorf("backup %q, %v", got, err)
	}
}

func TestOnlyOneRunHoldsARepository(t *testing.T) {
	w := newWorld(t)
	l, _ := w.begin(t)
	_, err := Acquire(w.state, w.repo, "second")
	var held *HeldError
	if !errors.As(err, &held) || held.Holder == nil || held.Holder.PID != os.Getpid() {
		t.Fatalf("second lock: %v", err)
	}
	if !strings.Contains(err.Error(), fmt.Sprintf("tritonsweep test (pid %d", os.Getpid())) {
		t.Errorf("the error does not name the holder: %v", err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	again, err := Acquire(w.state, w.repo, "third")
	if err != nil {
		t.Fatal(err)
	}
	again.Release()
}

func TestStateInsideTheRepositoryIsRefused(t *testing.T) {
	w := newWorld(t)
	t.Setenv(StateEnv, filepath.Join(w.repo, ".tritonsweep"))
	state, err := OpenState()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire(state, w.repo, "test"); err == nil || !strings.Contains(err.Error(), "stop Triton") {
		t.Errorf("error %v", err)
	}
}

func TestADamagedOrNewerJournalIsRefused(t *testing.T) {
	w := newWorld(t)
	l, j := w.begin(t)
	good, err := os.ReadFile(j.Path())
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"version":99}`)
	newer := fmt.Sprintf(`{"sha256":%q,"journal":%s}`, atomicfile.Sum(body), body)
	for name, c := range map[string]struct{ text, want string }{
		"cut":     {string(good[:len(good)/2]), "damaged"},
		"changed": {strings.Replace(string(good), "run1", "run2", 1), "checksum"},
		"newer":   {newer, "newer tritonsweep"},
	} {
		if err := os.WriteFile(j.Path(), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Resume(l); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

// TestKilledWriters kills a process that writes configs without pause, at
// random moments, and restores after it like the next command would.
func TestKilledWriters(t *testing.T) {
	w := newWorld(t)
	for i := range 30 {
		cmd := exec.Command(os.Args[0], "-test.run=TestHelperWriter$", "-test.v")
		cmd.Env = append(os.Environ(), "UNDO_HELPER_REPO="+w.repo)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 1+i%7 && lines.Scan(); n++ { // a different moment each time
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		w.recover(t)
	}
}

func (w world) recover(t *testing.T) {
	t.Helper()
	l, err := Acquire(w.state, w.repo, "restore")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	j, err := Resume(l)
	if err != nil {
		t.Fatal(err)
	}
	if j != nil {
		if err := errors.Join(j.Restore(), j.Finish()); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range []string{"a", "b"} {
		w.expect(t, m, original+"# "+m+"\n")
		entries, err := os.ReadDir(filepath.Join(w.repo, m))
		if err != nil || len(entries) != 1 {
			t.Errorf("%s holds %v, %v", m, entries, err)
		}
	}
}

// TestHelperWriter is the process that TestKilledWriters kills.
func TestHelperWriter(t *testing.T) {
	repo := os.Getenv("UNDO_HELPER_REPO")
	if repo == "" {
		t.Skip("only a child process of TestKilledWriters")
	}
	state, err := OpenState()
	if err != nil {
		t.Fatal(err)
	}
	w := world{state, repo}
	_, j := w.begin(t)
	for i := 0; ; i++ {
		if err := j.Write("a", fmt.Appendf(nil, "version %d %s", i, strings.Repeat("x", 5000))); err != nil {
			t.Fatal(err)
		}
		fmt.Println("written", i)
	}
}
