package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tritonsweep/results"
	"tritonsweep/runner/undo"
)

// documented reads docs/docker-calls.md: the commands of each call.
func documented(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "docker-calls.md"))
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Z]+ /\\S+)` \\|[^|]*\\|([^|]*)\\|$").FindAllStringSubmatch(string(data), -1) {
		calls[m[1]] = m[2]
	}
	if len(calls) < 5 {
		t.Fatalf("the table has only %d calls", len(calls))
	}
	return calls
}

// tour is one process after the other on a fake Engine, and what all of them
// called, printed and left.
type tour struct {
	*advised
	*engine
	secret  string
	dir     string // of results and reports
	printed bytes.Buffer
	seen    map[string][]string // commands by call
}

// newTour has a secret in every place of the Engine's where one may be, in a
// header, and in addresses.
func newTour(t *testing.T) *tour {
	t.Helper()
	s := newSimulation(t)
	tour := &tour{secret: "CANARY-5a7e", dir: t.TempDir(), seen: map[string][]string{}}
	tour.advised = &advised{simulation: s}
	tour.engine = newEngine(t, s.repository, tour.secret)
	tour.db = filepath.Join(tour.dir, "run.db")
	return tour
}

// process is one command on the Engine.
func (s *tour) process(args ...string) *exec.Cmd {
	cmd := s.command(args...)
	cmd.Dir = s.dir
	cmd.Env = append(cmd.Env, "DOCKER_HOST="+s.host, "DOCKER_API_VERSION=", "DOCKER_CERT_PATH=", undo.StateEnv+"="+s.state, "CANARY_KEY="+s.secret)
	return cmd
}

// run runs a command, allows some exit codes, and keeps what it said.
func (s *tour) do(t *testing.T, codes []int, args ...string) string {
	t.Helper()
	return s.finish(t, codes, s.process(args...))
}

func (s *tour) finish(t *testing.T, codes []int, cmd *exec.Cmd) string {
	t.Helper()
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); !slices.Contains(codes, got) {
		t.Errorf("%v: exit code %d, want one of %v:\n%s", cmd.Args[1:], got, codes, out)
	}
	s.printed.Write(out)
	s.note(t, cmd.Args[1:])
	return string(out)
}

// note writes down what was called meanwhile, by the command or by its guardian.
func (s *tour) note(t *testing.T, args []string) {
	t.Helper()
	name := args[0]
	if slices.Contains(args, "--isolate") {
		name = "--isolate"
	}
	for _, call := range s.called() {
		s.seen[call] = append(s.seen[call], name)
	}
}

// TestFault62SecretsOfEveryCommand runs every command that may ask Docker, and those that
// may not, and holds them to docs/docker-calls.md. No secret of the container's,
// of a header or of an address is in anything that they print or leave.
func TestFault62SecretsOfEveryCommand(t *testing.T) {
	s := newTour(t)
	s.sweeps(t)
	s.changes(t)
	s.killed(t)
	s.readers(t)
	calls := documented(t)
	for call, commands := range s.seen {
		for _, command := range commands {
			if named := calls[call]; !strings.Contains(named, "all below") && !strings.Contains(named, "`"+command+"`") {
				t.Errorf("%s calls %s, which docs/docker-calls.md does not say", command, call)
			}
		}
	}
	for call := range calls {
		if len(s.seen[call]) == 0 {
			t.Errorf("docs/docker-calls.md allows %s, which nothing called", call)
		}
	}
	s.expectNoSecret(t)
}

// quick are flags of a short measurement with a secret in a header and in the
// metrics' address.
func (s *tour) quick(args ...string) []string {
	metrics := s.boxes[0].server.Endpoints().Metrics
	return append(args, "--model", arcface, "--ready-timeout", "10s", "--duration", "150ms", "--warmup", "50ms", "--concurrency", "2", "--db", s.db,
		"--header", "x-key=env:CANARY_KEY", "--metrics-url", fmt.Sprintf("http://%s:%s@%s/metrics", s.secret, s.secret, metrics))
}

func (s *tour) sweeps(t *testing.T) {
	fine := []int{exitOK, exitSome} // some points may be lost to a busy machine
	s.do(t, []int{exitOK}, "doctor")
	s.do(t, fine, s.quick("bench", "--mode", "none", "--output", "bench", "--hdr-log", "latencies.hlog")...)
	s.do(t, fine, s.quick("concurrency", "--rounds", "1", "--mode", "none")...)
	s.do(t, fine, s.quick("queue-delay", "--isolate", "--delays", "1000", "--rounds", "1")...)
	s.do(t, fine, s.quick("batch-size", "--preferred", "4", "--rounds", "1")...)
	s.do(t, []int{exitOK}, s.quick("instances", "--counts", "2", "--dry-run")...)
	s.do(t, []int{exitOK}, s.quick("capacity", "--max-p99", "50ms", "--dry-run")...)
	s.do(t, []int{exitOK}, "init", "--container", "production")
	s.do(t, fine, s.quick("queue-delay", "--delays", "1000", "--rounds", "1", "--output", "reports")...)
	s.do(t, []int{exitOK}, "resume", "--dry-run", "--db", s.db, "--header", "x-key=env:CANARY_KEY")
	address := "http://" + s.secret + ":" + s.secret + "@127.0.0.1:1/"
	s.do(t, []int{exitUsage, exitUnreachable, exitSome, exitOK}, "bench", "--model", arcface, "--metrics-url", address, "--duration", "150ms", "--warmup", "50ms", "--db", s.db)
	s.do(t, []int{exitUsage}, "bench", "--model", arcface, "--transport", "http", "--http-url", address)
	s.do(t, []int{exitUsage, exitUnreachable}, "bench", "--model", arcface, "--grpc-url", s.secret+":"+s.secret+"@127.0.0.1:1")
	s.do(t, []int{exitUsage}, "bench", "--model", arcface, "--header", "x-key:"+s.secret+"\x01")
	// A config that Triton refuses: its log, secrets and all, becomes a reason.
	mend := s.changeProfile(t, func([]byte) []byte { return []byte("{") })
	out := s.do(t, []int{exitFailed, exitSome, exitNotVerified}, s.quick("queue-delay", "--delays", "2000", "--rounds", "1")...)
	if !strings.Contains(out, "profile.json") {
		t.Errorf("the server's log is not told:\n%s", out)
	}
	mend()
	s.do(t, []int{exitOK}, "restore")
}

// swept returns the last sweep that has both points of a delay.
func (s *tour) swept(t *testing.T) (results.Run, []results.Record) {
	t.Helper()
	store, err := results.OpenReadOnly(t.Context(), s.db)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	runs, err := store.Runs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range runs {
		records, err := store.Records(t.Context(), run.ID)
		// Without the control before the rounds; refused points have no config.
		records = slices.DeleteFunc(records, func(r results.Record) bool { return r.Round < 1 || len(r.Config) == 0 })
		if err == nil && run.Plan.Sweep == "queue-delay" && len(records) == 2 && !slices.Contains(run.Command, "--isolate=true") {
			return run, records
		}
	}
	t.Fatalf("no run of %d will do", len(runs))
	return results.Run{}, nil
}

// changes follows an advice and takes it back.
func (s *tour) changes(t *testing.T) {
	run, records := s.swept(t)
	s.advised.run, s.advised.run.Plan.Rounds = run, 3
	for round := 1; round <= 3; round++ {
		for _, r := range records {
			s.records = append(s.records, invented(r, round))
		}
	}
	s.store(t)
	s.do(t, []int{exitOK, exitLimit, exitSome}, "apply", "--db", s.db, "--canary-duration", "200ms", "--header", "x-key=env:CANARY_KEY")
	s.do(t, []int{exitOK}, "apply", "--db", s.db, "--no-canary")
	s.do(t, []int{exitOK}, "rollback", "--model", arcface)
	s.do(t, []int{exitOK}, "history")
}

// killed leaves a journal, and an isolated copy, which the next command clears up.
func (s *tour) killed(t *testing.T) {
	for _, args := range [][]string{{"queue-delay", "--isolate"}, {"queue-delay"}} {
		cmd := s.process(append(s.quick(args...), "--delays", "1000", "--rounds", "1")...)
		cmd.Env = append(cmd.Env, hookEnv+"=measuring:kill")
		s.finish(t, []int{-1}, cmd)
		for _, pattern := range []string{"*.journal.json", "isolated/*/state/*.journal.json"} {
			names, _ := filepath.Glob(filepath.Join(s.state, pattern))
			for _, name := range names {
				if data, err := os.ReadFile(name); err == nil { // else its guardian was faster
					s.printed.Write(data)
				}
			}
		}
		if len(args) == 1 {
			s.waitRestored(t)
		}
		s.do(t, []int{exitOK}, "restore")
	}
	if len(s.boxes) != 1 {
		t.Errorf("%d containers are left", len(s.boxes))
	}
}

// readers are the commands that must not ask Docker.
func (s *tour) readers(t *testing.T) {
	s.called()
	for _, args := range [][]string{
		{"runs", "--db", s.db}, {"show", "--db", s.db}, {"report", "--db", s.db, "--output", "again"}, {"history"},
		{"completion", "bash"}, {"summary", "--db", s.db, "--output", "summary"},
		{"bench", "--sim", "--model", arcface, "--dry-run"}, {"rollback", "--sim", "--model", arcface},
	} {
		out, _ := s.process(args...).CombinedOutput() // how it ends is others' test
		s.printed.Write(out)
		if calls := s.called(); len(calls) > 0 {
			t.Errorf("%v asks Docker: %v", args, calls)
		}
	}
}

// expectNoSecret looks into everything that was printed and left.
func (s *tour) expectNoSecret(t *testing.T) {
	t.Helper()
	for line := range bytes.Lines(s.printed.Bytes()) {
		if at := bytes.Index(line, []byte(s.secret)); at >= 0 {
			t.Errorf("a secret was printed, or was in a journal: ...%s...", around(line, at))
		}
	}
	if files := searchFiles(t, s.secret, s.dir, s.state, s.repository, filepath.Dir(s.db)); files < 10 {
		t.Errorf("only %d files were looked into", files)
	}
}

func around(data []byte, at int) []byte {
	return bytes.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, data[max(0, at-120):min(len(data), at+60)])
}
