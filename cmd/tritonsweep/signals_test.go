package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// slowServer lets every start of the simulated server from now on take ten
// minutes; the returned function takes that back.
func (s *simulation) slowServer(t *testing.T) (restore func()) {
	t.Helper()
	return s.changeProfile(t, func(data []byte) []byte {
		var profile map[string]any
		if err := json.Unmarshal(data, &profile); err != nil {
			t.Fatal(err)
		}
		profile["load_ms"] = 600_000
		slow, err := json.Marshal(profile)
		if err != nil {
			t.Fatal(err)
		}
		return slow
	})
}

// changeProfile changes what the simulated server reads at its next start; the
// returned function brings the bytes and their time back.
func (s *simulation) changeProfile(t *testing.T, change func([]byte) []byte) (restore func()) {
	t.Helper()
	name := filepath.Join(s.repository, arcface, "profile.json")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, change(data), 0o644); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFault48SecondSignal: Ctrl-C, and again while the server takes its time.
// The files are back when the process ends, which does not wait for the server;
// the journal is left to the guardian.
func TestFault48SecondSignal(t *testing.T) {
	s := newSimulation(t)
	cmd := start(t, s.sweep(), changed+":hold,"+bringingBack+":hold")
	cmd.await(t, hookSays)
	restore := s.slowServer(t)
	if err := syscall.Kill(cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	cmd.await(t, "stopping, then restoring the config")
	cmd.pass()
	cmd.await(t, hookSays)
	restore()
	if left := differing(t, s.repository, s.before); len(left) > 0 {
		t.Errorf("while the server is waited for, not restored: %v", left)
	}
	if err := syscall.Kill(cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	cmd.await(t, "restoring the config files only")
	cmd.goOn()
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != exitNotVerified {
		t.Errorf("exit code %d, want %d", got, exitNotVerified)
	}
	if left := differing(t, s.repository, s.before); len(left) > 0 {
		t.Errorf("not restored: %v", left)
	}
	s.waitRestored(t) // the guardian's part
	s.expectClean(t)
}

// pollingEngine is a Docker Engine with one container, whose Triton polls its
// repository, and returns the address for DOCKER_HOST. Requests that change
// something fail the test.
func pollingEngine(t *testing.T, repository string) string {
	t.Helper()
	id := strings.Repeat("a", 64)
	container := map[string]any{
		"Id": id, "Name": "/polls", "Image": "sha256:" + strings.Repeat("b", 64), "Args": []string{},
		"State": map[string]any{"Status": "running", "Running": true, "StartedAt": "2026-11-23T12:00:00Z", "FinishedAt": "0001-01-01T00:00:00Z"},
		"Config": map[string]any{"Image": "tritonserver", "Env": []string{},
			"Cmd": []string{"tritonserver", "--model-repository=/models", "--model-control-mode=poll"}},
		"HostConfig":      map[string]any{"NetworkMode": "bridge"},
		"NetworkSettings": map[string]any{"Ports": map[string]any{}, "Networks": map[string]any{}},
		"Mounts":          []map[string]any{{"Type": "bind", "Source": repository, "Destination": "/models", "RW": true}},
	}
	return serveSocket(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			t.Errorf("%s %s", r.Method, r.URL)
		case strings.HasSuffix(r.URL.Path, "/containers/json"):
			_ = json.NewEncoder(w).Encode([]any{map[string]any{"Id": id, "Names": []string{"/polls"}, "Image": "tritonserver", "State": "running"}})
		case strings.HasSuffix(r.URL.Path, "/json"):
			_ = json.NewEncoder(w).Encode(container)
		}
	}))
}

// TestFault66PollMode: a server that watches its repository would take every
// temporary file for news. It is refused in both modes that change something.
func TestFault66PollMode(t *testing.T) {
	s := newSimulation(t)
	engine := pollingEngine(t, s.repository)
	for _, mode := range []string{"restart", "reload"} {
		cmd := s.command("queue-delay", "--container", "polls", "--model", arcface, "--delays", "1000", "--mode", mode, "--db", s.db)
		cmd.Env = append(cmd.Env, "DOCKER_HOST="+engine)
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != exitUsage || !strings.Contains(string(out), "container polls polls its repository") {
			t.Errorf("%s: exit code %d\n%s", mode, cmd.ProcessState.ExitCode(), out)
		}
	}
	s.expectClean(t)
}
