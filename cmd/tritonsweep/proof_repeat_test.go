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

// repeatModel is what the proof sweeps: the example's face model, with all its times
// eight times as long, on one instance that 32 callers keep busy. A batch of eight
// takes 8 x 2.87 ms then, and the server some 0.7 ms on two cores until the next.
const repeatModel = "arcface_w600k_r50"

// repeatConfig is how its config differs from the example's.
var repeatConfig = strings.NewReplacer(
	"max_batch_size: 128", `max_batch_size: 8 parameters { key: "time_scale" value { string_value: "8" } }`,
	"preferred_batch_size: [ 8, 16, 32, 64 ]", "preferred_batch_size: [ 8 ]",
	"max_queue_delay_microseconds: 15000", "max_queue_delay_microseconds: 0",
	"count: 4", "count: 1",
)

// repeatSpec holds two settings that are what the model is anyway, spelt
// otherwise, and one that answers 5 % more: (8 x 2.87 + 0.7) / (7.6 x 2.87 + 0.7).
const repeatSpec = `models:
  - name: arcface_w600k_r50
    settings:
      set:
        'parameters["time_scale"].string_value': ["8.0", "8.00", "7.6"]
loads: {concurrency: [32]}
rounds: 3
`

// betterScale is the setting of repeatSpec that is to be found.
const betterScale = "7.6"

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
		if scale == betterScale {
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
	repository := repeatRepository(t)
	line := []string{build(t), "sweep", "-f", spec, "--measure-all", "--format", "json", "--precision", "0.02", "--db", filepath.Join(dir, "run.db")}
	if os.Getenv("SIM") == "1" {
		return append(line, "--sim", "--repository", repository, "--duration", "600ms", "--warmup", "100ms")
	}
	server := dockertest.StartFolders(t, "explicit", filepath.Join(repository, repeatModel))
	return append(line, "--container", server.Name, "--mode", "reload", "--duration", "1500ms", "--warmup", "400ms")
}

// repeatRepository returns a repository with repeatModel alone.
func repeatRepository(t *testing.T) string {
	repository := t.TempDir()
	model := filepath.Join(repository, repeatModel)
	if err := os.CopyFS(model, os.DirFS(filepath.Join("..", "..", "examples", "models", repeatModel))); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(model, "config.pbtxt")
	config, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(repeatConfig.Replace(string(config))), 0o644); err != nil {
		t.Fatal(err)
	}
	return repository
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
			if p.Settings.IsZero() || scaleOf(p.Settings) == betterScale || p.Effect == nil {
				continue
			}
			if comparisons++; p.Effect.Verdict == report.Better {
				better++
			}
		}
	}
	return better, comparisons
}
