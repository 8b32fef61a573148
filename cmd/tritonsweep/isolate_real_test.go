package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tritonsweep/runner/docker/dockertest"
)

// TestRealIsolate sweeps a copy of a container that counts as production, kills
// the sweep, and lets the next one clear up: production is not restarted, and
// not a byte of its repository changes.
func TestRealIsolate(t *testing.T) {
	dockertest.Require(t)
	const model = "arcface_w600k_r50"
	production := dockertest.Start(t, "none", model)
	state := filepath.Join(t.TempDir(), "state")
	t.Setenv("TRITONSWEEP_STATE", state)
	binary := build(t)
	before, started := readConfigs(t, production.Models), inspectFormat(t, production.Name, "{{.State.StartedAt}} {{.RestartCount}} {{.Id}}")
	args := []string{"queue-delay", "--isolate", "--container", production.Name, "--model", model, "--delays", "1000",
		"--concurrency", "2", "--rounds", "1", "--duration", "300ms", "--warmup", "100ms", "--db", filepath.Join(t.TempDir(), "run.db")}

	killed := exec.Command(binary, args...)
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	copies := ""
	for deadline := time.Now().Add(time.Minute); copies == "" && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		copies = copiesOf(t, started)
	}
	_ = killed.Process.Kill() // it cannot have ended: it would have to be measured
	_ = killed.Wait()
	if copies == "" {
		t.Fatal("no copy was made")
	}

	var stderr bytes.Buffer
	again := exec.Command(binary, args...)
	again.Stderr = &stderr
	out, err := again.Output()
	if err != nil && exitOf(err) != exitSome { // a busy machine
		t.Fatalf("%v\n%s%s", err, out, &stderr)
	}
	for _, want := range []string{"an isolated copy that a killed run left behind", "an isolated copy of container " + production.Name} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("standard error does not say %q:\n%s", want, &stderr)
		}
	}
	if left := copiesOf(t, started); left != "" {
		t.Errorf("copies are left: %s", left)
	}
	if entries, err := os.ReadDir(filepath.Join(state, isolatedDir)); err == nil {
		t.Errorf("private repositories are left: %v", entries)
	}
	if now := inspectFormat(t, production.Name, "{{.State.StartedAt}} {{.RestartCount}} {{.Id}}"); now != started {
		t.Errorf("production was %q, is %q", started, now)
	}
	expectConfigs(t, production.Models, before)
}

func inspectFormat(t *testing.T, container, format string) string {
	t.Helper()
	out, err := exec.Command("docker", "inspect", "--format", format, container).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// copiesOf returns the running and stopped copies of the container whose
// identity ends in its ID.
func copiesOf(t *testing.T, identity string) string {
	t.Helper()
	id := identity[strings.LastIndexByte(identity, ' ')+1:]
	out, err := exec.Command("docker", "ps", "--all", "--quiet", "--filter", "label=tritonsweep.isolate.of="+id).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}
