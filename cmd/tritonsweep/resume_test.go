package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tritonsweep/results"
	"tritonsweep/results/report"
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
	killed := exec.Command(binary, sweep...)
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	waitForRecords(t, db, 3)
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait()
	old, had := latest(t, db)
	if old.End != nil || len(had) >= old.Plan.Points() {
		t.Fatalf("the sweep was not killed in the middle: %d of %d", len(had), old.Plan.Points())
	}

	said := runResume(t, binary, db)
	run, records := latest(t, db)
	if run.Resumes != old.ID || len(records) != run.Plan.Points() {
		t.Errorf("run %s resumes %q with %d of %d records", run.ID, run.Resumes, len(records), run.Plan.Points())
	}
	kept := usable(had)
	if kept == 0 || !strings.Contains(said, "points are kept") || records[0].Start != had[0].Start {
		t.Errorf("%d were usable, nothing was kept:\n%s", kept, said)
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
	if !strings.Contains(said, " 0 of 12 points are kept") || !strings.Contains(said, "the model was ") {
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
	if exit, ok := err.(*exec.ExitError); err != nil && (!ok || exit.ExitCode() != exitSome) { // a busy machine
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

// waitForRecords returns once the run under way has stored n of them.
func waitForRecords(t *testing.T, db string, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		store, err := results.OpenReadOnly(context.Background(), db)
		if err != nil {
			continue // not there yet
		}
		run, err := store.Run(context.Background(), results.Latest)
		var records []results.Record
		if err == nil {
			records, err = store.Records(context.Background(), run.ID)
		}
		store.Close()
		if err == nil && len(records) >= n {
			return
		}
	}
	t.Fatalf("%s did not get %d records", db, n)
}
