package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tritonsweep/examples"
	"tritonsweep/runner/guardian"
	"tritonsweep/runner/undo"
)

// simulation is a directory that simulated sweeps really write to, a state
// directory and a results file: what a killed run can leave behind.
type simulation struct {
	repository, state, db string
	before                map[string]string
}

func newSimulation(t testing.TB) *simulation {
	t.Helper()
	dir := t.TempDir()
	s := &simulation{filepath.Join(dir, "models"), filepath.Join(dir, "state"), filepath.Join(dir, "run.db"), nil}
	copyExample(t, s.repository, arcface)
	s.before = readConfigs(t, s.repository)
	return s
}

// copyExample lays a model of the example deployment out in a repository.
func copyExample(t testing.TB, repository, model string) {
	t.Helper()
	files, err := fs.Sub(examples.Models, "models/"+model)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(repository, model), files); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(repository, model, "1"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// command returns our program as a process of its own, the test binary under
// the program's name.
func (s *simulation) command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Args = append([]string{"tritonsweep"}, args...)
	cmd.Env = append(os.Environ(), undo.StateEnv+"="+s.state)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches its group, not the test
	return cmd
}

// sweep returns the command of a short sweep of the simulated server.
func (s *simulation) sweep(more ...string) *exec.Cmd {
	return s.command(append([]string{"queue-delay", "--sim", "--sim-in-place", "--repository", s.repository,
		"--model", "arcface_w600k_r50", "--delays", "1000,3000", "--concurrency", "2", "--rounds", "1",
		"--duration", "200ms", "--warmup", "50ms", "--db", s.db}, more...)...)
}

// holdAt starts a sweep, with more flags, and returns when it stays at a step.
func (s *simulation) holdAt(t testing.TB, step string, more ...string) *held {
	t.Helper()
	h := hold(t, s.sweep(more...), step)
	h.await(t, hookSays)
	return h
}

// reach starts a command and returns when it has arrived at a step, and goes on.
func reach(t testing.TB, cmd *exec.Cmd, step string) {
	t.Helper()
	begin(t, cmd, step)()
}

// begin starts a command; arrive returns when it has arrived at a step.
func begin(t testing.TB, cmd *exec.Cmd, step string) (arrive func()) {
	t.Helper()
	h := start(t, cmd, step+":say")
	return func() {
		t.Helper()
		h.await(t, hookSays)
		h.goOn()
	}
}

// held is a started command that stays at a step, however long a test takes to do
// something to it, until it is told to go on. A kill needs no goOn.
type held struct {
	*exec.Cmd
	said  *bufio.Scanner // standard error
	input *os.File       // a byte lets the command go on
}

// hold starts a command that will stay at a step.
func hold(t testing.TB, cmd *exec.Cmd, step string) *held {
	t.Helper()
	return start(t, cmd, step+":hold")
}

func start(t testing.TB, cmd *exec.Cmd, hook string) *held {
	t.Helper()
	cmd.Env = append(cmd.Env, hookEnv+"="+hook)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	input, output, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = output.Close() }) // nobody may be there to read
	cmd.Stdin = input
	if err := errors.Join(cmd.Start(), input.Close()); err != nil {
		t.Fatal(err)
	}
	return &held{cmd, bufio.NewScanner(stderr), output}
}

// await returns when the command has said something.
func (h *held) await(t testing.TB, text string) {
	t.Helper()
	for h.said.Scan() {
		if strings.Contains(h.said.Text(), text) {
			return
		}
	}
	t.Fatalf("the command did not say %q: %v", text, h.Wait())
}

// pass lets the command leave the step.
func (h *held) pass() { _, _ = h.input.WriteString("\n") } // it may have died

// goOn lets the command leave the last step; nothing more that it says is heard.
func (h *held) goOn() {
	h.pass()
	go func() {
		for h.said.Scan() { // keeps the pipe empty
		}
	}()
}

// waitRestored waits until the guardian's work is done.
func (s *simulation) waitRestored(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		reports, err := guardian.Reports(s.state)
		if err == nil && len(reports) == 1 && !reports[0].Server.IsZero() {
			return
		}
	}
	t.Error("the guardian did not restore within a minute")
}

// expectClean demands the untouched repository and an empty state directory.
func (s *simulation) expectClean(t testing.TB) {
	t.Helper()
	if left := differing(t, s.repository, s.before); len(left) > 0 {
		t.Errorf("not restored, or left behind: %v", left)
	}
	if left := s.leftovers(t); len(left) > 0 {
		t.Errorf("left in the state directory: %v", left)
	}
}

// leftovers lists what lies in the state directory, reports aside.
func (s *simulation) leftovers(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir(s.state)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".guardian.json") {
			left = append(left, e.Name())
		}
	}
	return left
}

// TestFault4Guardian: kill -9 at every step; the guardian restores, without any
// further command. It covers rows 1 to 8 of the fault matrix for the file.
func TestFault4Guardian(t *testing.T) {
	for _, step := range []string{"applying", "waiting for the server", "verifying", "measuring", "recorded", "restoring"} {
		t.Run(step, func(t *testing.T) {
			s := newSimulation(t)
			cmd := s.holdAt(t, step)
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // it was killed
			s.waitRestored(t)
			s.expectClean(t)
			out, err := s.command("restore").CombinedOutput()
			if err != nil || !bytes.Contains(out, []byte("nothing to restore")) || !bytes.Contains(out, []byte("its guardian restored the files")) {
				t.Errorf("restore after it: %v\n%s", err, out)
			}
		})
	}
}

// TestFault47SignalsToTheGroup: what a terminal sends goes to the whole process
// group; the run restores, and its guardian is not in the way.
func TestFault47SignalsToTheGroup(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			s := newSimulation(t)
			cmd := s.holdAt(t, "measuring")
			if err := syscall.Kill(-cmd.Process.Pid, sig); err != nil {
				t.Fatal(err)
			}
			cmd.await(t, "stopping, then restoring the config")
			cmd.goOn()
			_ = cmd.Wait()
			if got := cmd.ProcessState.ExitCode(); got != 128+int(sig) {
				t.Errorf("exit code %d, want %d", got, 128+int(sig))
			}
			s.expectClean(t)
			s.expectRecords(t, 0)
		})
	}
}

// TestFault50PanicInAGoroutine: the program dies with Go's code 2 and the
// guardian restores.
func TestFault50PanicInAGoroutine(t *testing.T) {
	s := newSimulation(t)
	cmd := s.sweep()
	cmd.Env = append(cmd.Env, hookEnv+"=measuring:panic")
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != 2 || !bytes.Contains(out, []byte("planned panic")) {
		t.Fatalf("exit code %d\n%s", got, out)
	}
	s.waitRestored(t)
	s.expectClean(t)
}

// TestFault49OutputGone: nobody reads standard output and error any more.
func TestFault49OutputGone(t *testing.T) {
	s := newSimulation(t)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := s.sweep()
	cmd.Stdout, cmd.Stderr = write, write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	if err := read.Close(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // a report that could not be written is a failure, no more
	s.expectClean(t)
	s.expectRecords(t, 3)
}

// TestFault18TwoSweeps: the second start is refused and told who sweeps.
func TestFault18TwoSweeps(t *testing.T) {
	s := newSimulation(t)
	first := s.holdAt(t, "measuring")
	out, _ := s.sweep().CombinedOutput()
	if !bytes.Contains(out, []byte(fmt.Sprintf("tritonsweep queue-delay (pid %d", first.Process.Pid))) {
		t.Errorf("the second sweep was not told who holds the repository:\n%s", out)
	}
	first.goOn()
	if err := first.Wait(); err != nil && first.ProcessState.ExitCode() != 3 {
		t.Errorf("the first sweep: %v", err)
	}
	s.expectClean(t)
}

func (s *simulation) expectRecords(t testing.TB, least int) {
	t.Helper()
	out, err := s.command("runs", "--db", s.db).CombinedOutput()
	if err != nil {
		t.Errorf("the store does not open: %v\n%s", err, out)
	}
	if least > 0 && !bytes.Contains(out, []byte("queue-delay")) {
		t.Errorf("no run is in the store:\n%s", out)
	}
}
