package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"

	"tritonsweep/results"
	"tritonsweep/results/report"
	"tritonsweep/sweep/search"
)

// lightModel answers in a few milliseconds.
const lightModel = "mobileclip2_s2_text_encoder"

// soundRules are those that hold however busy the machine is, because they compare
// what the client saw with what the server says about the same requests.
var soundRules = []string{"answers", "instances", "retries", "config", "process", "counters", "count", "batch", "server-time", "cache", "figures"}

// loadReal runs a command that changes nothing on the real server, and returns its
// exit code, its report in JSON and what it stored.
func loadReal(t *testing.T, command string, args ...string) (code int, output []byte, records []results.Record) {
	t.Helper()
	container, repository := realTriton(t)
	before := readConfigs(t, repository)
	db := filepath.Join(t.TempDir(), "run.db")
	args = append([]string{"tritonsweep", command, "--model", lightModel, "--container", container, "--format", "json", "--db", db}, args...)
	var out, errs bytes.Buffer
	code = run(t.Context(), args, os.Stdin, &out, &errs)
	t.Logf("exit code %d\n%s", code, &errs)
	expectConfigs(t, repository, before)
	store, err := results.OpenReadOnly(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	runs, err := store.Runs(t.Context())
	if err != nil || len(runs) != 1 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	if records, err = store.Records(t.Context(), runs[0].ID); err != nil || len(records) == 0 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	for _, r := range records {
		expectSound(t, r)
	}
	return code, out.Bytes(), records
}

// expectSound demands that a record was measured, and that client and server agree.
func expectSound(t *testing.T, r results.Record) {
	t.Helper()
	if r.Verdict == results.Failed || r.Verdict == results.Refused || r.Client.Requests == 0 || len(r.Client.Errors) > 0 {
		t.Errorf("%s: %s %q, %d answers, errors %v", r.Load, r.Verdict, r.Reasons, r.Client.Requests, r.Client.Errors)
	}
	for _, rule := range soundRules {
		i := slices.IndexFunc(r.Checks, func(c results.Check) bool { return c.Name == rule })
		if i < 0 || !r.Checks[i].Passed {
			t.Errorf("%s: rule %s: %+v", r.Load, rule, r.Checks)
		}
	}
	if r.Environment.Simulated || r.Server == nil || r.Server.Executions == 0 {
		t.Errorf("%s: simulated %t, server %+v", r.Load, r.Environment.Simulated, r.Server)
	}
}

// TestRealBench: one point of the real server. Report, store and log hold the same
// requests, and the server has counted them too.
func TestRealBench(t *testing.T) {
	log := filepath.Join(t.TempDir(), "latencies.hlog")
	code, output, records := loadReal(t, "bench", "--concurrency", "2", "--duration", "2s", "--max-container-memory", "none", "--hdr-log", log)
	var shown report.Bench
	if err := json.Unmarshal(output, &shown); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	r := records[0]
	if want := map[bool]int{true: exitOK, false: exitSome}[r.Verdict.Usable()]; len(records) != 1 || code != want {
		t.Errorf("%d records, verdict %s, exit code %d", len(records), r.Verdict, code)
	}
	if shown.Model != lightModel || shown.Point.Verdict != r.Verdict || len(shown.Checks) != len(r.Checks) {
		t.Errorf("%s, %s and %d rules are shown, %s and %d stored", shown.Model, shown.Point.Verdict, len(shown.Checks), r.Verdict, len(r.Checks))
	}
	if !r.Verdict.Usable() {
		return // the log holds what may be used
	}
	if shown.Point.Requests != r.Client.Requests {
		t.Errorf("%d requests are shown, %d stored", shown.Point.Requests, r.Client.Requests)
	}
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	logged, err := hdrhistogram.NewHistogramLogReader(bytes.NewReader(data)).NextIntervalHistogram()
	if err != nil || logged == nil || logged.TotalCount() != r.Client.Requests {
		t.Errorf("the log holds %+v, %v, and the point %d requests", logged, err, r.Client.Requests)
	}
}

// TestRealCapacity: a short search on the real server. How far it comes depends on
// the machine; that every rate it judges was offered, and is judged by what was
// measured, does not.
func TestRealCapacity(t *testing.T) {
	const most = 2000 // milliseconds
	code, output, records := loadReal(t, "capacity", "--max-p95", "2s", "--start", "60", "--max-points", "3", "--duration", "2s", "--tolerance", "0.5", "--max-container-memory", "none")
	var shown report.Report
	if err := json.Unmarshal(output, &shown); err != nil || len(shown.Models) != 1 || shown.Models[0].Capacity == nil {
		t.Fatalf("%v\n%s", err, output)
	}
	c := shown.Models[0].Capacity
	if found := c.Low > 0 && c.Bounded && c.Confirmed; found != (code == exitOK) || c.Start != 60 || len(c.Rates) == 0 {
		t.Errorf("exit code %d after %+v", code, c)
	}
	for _, rate := range c.Rates {
		looks := 0
		for _, r := range records {
			if r.Load.Rate != rate.Rate {
				continue
			}
			looks++
			if a := r.Client.Arrivals; a == nil || r.Load.Arrivals != "poisson" {
				t.Errorf("%s: arrivals %+v", r.Load, a)
			}
			if p95 := r.Client.P95; rate.Standing == search.Passes && r.Verdict.Usable() && p95 != nil && p95.Low > most {
				t.Errorf("%s passes %d ms with a p95 of %+v", r.Load, most, *p95)
			}
		}
		if looks != rate.Looks {
			t.Errorf("%g/s: %d looks are shown, %d stored", rate.Rate, rate.Looks, looks)
		}
	}
}
