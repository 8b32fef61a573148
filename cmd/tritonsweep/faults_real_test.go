package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/runner/docker/dockertest"
)

// TestBreakingAServer breaks everything that can be broken around a sweep of a real
// Triton in a container of its own, one thing after the other, and prints what
// became of it (make faults-real). After each the config is the original byte for
// byte, the server runs it, and nothing is left behind.
func TestBreakingAServer(t *testing.T) {
	if os.Getenv("TRITONSWEEP_FAULTS") != "1" {
		t.Skip("takes ten minutes: make faults-real")
	}
	dockertest.Require(t)
	w := newBroken(t)
	for _, c := range []struct {
		name  string
		fault func(w *broken, t *testing.T) string
	}{
		{"kill -9 of tritonsweep, config written", func(w *broken, t *testing.T) string { return w.killed(t, "waiting for the server") }},
		{"kill -9 of tritonsweep, measuring", func(w *broken, t *testing.T) string { return w.killed(t, changed) }},
		{"kill -9 of tritonsweep, restoring", func(w *broken, t *testing.T) string { return w.killed(t, bringingBack) }},
		{"kill -9 of the container", func(w *broken, t *testing.T) string { return w.atServer(t, "kill", "-s", "KILL") }},
		{"stop of the container", func(w *broken, t *testing.T) string { return w.atServer(t, "stop", "-t", "40") }},
		{"pause of the container (hung server)", func(w *broken, t *testing.T) string { return w.atServer(t, "pause") }},
		{"SIGSTOP of Triton (hung server)", (*broken).sigstop},
		{"killed for lack of memory", (*broken).outOfMemory},
		{"config that Triton refuses", (*broken).refused},
		{"port taken away in the sweep", (*broken).unreachable},
		{"port that nobody serves", (*broken).nobody},
		{"disk of the state full", (*broken).fullDisk},
		{"disk full from the start", (*broken).fullFromTheStart},
		{"read-only config", (*broken).readOnly},
		{"two sweeps at once", (*broken).two},
		{"model directory removed", (*broken).removed},
		{"Ctrl-C once", (*broken).interrupt},
		{"Ctrl-C twice", (*broken).interruptTwice},
		{"the Docker daemon killed and restarted", daemonRestart},
	} {
		start := time.Now()
		figure := "no figure"
		if !t.Run(c.name, func(t *testing.T) { figure = c.fault(w, t); w.expectWhole(t) }) {
			figure = "FAILED: " + figure
			w.repair()
		}
		w.rows = append(w.rows, fmt.Sprintf("%-42s %-70s %4.0f s", c.name, figure, time.Since(start).Seconds()))
	}
	fmt.Println(strings.Join(w.rows, "\n"))
}

// broken is a real server of this test's own, and what sweeps of it leave.
type broken struct {
	*simulation
	own    dockertest.Server
	served *tritonpb.ModelConfig
	rows   []string
}

func newBroken(t *testing.T) *broken {
	t.Helper()
	w := &broken{simulation: newSimulation(t), own: dockertest.Start(t, "none", arcface)}
	w.repository = w.own.Models
	w.before, w.served = readConfigs(t, w.repository), servedConfig(t, w.own.GRPC())
	return w
}

// real returns the command of a short sweep of the server.
func (w *broken) real(more ...string) *exec.Cmd {
	return w.command(append([]string{"queue-delay", "--container", w.own.Name, "--model", arcface, "--delays", "1000,3000",
		"--concurrency", "2", "--rounds", "1", "--duration", "1s", "--warmup", "100ms", "--ready-timeout", "60s",
		"--request-timeout", "3s", "--db", w.db}, more...)...)
}

func (w *broken) config() string { return filepath.Join(w.repository, arcface, "config.pbtxt") }

// docker runs a command of Docker's own client.
func (w *broken) docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// ends waits for a command and demands its exit code.
func ends(t *testing.T, cmd *exec.Cmd, codes ...int) int {
	t.Helper()
	_ = cmd.Wait()
	got := cmd.ProcessState.ExitCode()
	for _, want := range codes {
		if got == want {
			return got
		}
	}
	t.Errorf("exit code %d, want one of %v", got, codes)
	return got
}

// expectWhole demands what every fault must leave: the original, served.
func (w *broken) expectWhole(t *testing.T) {
	t.Helper()
	w.expectClean(t)
	if now := servedConfig(t, w.own.GRPC()); !proto.Equal(now, w.served) {
		t.Errorf("the server runs\n%s", now)
	}
	if out, err := w.command("restore").CombinedOutput(); err != nil || !bytes.Contains(out, []byte("nothing to restore")) {
		t.Errorf("something was left to restore: %v\n%s", err, out)
	}
}

// repair lets the next fault begin with a whole server.
func (w *broken) repair() {
	_ = w.command("restore").Run()
	_ = exec.Command("docker", "unpause", w.own.Name).Run()
	_ = exec.Command("docker", "restart", w.own.Name).Run()
}

// mostGuardian is how long a guardian may take until the files are back.
const mostGuardian = 5 * time.Second

// killed kills the sweep at a step. Its guardian alone brings everything back,
// the files within mostGuardian of the kill.
func (w *broken) killed(t *testing.T, step string) string {
	cmd := hold(t, w.real(), step)
	cmd.await(t, hookSays)
	died := time.Now()
	_ = cmd.Process.Kill()
	for len(differing(t, w.repository, w.before)) > 0 && time.Since(died) < time.Minute {
		time.Sleep(2 * time.Millisecond)
	}
	files := time.Since(died)
	_ = cmd.Wait()
	if files > mostGuardian {
		t.Errorf("the guardian needed %s for the files", files)
	}
	w.waitRestored(t)
	return fmt.Sprintf("137; guardian: files after %s, server after %s", files.Round(time.Millisecond), time.Since(died).Round(100*time.Millisecond))
}

// atServer does something to the container while a changed config is measured.
// The point fails, the sweep goes on.
func (w *broken) atServer(t *testing.T, args ...string) string {
	cmd := w.real()
	reach(t, cmd, changed)
	w.docker(t, append(args, w.own.Name)...)
	code := ends(t, cmd, exitSome)
	return fmt.Sprintf("%d; the sweep went on, restored and verified", code)
}

func (w *broken) sigstop(t *testing.T) string {
	cmd := w.real()
	reach(t, cmd, changed)
	pids := strings.Fields(w.docker(t, "top", w.own.Name, "-eo", "pid,comm"))
	for i, name := range pids {
		if name == "tritonserver" {
			_ = exec.Command("kill", "-STOP", pids[i-1]).Run()
		}
	}
	code := ends(t, cmd, exitSome)
	return fmt.Sprintf("%d; calls ended by their deadline, the sweep went on", code)
}

// outOfMemory lets the container have too little for many instances.
func (w *broken) outOfMemory(t *testing.T) string {
	w.docker(t, "update", "--memory", "300m", "--memory-swap", "300m", w.own.Name)
	defer w.docker(t, "update", "--memory", "4g", "--memory-swap", "4g", w.own.Name)
	cmd := w.command("instances", "--container", w.own.Name, "--model", arcface, "--counts", "1,24,32", "--concurrency", "2",
		"--rounds", "1", "--duration", "500ms", "--warmup", "100ms", "--ready-timeout", "90s", "--db", w.db, "--format", "json")
	out, _ := cmd.Output()
	if got := cmd.ProcessState.ExitCode(); got != exitSome || !bytes.Contains(out, []byte("for lack of memory")) {
		t.Errorf("exit code %d; no record says that memory lacked", got)
	}
	spared := "larger counts tried"
	if bytes.Contains(out, []byte("not tried: the server was killed for lack of memory")) {
		spared = "larger counts not tried"
	}
	return "3; the record says so, " + spared
}

// refused asks for a file of the model that is not there.
func (w *broken) refused(t *testing.T) string {
	spec := filepath.Join(t.TempDir(), "spec.yaml")
	text := "models: [{name: " + arcface + "}]\nsettings: {set: {default_model_filename: [model.py, missing.py]}}\n" +
		"loads: {concurrency: [2]}\nrounds: 1\nmeasure: {duration: 500ms, warmup: 100ms}\n"
	if err := os.WriteFile(spec, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := w.command("sweep", "-f", spec, "--container", w.own.Name, "--ready-timeout", "20s", "--db", w.db, "--format", "json")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, _ := cmd.Output()
	if got := cmd.ProcessState.ExitCode(); got != exitSome || !bytes.Contains(out, []byte(`"refused"`)) {
		t.Errorf("exit code %d\n%s\n%s", got, out, &stderr)
	}
	return "3; a refused record, the sweep went on"
}

// unreachable takes the container off its network.
func (w *broken) unreachable(t *testing.T) string {
	cmd := w.real("--ready-timeout", "15s")
	reach(t, cmd, changed)
	w.docker(t, "network", "disconnect", "bridge", w.own.Name)
	code := ends(t, cmd, exitNotVerified, exitSome)
	if left := differing(t, w.repository, w.before); code == exitNotVerified && len(left) > 0 {
		t.Errorf("files without the server: %v", left)
	}
	w.docker(t, "network", "connect", "bridge", w.own.Name)
	w.docker(t, "restart", "-t", "40", w.own.Name) // ports are published at a start
	w.eventually(t)
	return fmt.Sprintf("%d; files restored without the server, restore verified it", code)
}

// eventually restores until there is nothing to restore.
func (w *broken) eventually(t *testing.T) {
	t.Helper()
	var out []byte
	var err error
	for range 3 {
		if out, err = w.command("restore").CombinedOutput(); err == nil {
			return
		}
	}
	t.Errorf("restore: %v\n%s", err, out)
}

func (w *broken) nobody(t *testing.T) string {
	cmd := w.real("--grpc-url", "127.0.0.1:1")
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != exitUnreachable && got != exitUsage {
		t.Errorf("exit code %d\n%s", got, out)
	}
	return fmt.Sprintf("%d; nothing touched", cmd.ProcessState.ExitCode())
}

// smallState puts the state directory on a file system of its own.
func (w *broken) smallState(t *testing.T, bytes int) (fill func()) {
	t.Helper()
	before, small := w.state, t.TempDir()
	if err := unix.Mount("tmpfs", small, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Fatalf("mounting a small disk: %v (hint: needs root)", err)
	}
	w.state = small
	t.Cleanup(func() {
		w.state = before
		_ = unix.Unmount(small, unix.MNT_DETACH)
	})
	return func() {
		junk, err := os.Create(filepath.Join(small, "junk"))
		for block := make([]byte, 4096); err == nil; {
			_, err = junk.Write(block)
		}
		_ = junk.Close() // it is full, as it should be
	}
}

// fullDisk fills the disk while a changed config is measured.
func (w *broken) fullDisk(t *testing.T) string {
	fill := w.smallState(t, 256<<10)
	cmd := w.real()
	reach(t, cmd, changed)
	fill()
	code := ends(t, cmd, exitFailed, exitSome, exitPermission, exitNotVerified)
	if left := differing(t, w.repository, w.before); len(left) > 0 {
		t.Errorf("not restored on a full disk: %v", left)
	}
	if err := os.Remove(filepath.Join(w.state, "junk")); err != nil {
		t.Error(err)
	}
	w.eventually(t)
	return fmt.Sprintf("%d; restored while it was full", code)
}

func (w *broken) fullFromTheStart(t *testing.T) string {
	w.smallState(t, 64<<10)()
	cmd := w.real()
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != exitPermission {
		t.Errorf("exit code %d\n%s", got, out)
	}
	if err := os.Remove(filepath.Join(w.state, "junk")); err != nil {
		t.Error(err)
	}
	return "15; nothing touched"
}

func (w *broken) readOnly(t *testing.T) string {
	info, err := os.Stat(w.config())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(w.config(), 0o444); err != nil {
		t.Fatal(err)
	}
	cmd := w.real()
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != exitPermission {
		t.Errorf("exit code %d\n%s", got, out)
	}
	if err := os.Chmod(w.config(), info.Mode().Perm()); err != nil {
		t.Fatal(err)
	}
	return "15; nothing touched"
}

func (w *broken) two(t *testing.T) string {
	first := hold(t, w.real(), changed)
	first.await(t, hookSays)
	second := w.real()
	out, _ := second.CombinedOutput()
	if got := second.ProcessState.ExitCode(); got != exitHeld {
		t.Errorf("the second: exit code %d\n%s", got, out)
	}
	first.goOn()
	code := ends(t, first.Cmd, exitOK, exitSome)
	return fmt.Sprintf("the second 11, told who holds it; the first %d", code)
}

// removed takes the model's directory away. Nothing is written elsewhere, and
// the original is kept for its owner.
func (w *broken) removed(t *testing.T) string {
	directory, away := filepath.Dir(w.config()), filepath.Join(t.TempDir(), "away")
	cmd := w.real("--ready-timeout", "15s")
	reach(t, cmd, changed)
	if err := os.Rename(directory, away); err != nil {
		t.Fatal(err)
	}
	code := ends(t, cmd, exitConflict, exitNotVerified)
	if _, err := os.Stat(directory); err == nil {
		t.Error("something was written in its place")
	}
	kept, err := filepath.Glob(filepath.Join(w.state, "*."+arcface+".config.pbtxt"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("the original is kept as %v, %v", kept, err)
	}
	if err := os.Rename(away, directory); err != nil {
		t.Fatal(err)
	}
	_ = w.command("restore").Run() // what is pending: the server could not be verified
	how := "restore brought it back"
	if len(differing(t, w.repository, w.before)) > 0 {
		how = "the original is kept"
		w.putBack(t, kept[0])
	}
	_ = os.Remove(kept[0])
	w.docker(t, "restart", "-t", "40", w.own.Name)
	return fmt.Sprintf("%d; nothing written elsewhere; %s", code, how)
}

// putBack does what the message says to an owner: the kept original goes back.
func (w *broken) putBack(t *testing.T, kept string) {
	t.Helper()
	data, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.config(), data, 0o644); err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(w.config()), ".*.tritonsweep-*"))
	for _, l := range left {
		_ = os.Remove(l)
	}
	if got := w.before[w.config()]; !strings.HasSuffix(got, " "+string(data)) {
		t.Errorf("what was kept is not the original")
	}
	w.before = readConfigs(t, w.repository) // the time is another one now
}

func (w *broken) interrupt(t *testing.T) string {
	cmd := w.real()
	reach(t, cmd, changed)
	first := time.Now()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
	code := ends(t, cmd, 130)
	return fmt.Sprintf("%d; restored and verified after %s", code, time.Since(first).Round(100*time.Millisecond))
}

func (w *broken) interruptTwice(t *testing.T) string {
	cmd := w.real()
	arrive := begin(t, cmd, bringingBack)
	for original := mustRead(t, w.config()); bytes.Equal(original, mustRead(t, w.config())); {
		time.Sleep(5 * time.Millisecond)
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
	arrive()
	second := time.Now()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
	code := ends(t, cmd, exitNotVerified, 130) // 130: the server was faster
	took := time.Since(second)
	if left := differing(t, w.repository, w.before); len(left) > 0 {
		t.Errorf("not restored: %v", left)
	}
	if code == exitNotVerified {
		w.waitRestored(t)
	}
	return fmt.Sprintf("%d; ended %s after the second, the guardian verified the server", code, took.Round(time.Millisecond))
}

func mustRead(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
