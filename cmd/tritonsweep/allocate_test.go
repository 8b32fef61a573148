package main

import (
	"bytes"

	"path/filepath"
	"strings"
	"testing"
	"time"

	"tritonsweep/results"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// instanceRun stores a run of two models whose instances take 100 and 200 MiB
// and scale differently.
func instanceRun(t *testing.T) string {
	t.Helper()
	db := filepath.Join(t.TempDir(), "run.db")
	store, err := results.Open(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	counts, loads := sweep.Counts([]int{1, 2, 4}, ""), sweep.Closed([]int{1, 32}, []int{1})
	spaces := []sweep.Space{{Model: "detector", Settings: counts, Loads: loads}, {Model: "embedder", Settings: counts, Loads: loads}}
	plan, err := sweep.NewPlan("instances", spaces, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)
	run := results.Run{ID: "20261126-080000-test", Start: start, Plan: plan, Outcome: "running"}
	if err := store.CreateRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	each := map[string]int64{"detector": 200 << 20, "embedder": 100 << 20}
	speed := map[string][]float64{"detector": {100, 190, 350}, "embedder": {400, 500, 510}} // for 1, 2, 4
	sequence := 0
	for _, trial := range plan.Trials {
		n := 2 // as configured
		if trial.Settings.InstanceCount != nil {
			n = *trial.Settings.InstanceCount
		}
		for _, l := range trial.Loads {
			sequence++
			x := speed[trial.Model][n/2] * float64(l.Concurrency) / 32
			memory := 1<<30 + int64(n)*each[trial.Model]
			around := func(v float64) *results.Estimate { return &results.Estimate{Value: v, Low: 0.99 * v, High: 1.01 * v} }
			record := results.Record{
				Run: run.ID, Sequence: sequence, Model: trial.Model, Round: trial.Round, Control: trial.Control, Settings: trial.Settings, Load: l,
				Active:  tritonconfig.Settings{InstanceCount: &n},
				Verdict: results.OK, Start: start.Add(time.Duration(sequence) * time.Second), Duration: 1,
				Client:    results.Client{Requests: 1000, Items: 1000, Throughput: around(x), P50: around(10), P95: around(20)},
				Resources: results.Resources{ContainerMemory: &memory},
			}
			if err := store.Append(t.Context(), record); err != nil {
				t.Fatal(err)
			}
		}
	}
	end, code := start.Add(time.Minute), 0
	run.End, run.ExitCode, run.Outcome = &end, &code, "done"
	if err := store.FinishRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestAllocate(t *testing.T) {
	db := instanceRun(t)
	for _, tt := range []struct {
		args []string
		code int
		want []string
	}{
		{[]string{"--max-memory=1GiB"}, 0, []string{"CONTAINER MEMORY", "detector  2    4          800 MiB", "embedder  2    2          200 MiB", "1000 MiB of 1 GiB", "reaches 100% of it"}},
		{[]string{"--max-memory=500MiB"}, 0, []string{"detector  2    2", "embedder  2    1", "reaches 80% of it"}},
		{[]string{"--max-memory=900MiB", "--demand=detector=350"}, 0, []string{"detector  2    4", "embedder  2    1", "reaches 80% of it"}},
		{[]string{"--max-memory=900MiB", "--format=json"}, 0, []string{`"least_share": 1`, `"memory_bytes": 838860800`}},
		{[]string{"--max-memory=200MiB"}, exitUsage, []string{"the smallest counts need 300 MiB, the budget is 200 MiB (hint: a larger --max-memory)"}},
		{[]string{"--max-memory=1GiB", "--demand=detectr=1"}, exitUsage, []string{`--demand: no curve of "detectr" (hint: did you mean detector?)`}},
		{[]string{"--max-memory=1GiB", "--demand=detector=0"}, exitUsage, []string{`--demand: "detector=0" is not MODEL=RATE`}},
	} {
		var stdout, stderr bytes.Buffer
		args := append([]string{"tritonsweep", "allocate", "--db=" + db}, tt.args...)
		code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
		all := stdout.String() + stderr.String()
		for _, want := range tt.want {
			if code != tt.code || !strings.Contains(all, want) {
				t.Errorf("%v: code %d, want %d and %q in\n%s", tt.args, code, tt.code, want, all)
			}
		}
	}
}
