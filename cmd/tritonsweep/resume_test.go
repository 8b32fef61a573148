package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tritonsweep/results"
	"tritonsweep/results/report"
	"tritonsweep/runner/docker"
	"tritonsweep/runner/undo"
)

// TestResumeAfterAKill kills a sweep of a simulated server with -9, goes on, and
// finds the report of a run that was never killed. Then the model's file changes
// and nothing that was measured on the old one is kept.
func TestResumeAfterAKill(t *testing.T) {
	binary, dir := build(t), t.TempDir()
	t.Setenv("TRITONSWEEP_STATE", filepath.Join(dir, "state"))
	repository, db := filepath.Join(dir, "models"), filepath.Join(dir, "run.db")
	const model = "arcface_w600k_r50"
	if err := os.CopyFS(filepath.Join(repository, model), os.DirFS(filepath.Join("..", "..", "examples", "models", model))); err != nil {
		t.Fatal(err)
	}
	sweep := []string{"queue-delay", "--sim", "--repository", repository, "--model", model, "--delays", "1000,2000", "--concurrency", "1,4",
		"--rounds", "2", "--duration", "300ms", "--warmup", "100ms", "--precision", "0.9", "--db", db}
	killed := exec.Command(os.Args[0])
	killed.Args = append([]string{"tritonsweep"}, sweep...)
	killed.Env = append(os.Environ(), hookEnv+"=recorded:kill:5") // of the 14 points
	if out, err := killed.CombinedOutput(); killed.ProcessState.ExitCode() != -1 {
		t.Fatalf("it was not killed: %v\n%s", err, out)
	}
	old, had := latest(t, db)
	if old.End != nil || len(had) != 5 {
		t.Fatalf("the sweep was not killed after 5 of %d points: %d", old.Plan.Points(), len(had))
	}

	said := runResume(t, binary, db)
	run, records := latest(t, db)
	records = slices.DeleteFunc(records, func(r results.Record) bool { return r.Final })
	if run.Resumes != old.ID || len(records) != run.Plan.Points() {
		t.Errorf("run %s resumes %q with %d of %d records", run.ID, run.Resumes, len(records), run.Plan.Points())
	}
	if want := fmt.Sprintf(" %d of 14 points are kept", usable(had)); !strings.Contains(said, want) {
		t.Errorf("it does not say %q:\n%s", want, said)
	}
	for _, r := range had { // not measured again: the same instant
		if r.Verdict.Usable() && !slices.ContainsFunc(records, func(s results.Record) bool { return s.Start.Equal(r.Start) }) {
			t.Errorf("the point of %s was not kept", r.Start)
		}
	}
	seen := map[planPoint]bool{}
	for _, r := range records {
		seen[pointOf(r)] = true
	}
	made := report.Analyze(run, records)
	if len(seen) != run.Plan.Points() || len(made.Models) != 1 || len(made.Models[0].Points) != 4 || len(made.Models[0].Control) != 2 {
		t.Errorf("%d different points of %d", len(seen), run.Plan.Points())
	}

	profile := filepath.Join(repository, model, "profile.json")
	data, err := os.ReadFile(profile)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(profile, append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	said = runResume(t, binary, db)
	if !strings.Contains(said, " 0 of 14 points are kept") || !strings.Contains(said, "the model was ") {
		t.Errorf("the model's change was not seen:\n%s", said)
	}
	if again, _ := latest(t, db); len(again.Dropped) == 0 || !strings.Contains(again.Dropped[0], "measured again") {
		t.Errorf("the run does not say why: %q", again.Dropped)
	}

	// A summary takes what goes on in the place of what it continues.
	page, err := exec.Command(binary, "summary", "--db", db, "--format", "json").Output()
	if again, _ := latest(t, db); err != nil || strings.Count(string(page), `"id": `) != 1 || !strings.Contains(string(page), again.ID) {
		t.Errorf("%v, the summary is of other runs:\n%s", err, page)
	}
}

func usable(records []results.Record) (n int) {
	for _, r := range records {
		if r.Verdict.Usable() {
			n++
		}
	}
	return n
}

func runResume(t *testing.T, binary, db string) string {
	t.Helper()
	cmd := exec.Command(binary, "resume", "--db", db)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil && exitOf(err) != exitSome { // a busy machine
		t.Fatalf("%v\n%s%s", err, out, &stderr)
	}
	return stderr.String()
}

func latest(t *testing.T, db string) (results.Run, []results.Record) {
	t.Helper()
	store, err := results.OpenReadOnly(context.Background(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	run, err := store.Run(context.Background(), results.Latest)
	if err != nil {
		t.Fatal(err)
	}
	records, err := store.Records(context.Background(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	return run, records
}

// TestResumeKeepsNothingOfAnotherOrigin: a point of the old run is measured again
// as soon as one part of where it comes from is not what it was, and the command
// says which. An unchanged origin keeps it.
func TestResumeKeepsNothingOfAnotherOrigin(t *testing.T) {
	s := newAdvised(t)
	s.run.End, s.run.ExitCode = nil, nil
	s.run.Plan.Rounds = 1
	s.records = s.records[:len(swept.records)]
	untouched := s.records
	for _, test := range []struct {
		part, says string
		change     func(r *results.Record)
	}{
		{"nothing", "2 of 2 points are kept", func(*results.Record) {}},
		{"model bytes", "the model was abcd, is ", func(r *results.Record) { r.Environment.ModelSHA256 = "abcd" }},
		{"model not known", "the model was not known, is ", func(r *results.Record) { r.Environment.ModelSHA256 = "" }},
		{"config", "the config was abcd, is ", func(r *results.Record) { r.Environment.ConfigSHA256 = "abcd" }},
		{"image", "the image was abcd, is not known", func(r *results.Record) { r.Environment.ImageDigest = "sha256:abcd" }},
		{"server", "the server was triton 1.0, is triton ", func(r *results.Record) { r.Environment.Server = "triton 1.0" }},
		{"simulated", "the simulated was false, is true", func(r *results.Record) { r.Environment.Simulated = false }},
		{"gpu", "the gpu was RTX A6000, is not known", func(r *results.Record) { r.Environment.GPUModels = []string{"RTX A6000"} }},
		{"driver", "the driver was 535.1, is not known", func(r *results.Record) { r.Environment.GPUDriver = "535.1" }},
		{"client", "the client was 0.0.1, is ", func(r *results.Record) { r.Environment.Tool = "0.0.1" }},
		{"mode", "the mode was reload, is restart", func(r *results.Record) { r.Environment.Mode = "reload" }},
		{"transport", "the transport was http, is grpc", func(r *results.Record) { r.Environment.Transport = "http" }},
		{"input", "the input was zeros, is ", func(r *results.Record) { r.Environment.InputSource = "zeros" }},
		{"pipeline", "the pipeline was http://api, is not known", func(r *results.Record) { r.Environment.Pipeline = "http://api" }},
		{"load", "the load or the settings are not those of the plan", func(r *results.Record) { r.Load.Concurrency++ }},
		{"round", "the load or the settings are not those of the plan", func(r *results.Record) { r.Round++ }},
		{"verdict", "the verdict is void", func(r *results.Record) { r.Verdict = results.Void }},
	} {
		t.Run(test.part, func(t *testing.T) {
			s.records = nil
			for _, r := range untouched {
				test.change(&r)
				s.records = append(s.records, r)
			}
			s.store(t)
			cmd := s.command("resume", "--dry-run", "--db", s.db)
			expect(t, cmd, exitOK, test.says)
			out, err := s.command("resume", "--dry-run", "--db", s.db).Output() // what is left to do
			if left := strings.Count(string(out), "round 1"); err != nil || (left == 0) != (test.part == "nothing") || test.part != "nothing" && left != 2 {
				t.Errorf("%d trials are left (%v):\n%s", left, err, out)
			}
			s.expectClean(t)
		})
	}
}

// TestUnreadableModelIsANote: a folder that nobody can hash takes the proof from
// a run, not the run.
func TestUnreadableModelIsANote(t *testing.T) {
	s := newSimulation(t)
	many := filepath.Join(s.repository, arcface, "1", "many")
	if err := os.MkdirAll(many, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 10_001 {
		if err := os.WriteFile(filepath.Join(many, fmt.Sprint(i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, s.sweep("--dry-run"), exitOK, "note: where the figures come from cannot be proven later: hashing the files of "+arcface+": more than 10000 files")
}

// TestReapPrivateDirectories: whenever a run was killed, what it had laid out for
// an isolated copy goes; a living run's stays.
func TestReapPrivateDirectories(t *testing.T) {
	t.Setenv(undo.StateEnv, t.TempDir())
	state, err := undo.OpenState()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(state.Dir(), isolatedDir)
	living, err := docker.NewOwner()
	if err != nil {
		t.Fatal(err)
	}
	dead := living
	dead.Key, dead.Start = "dead", "1" // its number is another process's now
	foreign := living
	foreign.Key, foreign.Host = "foreign", "another machine"
	booted := living
	booted.Key, booted.Boot = "booted", "another-boot"
	for _, name := range []string{living.Name(), dead.Name(), foreign.Name(), booted.Name(), "unsigned"} {
		if err := os.MkdirAll(filepath.Join(dir, name, "models", "m"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // it may be called any number of times
		if err := reapDirectories(state); err != nil {
			t.Fatal(err)
		}
	}
	var left []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		left = append(left, e.Name())
	}
	want := []string{living.Name(), foreign.Name()}
	slices.Sort(left)
	slices.Sort(want)
	if !slices.Equal(left, want) {
		t.Errorf("left are %q, want %q", left, want)
	}
	for _, name := range want {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := reapDirectories(state); err != nil { // as after a kill before the first directory was made
		t.Fatal(err)
	}
	if left, err := os.ReadDir(state.Dir()); err != nil || len(left) > 0 {
		t.Errorf("left in the state directory: %v, %v", left, err)
	}
}
