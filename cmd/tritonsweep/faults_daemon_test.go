package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tritonsweep/runner/undo"
)

// daemon is a Docker daemon of a test's own, in network and mount namespaces of
// its own: on the host's network it would delete the bridge of the host's daemon,
// and what it mounts goes with it.
type daemon struct {
	// dir holds its data, state, socket and log. Its name is short: a path of more
	// than 107 bytes is no address of a socket.
	dir       string
	namespace *exec.Cmd
	process   *exec.Cmd
	ended     chan struct{} // closed when process has
}

// inside returns a command in the daemon's network, which talks to it.
func (d *daemon) inside(name string, args ...string) *exec.Cmd {
	return d.enter([]string{"net"}, name, args...)
}

// enter returns a command in some of the daemon's namespaces.
func (d *daemon) enter(namespaces []string, name string, args ...string) *exec.Cmd {
	var enter []string
	for _, n := range namespaces {
		file := map[string]string{"mount": "mnt"}[n]
		enter = append(enter, fmt.Sprintf("--%s=/proc/%d/ns/%s", n, d.namespace.Process.Pid, cmp.Or(file, n)))
	}
	cmd := exec.Command("nsenter", append(append(enter, "--", name), args...)...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix://"+d.dir+"/docker.sock")
	return cmd
}

func (d *daemon) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := d.inside(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func newDaemon(t *testing.T) *daemon {
	t.Helper()
	dir, err := os.MkdirTemp("", "dockerd")
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{dir: dir}
	d.namespace = exec.Command("unshare", "--net", "--mount", "--", "sleep", "3600")
	if err := d.namespace.Start(); err != nil {
		t.Fatalf("making namespaces: %v (hint: needs root)", err)
	}
	t.Cleanup(func() { d.end(t) })
	for deadline := time.Now().Add(time.Minute); !d.apart("net") || !d.apart("mnt"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no namespaces of its own: no second daemon is started on the host's network")
		}
	}
	d.run(t, "ip", "link", "set", "lo", "up")
	d.start(t)
	return d
}

// apart tells that the daemon's namespace is not that of this process.
func (d *daemon) apart(namespace string) bool {
	own, errOwn := os.Readlink("/proc/self/ns/" + namespace)
	theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", d.namespace.Process.Pid, namespace))
	return errOwn == nil && err == nil && own != theirs
}

// start starts the daemon and returns when it answers. After a kill -9 its first
// start can fail, waiting for the old containerd.
func (d *daemon) start(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(d.dir+"/log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for range 3 {
		d.process = d.enter([]string{"net", "mount"}, "dockerd", "--host", "unix://"+d.dir+"/docker.sock",
			"--data-root", d.dir+"/data", "--exec-root", d.dir+"/exec", "--pidfile", d.dir+"/pid")
		d.process.Stdout, d.process.Stderr = log, log
		if err := d.process.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		d.ended = ended
		go func(cmd *exec.Cmd) { defer close(ended); _ = cmd.Wait() }(d.process)
		for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
			if d.inside("docker", "version").Run() == nil {
				return
			}
			select {
			case <-ended:
				deadline = time.Now()
			default:
			}
		}
		d.kill()
		_ = os.Remove(d.dir + "/pid")
	}
	text, _ := os.ReadFile(d.dir + "/log")
	t.Fatalf("the daemon does not answer:\n%s", text[max(0, len(text)-2000):])
}

// kill is kill -9.
func (d *daemon) kill() {
	_ = d.process.Process.Kill()
	<-d.ended
}

// end ends the daemon with all that it started, and removes all that it left.
func (d *daemon) end(t *testing.T) {
	t.Helper()
	if ids, err := d.inside("docker", "ps", "-aq").Output(); err == nil && len(ids) > 0 {
		_ = d.inside("docker", append([]string{"rm", "--force"}, strings.Fields(string(ids))...)...).Run()
	}
	if d.process != nil {
		_ = d.process.Process.Signal(syscall.SIGTERM)
		select {
		case <-d.ended:
		case <-time.After(time.Minute):
		}
	}
	own := d.processes()
	for deadline := time.Now().Add(time.Minute); len(own) > 0 && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		for _, pid := range own {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		own = d.processes()
	}
	_ = d.namespace.Process.Kill()
	_ = d.namespace.Wait() // the mounts go with the last process that saw them
	if len(own) > 0 {
		t.Errorf("processes of the daemon are left: %v", own)
	}
	if err := os.RemoveAll(d.dir); err != nil {
		t.Errorf("left of the daemon: %v", err)
	}
	if mounts, err := os.ReadFile("/proc/self/mountinfo"); err != nil || strings.Contains(string(mounts), d.dir) {
		t.Errorf("mounts of the daemon are left: %v", err)
	}
}

// processes returns those that the daemon started, itself included: they are in its
// mount namespace, or their root file system lies in its directory. Without a
// namespace of its own there are none, and none but these may be ended.
func (d *daemon) processes() (pids []int) {
	if !d.apart("mnt") {
		return nil
	}
	mine, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", d.namespace.Process.Pid))
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range all {
		pid, err := strconv.Atoi(filepath.Base(process))
		if err != nil || pid == d.namespace.Process.Pid {
			continue
		}
		theirs, _ := os.Readlink(process + "/ns/mnt") // processes come and go
		mounts, _ := os.ReadFile(process + "/mountinfo")
		if theirs == mine || strings.Contains(string(mounts), d.dir+"/") {
			pids = append(pids, pid)
		}
	}
	return pids
}

// awaitServing returns when the Triton in a container of the daemon's serves.
func (d *daemon) awaitServing(t *testing.T, name string) {
	t.Helper()
	text := ""
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if text = d.run(t, "docker", "logs", name); strings.Contains(text, "Started GRPCInferenceService") {
			return
		}
	}
	t.Fatalf("its Triton does not serve:\n%s", text)
}

// daemonRestart kills the Docker daemon under a sweep and starts it again. The
// files are back without it; with it again, restore verifies the server.
func daemonRestart(w *broken, t *testing.T) string {
	d := newDaemon(t)
	image := w.docker(t, "inspect", "--format", "{{.Config.Image}}", w.own.Name)
	load := exec.Command("sh", "-c", "docker save "+image+" | docker --host unix://"+d.dir+"/docker.sock load")
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("loading the image: %v\n%s", err, out)
	}
	models := filepath.Join(t.TempDir(), "models")
	if out, err := exec.Command("cp", "-a", w.repository, models).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	d.run(t, "docker", "run", "--detach", "--name", "theirs", "--init", "--restart", "unless-stopped", "--shm-size", "256m",
		"--publish", "127.0.0.1:8001:8001", "--volume", models+":/models:ro", "--env", "PYTHONDONTWRITEBYTECODE=1",
		image, "tritonserver", "--model-repository=/models")
	d.awaitServing(t, "theirs")
	before := readConfigs(t, models)
	binary := filepath.Join(t.TempDir(), "tritonsweep") // goes by its name
	if err := os.Symlink(os.Args[0], binary); err != nil {
		t.Fatal(err)
	}
	program := func(args ...string) *exec.Cmd {
		cmd := d.inside(binary, args...)
		cmd.Env = append(cmd.Env, undo.StateEnv+"="+w.state)
		return cmd
	}
	cmd := program("queue-delay", "--container", "theirs", "--model", arcface, "--delays", "1000,3000", "--concurrency", "2",
		"--rounds", "1", "--duration", "1s", "--warmup", "100ms", "--ready-timeout", "60s", "--db", w.db)
	reach(t, cmd, changed)
	killed := time.Now()
	d.kill()
	code := ends(t, cmd, exitNotVerified)
	took := time.Since(killed)
	if left := differing(t, models, before); len(left) > 0 {
		t.Errorf("not restored without Docker: %v", left)
	}
	d.start(t)
	var out []byte
	var err error
	for range 3 {
		if out, err = program("restore").CombinedOutput(); err == nil {
			break
		}
	}
	if err != nil || len(differing(t, models, before)) > 0 {
		t.Errorf("restore: %v\n%s", err, out)
	}
	if text := d.run(t, "docker", "inspect", "--format", "{{.State.Running}}", "theirs"); text != "true" {
		t.Errorf("running: %s", text)
	}
	return fmt.Sprintf("%d after %s, files restored; with the daemon again, server verified", code, took.Round(100*time.Millisecond))
}
