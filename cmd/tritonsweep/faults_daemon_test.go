package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tritonsweep/runner/undo"
)

// daemon is a Docker daemon of a test's own, in a network namespace of its own:
// on the host's network it would delete the bridge of the host's daemon.
type daemon struct {
	dir       string // its data, state, socket and log
	namespace *exec.Cmd
	process   *exec.Cmd
}

// inside returns a command in the daemon's network, which talks to it.
func (d *daemon) inside(name string, args ...string) *exec.Cmd {
	enter := []string{fmt.Sprintf("--net=/proc/%d/ns/net", d.namespace.Process.Pid), "--", name}
	cmd := exec.Command("nsenter", append(enter, args...)...)
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
	d := &daemon{dir: t.TempDir()}
	d.namespace = exec.Command("unshare", "--net", "--", "sleep", "3600")
	if err := d.namespace.Start(); err != nil {
		t.Fatalf("making a network namespace: %v (hint: needs root)", err)
	}
	t.Cleanup(func() {
		d.end()
		_ = d.namespace.Process.Kill()
		_ = d.namespace.Wait()
	})
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", d.namespace.Process.Pid))
		if err == nil && theirs != own {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no network namespace of its own: no second daemon is started on the host's network")
		}
	}
	d.run(t, "ip", "link", "set", "lo", "up")
	d.start(t)
	return d
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
		d.process = d.inside("dockerd", "--host", "unix://"+d.dir+"/docker.sock", "--data-root", d.dir+"/data",
			"--exec-root", d.dir+"/exec", "--pidfile", d.dir+"/pid")
		d.process.Stdout, d.process.Stderr = log, log
		if err := d.process.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func(cmd *exec.Cmd) { defer close(ended); _ = cmd.Wait() }(d.process)
		for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
			if d.inside("docker", "version").Run() == nil {
				return
			}
			select {
			case <-ended:
				deadline = time.Now()
			default:
			}
		}
		_ = os.Remove(d.dir + "/pid")
	}
	text, _ := os.ReadFile(d.dir + "/log")
	t.Fatalf("the daemon does not answer:\n%s", text[max(0, len(text)-2000):])
}

// end stops the daemon with all that it started.
func (d *daemon) end() {
	if ids, err := d.inside("docker", "ps", "-aq").Output(); err == nil && len(ids) > 0 {
		_ = d.inside("docker", append([]string{"rm", "--force"}, strings.Fields(string(ids))...)...).Run()
	}
	if d.process == nil {
		return
	}
	_ = d.process.Process.Signal(syscall.SIGTERM)
	for range 300 {
		if d.process.Process.Signal(syscall.Signal(0)) != nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
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
	if err := d.process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
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
