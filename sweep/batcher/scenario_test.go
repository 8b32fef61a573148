package batcher

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// scenarioFile is one testdata/*.txt: settings, arrivals, and what the server
// then executes. testdata/README.md explains the format.
type scenarioFile struct {
	path     string
	scenario Scenario
	runs     int
	expect   []expectation
}

// expectation is one line about the outcome: a sequence of batch sizes in a
// share of the runs, or a range for a figure of each run's median.
type expectation struct {
	line     int
	what     string // "batches", or the name of a figure
	batches  string
	from, to float64
}

func TestScenarios(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < 16 {
		t.Fatalf("found %d scenarios, want at least 16", len(paths))
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			f, err := readScenario(path)
			if err != nil {
				t.Fatal(err)
			}
			f.check(t)
		})
	}
}

// check runs the scenario with many seeds and compares.
func (f *scenarioFile) check(t *testing.T) {
	sequences := map[string]int{}
	figures := map[string][]float64{}
	var sim Simulator
	for seed := range f.runs {
		f.scenario.Seed = uint64(seed + 1)
		r, err := sim.Run(&f.scenario)
		if err != nil {
			t.Fatal(err)
		}
		m := &r.Models[0]
		sequences[strings.Trim(fmt.Sprint(m.Trace), "[]")]++
		for name, value := range figuresOf(m) {
			figures[name] = append(figures[name], value)
		}
	}
	for _, e := range f.expect {
		got, ok := median(figures[e.what]), len(figures[e.what]) > 0
		if e.what == "batches" {
			got, ok = 100*float64(sequences[e.batches])/float64(f.runs), true
		}
		if !ok {
			t.Fatalf("%s:%d: unknown figure %q", f.path, e.line, e.what)
		}
		if got < e.from || got > e.to {
			t.Errorf("%s:%d: %s %s: got %.4g, want %g to %g\nsequences seen: %s",
				f.path, e.line, e.what, e.batches, got, e.from, e.to, commonest(sequences))
		}
	}
}

// figuresOf names the figures that a scenario may expect.
func figuresOf(m *ModelResult) map[string]float64 {
	ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
	return map[string]float64{
		"throughput": m.Throughput, "mean-batch": m.MeanBatch, "queue-ms": ms(m.Queue),
		"p50-ms": ms(m.Latency.P50), "p95-ms": ms(m.Latency.P95), "p99-ms": ms(m.Latency.P99), "max-ms": ms(m.Latency.Max),
		"full": float64(m.Refused[QueueFull]), "expired": float64(m.Refused[Expired]),
	}
}

func commonest(sequences map[string]int) string {
	var parts []string
	for len(parts) < 6 && len(sequences) > 0 {
		best := ""
		for s, n := range sequences {
			if best == "" || n > sequences[best] || (n == sequences[best] && s < best) {
				best = s
			}
		}
		if len(best) > 80 {
			best = best[:80] + "..."
		}
		parts = append(parts, fmt.Sprintf("%q x%d", best, sequences[best]))
		delete(sequences, best)
	}
	return strings.Join(parts, "; ")
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := append([]float64(nil), values...)
	for i := range sorted { // insertion sort: a handful of values
		for j := i; j > 0 && sorted[j] < sorted[j-1]; j-- {
			sorted[j], sorted[j-1] = sorted[j-1], sorted[j]
		}
	}
	return sorted[len(sorted)/2]
}
