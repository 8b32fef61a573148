package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tritonsweep/internal/atomicfile"
	"tritonsweep/internal/tritonpb"
	"tritonsweep/results"
	"tritonsweep/runner/undo"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// advised is a simulation whose results file holds a run that recommends a delay
// of 1 ms. The run's origin and command line are a real sweep's; its figures are
// made up, so that the advice does not depend on how busy the machine is.
type advised struct {
	*simulation
	run     results.Run
	records []results.Record
}

func newAdvised(t *testing.T) *advised {
	t.Helper()
	s := &advised{simulation: newSimulation(t)}
	onceSwept.Do(func() {
		swept.run, swept.records = s.measure(t)
		swept.repository = s.repository
	})
	s.run = swept.run
	s.run.Command = slices.Clone(swept.run.Command)
	for i, word := range s.run.Command { // that of the first test is gone with it
		s.run.Command[i] = strings.ReplaceAll(word, swept.repository, s.repository)
	}
	s.run.Plan.Rounds = 3
	for round := 1; round <= 3; round++ {
		for _, r := range swept.records {
			s.records = append(s.records, invented(r, round))
		}
	}
	s.store(t)
	return s
}

// swept is the sweep of one simulation, which is like any other one's.
var (
	onceSwept sync.Once
	swept     struct {
		run     results.Run
		records []results.Record
		// repository is the one that was swept.
		repository string
	}
)

func (s *advised) measure(t *testing.T) (results.Run, []results.Record) {
	t.Helper()
	if out, err := s.sweep("--delays", "1000").CombinedOutput(); err != nil && exitOf(err) != exitSome {
		t.Fatalf("%v\n%s", err, out)
	}
	run, records := latest(t, s.db)
	// The control against itself, before the rounds, tells nothing here.
	run.Plan.Trials = slices.DeleteFunc(run.Plan.Trials, func(t sweep.Trial) bool { return t.Round == 0 })
	return run, slices.DeleteFunc(records, func(r results.Record) bool { return r.Round == 0 })
}

func exitOf(err error) int {
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode()
	}
	return -1
}

// invented is the record with figures that speak for the change.
func invented(r results.Record, round int) results.Record {
	r.Round, r.Verdict, r.Reasons, r.Checks = round, results.OK, nil, nil
	rate, latency := 300., 4.
	if r.Control {
		rate, latency = 50, 18
		r.Active.MaxQueueDelay = tritonconfig.Ptr(uint64(15000))
	}
	return figured(r, rate, latency)
}

// figured gives a record a throughput and latencies, with narrow intervals.
func figured(r results.Record, rate, latency float64) results.Record {
	r.Client = results.Client{Requests: 10_000, Items: 10_000, Throughput: narrow(rate), Mean: narrow(latency),
		P50: narrow(latency), P90: narrow(1.1 * latency), P95: narrow(1.2 * latency), P99: narrow(1.5 * latency), Max: 2 * latency}
	return r
}

func narrow(v float64) *results.Estimate {
	return &results.Estimate{Value: v, Low: 0.99 * v, High: 1.01 * v}
}

// store writes a new results file.
func (s *advised) store(t *testing.T) {
	t.Helper()
	s.db = filepath.Join(t.TempDir(), "run.db")
	store, err := results.Open(t.Context(), s.db)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.CreateRun(t.Context(), s.run); err != nil {
		t.Fatal(err)
	}
	for i, r := range s.records {
		r.Sequence = i + 1
		if err := store.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

// apply runs the command on the simulated server, and rollback its opposite.
func (s *advised) apply(more ...string) *exec.Cmd {
	return s.command(append([]string{"apply", "--sim", "--sim-in-place", "--repository", s.repository, "--db", s.db, "--canary-duration", "300ms"}, more...)...)
}

func (s *advised) rollback(more ...string) *exec.Cmd {
	return s.command(append([]string{"rollback", "--sim", "--sim-in-place", "--repository", s.repository, "--model", arcface}, more...)...)
}

// expect runs a command and demands its exit code and what it says.
func expect(t *testing.T, cmd *exec.Cmd, code int, says string) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != code || !strings.Contains(string(out), says) {
		t.Errorf("%v: exit code %d (%v), want %d and %q:\n%s", cmd.Args[1:], got, err, code, says, out)
	}
}

func (s *advised) applied(t *testing.T) bool {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.repository, arcface, "config.pbtxt"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(data, []byte("max_queue_delay_microseconds: 1000 "))
}

func (s *advised) history(t *testing.T) []undo.Applied {
	t.Helper()
	t.Setenv(undo.StateEnv, s.state)
	state, err := undo.OpenState()
	if err != nil {
		t.Fatal(err)
	}
	all, err := undo.History(state)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestFault64StalePlan: advice is not followed where anything that it rests on
// has changed, unless the flag of that very thing is given.
func TestFault64StalePlan(t *testing.T) {
	s := newAdvised(t)
	untouched := s.records
	for _, test := range []struct {
		part, says, flag string
		change           func(e *results.Environment)
	}{
		{"config", "the config was abcd, is ", "--other-config", func(e *results.Environment) { e.ConfigSHA256 = "abcd" }},
		{"model", "the model was abcd, is ", "--other-model", func(e *results.Environment) { e.ModelSHA256 = "abcd" }},
		{"unknown model", "the model was not known, is ", "--other-model", func(e *results.Environment) { e.ModelSHA256 = "" }},
		{"image", "the image was abcd, is not known", "--other-image", func(e *results.Environment) { e.ImageDigest = "abcd" }},
		{"server", "the server was triton 1.0, is ", "--other-server", func(e *results.Environment) { e.Server = "triton 1.0" }},
		{"simulated", "the simulated was false, is true", "--other-server", func(e *results.Environment) { e.Simulated = false }},
		{"gpu", "the gpu was RTX A6000, is not known", "--other-gpu", func(e *results.Environment) { e.GPUModels = []string{"RTX A6000"} }},
		{"driver", "the driver was 535.1, is not known", "--other-gpu", func(e *results.Environment) { e.GPUDriver = "535.1" }},
	} {
		t.Run(test.part, func(t *testing.T) {
			s.records = nil
			for _, r := range untouched {
				test.change(&r.Environment)
				s.records = append(s.records, r)
			}
			s.store(t)
			expect(t, s.apply("--no-canary"), exitConflict, test.says)
			wrong := []string{"--no-canary"}
			for _, other := range others {
				if flag := "--" + other.flag; flag != test.flag {
					wrong = append(wrong, flag)
				}
			}
			expect(t, s.apply(wrong...), exitConflict, "hint: sweep again, or "+test.flag+" if you know")
			s.expectBefore(t)
			expect(t, s.apply("--no-canary", test.flag), exitOK, "applied delay=1000us")
			if !s.applied(t) {
				t.Error("it was not applied")
			}
			s.reset(t)
		})
	}
}

// TestApplyAndRollback: there, there again, back, back again; and an edit in
// between is kept.
func TestApplyAndRollback(t *testing.T) {
	s := newAdvised(t)
	expect(t, s.rollback(), exitUsage, "nothing was applied to this model")
	expect(t, s.apply("--no-canary"), exitOK, "applied delay=1000us, the server runs it")
	expect(t, s.apply("--no-canary"), exitOK, "already applied")
	expect(t, s.rollback("--run", "nobody"), exitUsage, "nothing was applied")
	expect(t, s.rollback("--dry-run"), exitOK, "+  max_queue_delay_microseconds: 15000")
	if !s.applied(t) {
		t.Error("a dry run changed something")
	}
	name := filepath.Join(s.repository, arcface, "config.pbtxt")
	mine, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	edited := append(bytes.Clone(mine), "# mine\n"...)
	if err := os.WriteFile(name, edited, 0o644); err != nil {
		t.Fatal(err)
	}
	expect(t, s.rollback(), exitConflict, "the config was changed since")
	if now, _ := os.ReadFile(name); !bytes.Equal(now, edited) {
		t.Error("the edit was overwritten")
	}
	if err := os.WriteFile(name, mine, 0o644); err != nil {
		t.Fatal(err)
	}
	expect(t, s.rollback(), exitOK, "rolled back")
	expect(t, s.rollback(), exitOK, "nothing to do")
	if s.applied(t) {
		t.Error("it was not taken back")
	}
	if h := s.history(t); len(h) != 1 || h[0].Undone.IsZero() || h[0].Failed != "" {
		t.Errorf("the history is %+v", h)
	}
	expect(t, s.command("history"), exitOK, "taken back on ")
}

// TestACanaryThatMissesTheLimitTakesTheChangeBack: the run says that the limit is
// met, which no request can.
func TestACanaryThatMissesTheLimitTakesTheChangeBack(t *testing.T) {
	s := newAdvised(t)
	for i, r := range s.records {
		if !r.Control {
			s.records[i].Client.P95 = &results.Estimate{Value: 0.0021, Low: 0.002, High: 0.0022}
		}
	}
	s.run.Limit.P95 = 0.01
	s.store(t)
	cmd := s.apply("--canary-duration", "2s")
	out, _ := cmd.CombinedOutput()
	switch code := cmd.ProcessState.ExitCode(); {
	case code == exitLimit && strings.Contains(string(out), "the change was taken back: "):
	case code == exitSome && strings.Contains(string(out), "its canary could not be measured"): // a busy machine
	default:
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if !strings.Contains(string(out), "not applied, the server runs the config of before") {
		t.Errorf("it does not say what runs:\n%s", out)
	}
	if left := differing(t, s.repository, s.before); len(left) > 0 {
		t.Errorf("not taken back: %v", left)
	}
	if h := s.history(t); len(h) != 1 || h[0].Failed == "" || len(h[0].Canary) < 4 {
		t.Errorf("the history is %+v", h)
	}
	expect(t, s.rollback(), exitUsage, "nothing was applied to this model")
}

// TestACanaryTooShortForTheLimitTakesTheChangeBack: a p99 needs hundreds of
// requests. A limit that nobody saw met is no reason to keep a change.
func TestACanaryTooShortForTheLimitTakesTheChangeBack(t *testing.T) {
	s := newAdvised(t)
	s.run.Limit.P99 = 10_000
	for i := range s.records {
		s.records[i].Client.P99 = &results.Estimate{Value: 30, Low: 29, High: 31}
	}
	s.store(t)
	expect(t, s.apply("--canary-duration", "100ms"), exitSome, "its canary could not be measured: ")
	if left := differing(t, s.repository, s.before); len(left) > 0 {
		t.Errorf("not taken back: %v", left)
	}
}

// TestApplyKilled: kill -9 at every step. Until the decision the guardian brings
// the old config back; from then on the change stays and can be rolled back.
func TestApplyKilled(t *testing.T) {
	for _, test := range []struct {
		hook   string
		stays  bool
		canary bool
	}{
		{"measuring:kill", false, true}, {"applying:kill", false, false}, {"waiting for the server:kill", false, false},
		{"verifying:kill", false, false}, {"measuring:kill:2", false, true}, {"recorded:kill:2", false, true}, {"committed:kill", true, false},
	} {
		t.Run(test.hook, func(t *testing.T) {
			s := newAdvised(t)
			cmd := s.apply()
			if !test.canary {
				cmd = s.apply("--no-canary")
			}
			cmd.Env = append(cmd.Env, hookEnv+"="+test.hook)
			out, _ := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != -1 {
				t.Fatalf("it was not killed: %v\n%s", cmd.ProcessState, out)
			}
			s.settle(t, test.stays)
			if s.applied(t) != test.stays {
				t.Errorf("applied %t, want %t", s.applied(t), test.stays)
			}
			if h := s.history(t); (len(h) == 1) != test.stays {
				t.Errorf("the history is %+v", h)
			}
			if test.stays {
				expect(t, s.rollback(), exitOK, "rolled back")
			}
			s.expectBefore(t)
		})
	}
}

// settle waits until the guardian has done its work: a report of what it
// restored, or, where it had only to complete a change, nothing.
func (s *advised) settle(t *testing.T, completed bool) {
	t.Helper()
	if !completed {
		s.waitRestored(t)
		return
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		journals, _ := filepath.Glob(filepath.Join(s.state, "*.journal.json"))
		holders, _ := filepath.Glob(filepath.Join(s.state, "*.holder.json"))
		if len(journals)+len(holders) == 0 {
			return
		}
	}
	t.Error("the guardian did not end its work within a minute")
}

// expectBefore demands the bytes of the config as it was, and no file beside it.
func (s *advised) expectBefore(t *testing.T) {
	t.Helper()
	if s.applied(t) {
		t.Error("the change is in force")
	}
	if entries, err := os.ReadDir(filepath.Join(s.repository, arcface)); err != nil || len(entries) != 3 {
		t.Errorf("the model's directory holds %v, %v", entries, err)
	}
}

// reset writes the config of before, by hand.
func (s *advised) reset(t *testing.T) {
	t.Helper()
	data := s.run.Originals[arcface].Text
	if err := os.WriteFile(filepath.Join(s.repository, arcface, "config.pbtxt"), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestCanaryVerdicts: what is worse than it was, than it was predicted, or than
// the limit does not stay; a server that is busier as a whole is no reason.
func TestCanaryVerdicts(t *testing.T) {
	load := sweep.Load{Concurrency: 4, BatchSize: 1}
	settings := tritonconfig.Settings{MaxQueueDelay: tritonconfig.Ptr(uint64(1000))}
	record := func(control bool, round int, rate, latency float64) results.Record {
		r := results.Record{Run: "r", Model: "m", Round: round, Control: control, Load: load, Verdict: results.OK}
		if !control {
			r.Settings = settings
		}
		r.Active.MaxQueueDelay = tritonconfig.Ptr(uint64(15000))
		if !control {
			r.Active = settings
		}
		return figured(r, rate, latency)
	}
	failing := record(false, 1, 200, 5)
	failing.Client.Errors = map[string]int64{"UNAVAILABLE": 3}
	void := record(false, 1, 200, 5)
	void.Verdict, void.Reasons = results.Void, []string{"count: somebody else"}
	for _, test := range []struct {
		name          string
		before, after results.Record
		limit         results.Limit
		code          int
		says          string
	}{
		{"as predicted", record(true, 1, 100, 10), record(false, 1, 200, 5), results.Limit{P95: 7}, exitOK, ""},
		{"better than predicted", record(true, 1, 100, 10), record(false, 1, 400, 2), results.Limit{}, exitOK, ""},
		{"both slower", record(true, 1, 50, 20), record(false, 1, 100, 10), results.Limit{}, exitOK, ""},
		{"worse than before", record(true, 1, 100, 10), record(false, 1, 80, 13), results.Limit{}, exitLimit, "worse than the old ones"},
		{"worse than predicted", record(true, 1, 100, 10), record(false, 1, 140, 7.5), results.Limit{}, exitLimit, "worse than the run predicted"},
		{"limit missed", record(true, 1, 50, 20), record(false, 1, 100, 10), results.Limit{P95: 7}, exitLimit, "miss the limit"},
		{"errors", record(true, 1, 100, 10), failing, results.Limit{}, exitLimit, "requests fail"},
		{"void", record(true, 1, 100, 10), void, results.Limit{}, exitSome, "could not be measured: void: count: somebody else"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := &proposal{model: "m", settings: settings, run: results.Run{ID: "r", Limit: test.limit, Objective: "p95", Plan: sweep.Plan{Rounds: 3}}}
			for round := 1; round <= 3; round++ {
				p.records = append(p.records, record(true, round, 100, 10), record(false, round, 200, 5))
			}
			if err := p.choose(nil); err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			err := newCanary(p, &out).judge(test.before, test.after)
			if exitCode(err) != test.code || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v (exit code %d), want %d and %q\n%s", err, exitCode(err), test.code, test.says, &out)
			}
			if busier := strings.Contains(out.String(), "the server is busier now"); busier != (test.name == "both slower") {
				t.Errorf("it says\n%s", &out)
			}
		})
	}
}

// A run that changed no file says all the same which one the server ran, so that
// its advice can be applied; where the server runs something else it says none.
func TestApplyKnowsTheConfigOfAReload(t *testing.T) {
	s := newSimulation(t)
	want := atomicfile.Sum(mustRead(t, filepath.Join(s.repository, arcface, "config.pbtxt")))
	for _, mode := range []string{"reload", "none"} {
		if out, err := s.command(s.copied(mode)...).CombinedOutput(); err != nil && exitOf(err) != exitSome {
			t.Fatalf("%v\n%s", err, out)
		}
		_, records := latest(t, s.db)
		for _, r := range records {
			if r.Environment.ConfigSHA256 != want {
				t.Errorf("--mode %s: the config was %q, want %q", mode, r.Environment.ConfigSHA256, want)
			}
		}
	}
	repository, err := tritonconfig.OpenRepository(s.repository)
	if err != nil {
		t.Fatal(err)
	}
	defer repository.Close()
	other := &target{configs: map[string]*tritonpb.ModelConfig{arcface: {Name: arcface, MaxBatchSize: 3}}}
	if file := other.configFile(repository, arcface); file != nil {
		t.Errorf("the server runs another config, and the file is\n%s", file.Bytes())
	}
}
