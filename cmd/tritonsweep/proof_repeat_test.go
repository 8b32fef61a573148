package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tritonsweep/results/pareto"
	"tritonsweep/results/report"
	"tritonsweep/runner/docker/dockertest"
	"tritonsweep/tritonconfig"
)

// repeatSpec holds two settings that are what the model is anyway, spelt
// otherwise, and one whose inferences take 5 % less time.
const repeatSpec = `models:
  - name: arcface_w600k_r50
    settings:
      set:
        'parameters["time_scale"].string_value': ["1.00", "1.000", "0.95"]
loads: {concurrency: [4]}
rounds: 4
`

// mostFalse of the comparisons of equal settings may call one of them better.
const mostFalse = 1. / 20

// TestProofRepeat repeats one sweep and counts what it says of settings whose
// truth is known: the one that is 5 % better must be recommended every time, and
// of the equal ones hardly any may be called better.
func TestProofRepeat(t *testing.T) {
	sweeps, err := strconv.Atoi(os.Getenv("TRITONSWEEP_PROOF_REPEAT"))
	if err != nil {
		t.Skip("a proof: make proof-repeat")
	}
	line := repeatLine(t)
	fmt.Printf("%6s %10s %14s %8s %26s %8s %7s\n", "sweep", "A/A", "recommended", "near", "gain", "equals", "took")
	found, wrong, comparisons := 0, 0, 0
	for i := range sweeps {
		begin := time.Now()
		m := sweepOnce(t, append(line, "--seed", strconv.Itoa(i+1)))
		scale, gain, near := recommendedScale(m)
		better, equals := equalsCalledBetter(m)
		wrong, comparisons = wrong+better, comparisons+equals
		if scale == "0.95" {
			found++
		}
		fmt.Printf("%6d %9.2f%% %14s %8s %26s %5d/%d %6.0fs\n", i+1, 100*m.Noise.SelfDifference, scale, near, gain, better, equals, time.Since(begin).Seconds())
	}
	fmt.Printf("the better one was recommended in %d of %d sweeps; of %d comparisons of equal settings %d called one better\n",
		found, sweeps, comparisons, wrong)
	if found < sweeps {
		t.Errorf("the better one was found in %d of %d sweeps", found, sweeps)
	}
	if float64(wrong) > mostFalse*float64(comparisons) {
		t.Errorf("%d of %d comparisons of equal settings have a winner, at most 1 in 20 is allowed", wrong, comparisons)
	}
}

// repeatLine is the sweep's command line: on a Triton of the proof's own, or with
// SIM=1 on the simulated server.
func repeatLine(t *testing.T) []string {
	dir := t.TempDir()
	spec := filepath.Join(dir, "repeat.yaml")
	if err := os.WriteFile(spec, []byte(repeatSpec), 0o644); err != nil {
		t.Fatal(err)
	}
	line := []string{build(t), "sweep", "-f", spec, "--measure-all", "--format", "json", "--precision", "0.02", "--db", filepath.Join(dir, "run.db")}
	if os.Getenv("SIM") == "1" {
		return append(line, "--sim", "--duration", "600ms", "--warmup", "100ms")
	}
	server := dockertest.Start(t, "explicit", "arcface_w600k_r50")
	return append(line, "--container", server.Name, "--mode", "reload", "--duration", "1500ms", "--warmup", "400ms")
}

// sweepOnce runs the sweep and returns what its report says of the model.
func sweepOnce(t *testing.T, line []string) report.Model {
	t.Helper()
	cmd := exec.Command(line[0], line[1:]...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil && exitOf(err) != exitSome {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var made report.Report
	if err := json.Unmarshal(out, &made); err != nil || len(made.Models) != 1 {
		t.Fatalf("%v\n%s", err, out)
	}
	return made.Models[0]
}

// recommendedScale returns the setting that was recommended, what it gains and how
// likely it is as good as the best.
func recommendedScale(m report.Model) (scale, gain, near string) {
	r := m.Recommendation
	if r.Near != nil {
		near = fmt.Sprintf("%.3f", *r.Near)
	}
	if r.Action != pareto.Change {
		return string(r.Action), "", near
	}
	for _, p := range m.Finals {
		if p.ID == r.Final && p.Effect != nil && p.Effect.Throughput != nil {
			e := p.Effect.Throughput
			gain = fmt.Sprintf("%+.1f%% [%+.1f%%, %+.1f%%]", 100*(e.Value-1), 100*(e.Low-1), 100*(e.High-1))
		}
	}
	return scaleOf(*r.Settings), gain, near
}

func scaleOf(s tritonconfig.Settings) string {
	for _, value := range s.Other {
		return strings.Trim(value, `"`)
	}
	return ""
}

// equalsCalledBetter counts the comparisons of equal settings with the untouched
// config, in the planned rounds and in the finals, and those with a winner.
func equalsCalledBetter(m report.Model) (better, comparisons int) {
	for _, points := range [][]report.Point{m.Points, m.Finals} {
		for _, p := range points {
			if p.Settings.IsZero() || scaleOf(p.Settings) == "0.95" || p.Effect == nil {
				continue
			}
			if comparisons++; p.Effect.Verdict == report.Better {
				better++
			}
		}
	}
	return better, comparisons
}
