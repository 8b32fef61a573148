package batcher

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tritonsweep/sweep/batcher/scenarios"
)

// readScenario reads a file of the folder scenarios.
func readScenario(name string) (*ScenarioFile, error) {
	data, err := scenarios.Read(name)
	if err != nil {
		return nil, err
	}
	return ParseScenario(name+".txt", data)
}

func TestScenarios(t *testing.T) {
	names := scenarios.Names()
	if len(names) < 40 {
		t.Fatalf("found %d scenarios, want at least 40", len(names))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			f, err := readScenario(name)
			if err != nil {
				t.Fatal(err)
			}
			checkScenario(t, f)
		})
	}
}

// TestRefusedScenarioFiles: what cannot be read is refused with its line.
func TestRefusedScenarioFiles(t *testing.T) {
	for text, want := range map[string]string{
		"service: 20ms\narrivals: 3@0\n":                       "x.txt: it expects nothing",
		"servise: 20ms\n":                                      `x.txt:1: unknown key "servise"`,
		"service: 20ms\narrivals: 3\n":                         `x.txt:2: arrival "3" has no time`,
		"service: twenty\n":                                    "x.txt:1:",
		"preferred: 4, x\n":                                    "x.txt:1:",
		"rules: none\n":                                        `x.txt:1: unknown rule "none"`,
		"arrivals: 1@5 1@0\nexpect: 2\n":                       "not in order of time",
		"preferred: 64\narrivals: 1@0\nexpect: 1\n":            "preferred_batch_size 64",
		"arrivals: 3@0\nexpect: 1 2 in 60..lots%\n":            "x.txt:2:",
		"arrivals: 3@0\ncallers: 4\nexpect: mean-batch 1..2\n": "either callers, a rate or a script",
	} {
		if _, err := ParseScenario("x.txt", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q in it", text, err, want)
		}
	}
}

// FuzzParseScenario: whatever is in a file, it is read or refused, with its name.
func FuzzParseScenario(f *testing.F) {
	for _, name := range scenarios.Names() {
		data, err := scenarios.Read(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("arrivals: 1x@ 2p-1@+ t@1\nexpect: in\ndevice:\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := ParseScenario("file", data); err != nil && !strings.Contains(err.Error(), "file") {
			t.Fatalf("%v does not name the file", err)
		} else if err == nil && s.Scenario.Validate() != nil {
			t.Fatal("a scenario that cannot be played was read")
		}
	})
}

// checkScenario runs the scenario with many seeds and compares.
func checkScenario(t *testing.T, f *ScenarioFile) {
	t.Helper()
	sequences := map[string]int{}
	figures := map[string][]float64{}
	var sim Simulator
	for seed := range f.Runs {
		f.Scenario.Seed = uint64(seed + 1)
		r, err := sim.Run(&f.Scenario)
		if err != nil {
			t.Fatal(err)
		}
		m := &r.Models[0]
		sequences[strings.Trim(fmt.Sprint(m.Trace), "[]")]++
		for name, value := range figuresOf(m) {
			figures[name] = append(figures[name], value)
		}
	}
	for _, e := range f.Expect {
		got, ok := median(figures[e.What]), len(figures[e.What]) > 0
		if e.What == "batches" {
			got, ok = 100*float64(sequences[e.Batches])/float64(f.Runs), true
		}
		if !ok {
			t.Fatalf("%s:%d: unknown figure %q", f.Name, e.Line, e.What)
		}
		if got < e.From || got > e.To {
			t.Errorf("%s:%d: %s %s: got %.4g, want %g to %g\nsequences seen: %s",
				f.Name, e.Line, e.What, e.Batches, got, e.From, e.To, commonest(sequences))
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
	return slices.Sorted(slices.Values(values))[len(values)/2]
}
