package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tritonsweep/internal/atomicfile"
	"tritonsweep/results"
	"tritonsweep/runner/docker/dockertest"
	"tritonsweep/runner/undo"
	"tritonsweep/tritonconfig"
)

// TestRealApply measures on a real server, follows an advice with a canary, takes
// it back, and refuses it once the model's files are others.
func TestRealApply(t *testing.T) {
	dockertest.Require(t)
	server := dockertest.Start(t, "none", arcface)
	dir := t.TempDir()
	s := &advised{simulation: &simulation{repository: server.Models, state: filepath.Join(dir, "state"), db: filepath.Join(dir, "run.db"), before: readConfigs(t, server.Models)}}
	real := func(args ...string) *exec.Cmd {
		cmd := s.command(append(args, "--container", server.Name, "--model", arcface)...)
		cmd.Env = append(cmd.Env, undo.StateEnv+"="+s.state)
		return cmd
	}
	// One point without a restart tells where figures come from; the rest of a run
	// that recommends the change is made up: 15 ms of waiting are saved anywhere.
	point := real("bench", "--duration", "500ms", "--warmup", "100ms", "--db", s.db)
	if out, err := point.CombinedOutput(); err != nil && exitOf(err) != exitSome {
		t.Fatalf("%v\n%s", err, out)
	}
	run, records := latest(t, s.db)
	s.run, s.run.Plan.Sweep, s.run.Plan.Rounds = run, "queue-delay", 3
	config, err := os.ReadFile(filepath.Join(server.Models, arcface, "config.pbtxt"))
	if err != nil {
		t.Fatal(err)
	}
	sum := atomicfile.Sum(config)
	s.run.Originals = map[string]results.Original{arcface: {Path: arcface + "/config.pbtxt", SHA256: sum, Text: config}}
	for round := 1; round <= 3; round++ {
		before, after := records[0], records[0]
		before.Control, after.Control = true, false
		after.Settings = tritonconfig.Settings{MaxQueueDelay: tritonconfig.Ptr(uint64(1000))}
		after.Active = after.Settings
		for _, r := range []results.Record{before, after} {
			r.Environment.ConfigSHA256 = sum
			s.records = append(s.records, figured(invented(r, round), map[bool]float64{true: 20, false: 40}[r.Control], 30))
		}
	}
	s.store(t)

	out, err := real("apply", "--db", s.db, "--canary-duration", "2s").CombinedOutput()
	switch code := exitOf(err); {
	case err == nil && strings.Contains(string(out), "applied delay=1000us"):
	case code == exitLimit || code == exitSome: // a busy machine: what matters then is that it is taken back
		s.expectBytes(t)
		expect(t, real("apply", "--db", s.db, "--no-canary"), exitOK, "applied delay=1000us")
	default:
		t.Fatalf("apply: %v\n%s", err, out)
	}
	if !s.applied(t) {
		t.Error("it is not in the file")
	}
	expect(t, real("rollback"), exitOK, "rolled back, the server runs the config of before")
	s.expectBytes(t)
	s.changeModel(t)
	expect(t, real("apply", "--db", s.db), exitConflict, "the model was ")
	s.expectBytes(t)
}

// expectBytes demands the config that the server was started with.
func (s *advised) expectBytes(t *testing.T) {
	t.Helper()
	now, err := os.ReadFile(filepath.Join(s.repository, arcface, "config.pbtxt"))
	if err != nil || !bytes.Equal(now, s.run.Originals[arcface].Text) {
		t.Errorf("not the config of before (%v):\n%s", err, now)
	}
}

// changeModel changes a file that the model loads.
func (s *advised) changeModel(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.repository, arcface, "1", "weights.txt"), []byte("other"), 0o644); err != nil {
		t.Fatal(err)
	}
}
