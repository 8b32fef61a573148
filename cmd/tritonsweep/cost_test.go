package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// build makes the program as a user would run it.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "tritonsweep")
	cmd := exec.Command("go", "build", "-o", binary, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as make build does
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return binary
}

// spent is what a finished process used.
type spent struct {
	cpu     time.Duration
	peak    int64 // resident set, bytes
	elapsed time.Duration
}

func measureProcess(t *testing.T, program string, args ...string) spent {
	t.Helper()
	cmd := exec.Command(program, args...)
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	if exit := cmd.ProcessState.ExitCode(); exit != exitOK && exit != exitSome {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return spent{
		cpu:  cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		peak: usage.Maxrss << 10, elapsed: time.Since(begin),
	}
}

// TestFault69Memory: the 4.9 MB inputs and nine outputs of the face detector at 64
// callers stay under 128 MB resident. TRITONSWEEP_MEMORY is the duration.
func TestFault69Memory(t *testing.T) {
	container, _ := realTriton(t)
	const most = 128e6
	duration := cmp.Or(os.Getenv("TRITONSWEEP_MEMORY"), "10s")
	used := measureProcess(t, build(t), "concurrency", "--model", "scrfd_10g_bnkps", "--container", container,
		"--mode", "none", "--concurrency", "64", "--rounds", "1", "--duration", duration, "--precision", "0.0001",
		"--db", filepath.Join(t.TempDir(), "run.db"))
	fmt.Printf("scrfd_10g_bnkps, 64 callers, %s: peak resident %.1f MB (at most %.0f)\n", duration, float64(used.peak)/1e6, most/1e6)
	if float64(used.peak) > most {
		t.Errorf("peak resident set %d bytes, more than %.0f", used.peak, most)
	}
}

// successes returns how many requests the server has answered for the model.
func successes(t *testing.T, model string) int64 {
	t.Helper()
	return successesAt(t, "http://"+cmp.Or(os.Getenv("TRITONSWEEP_REAL_HTTP"), "127.0.0.1:4600"), model)
}

// successesAt is successes of the server at an address.
func successesAt(t *testing.T, base, model string) int64 {
	t.Helper()
	url := base + "/v2/models/" + model + "/stats"
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var stats struct {
		ModelStats []struct {
			InferenceStats struct {
				Success struct {
					Count int64 `json:"count"`
				} `json:"success"`
			} `json:"inference_stats"`
		} `json:"model_stats"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&stats); err != nil || len(stats.ModelStats) != 1 {
		t.Fatalf("%s: %v", url, err)
	}
	return stats.ModelStats[0].InferenceStats.Success.Count
}

// TestClientCost compares the CPU that a request costs the client with
// perf_analyzer's, both over all requests that the server answered, in turns.
func TestClientCost(t *testing.T) {
	container, _ := realTriton(t)
	if os.Getenv("TRITONSWEEP_BENCH") != "1" {
		t.Skip("a benchmark: make bench-client")
	}
	analyzer, err := exec.LookPath(cmp.Or(os.Getenv("PERF_ANALYZER"), "perf_analyzer"))
	if err != nil {
		fmt.Println("perf_analyzer was not found: only our own figures follow (examples/triton-cpu/perf-analyzer.sh installs it)")
	}
	binary := build(t)
	for _, model := range []string{"mobileclip2_s2_text_encoder", "scrfd_10g_bnkps"} {
		cost := map[string][]float64{}
		for range 3 {
			before := successes(t, model)
			used := measureProcess(t, binary, "concurrency", "--model", model, "--container", container, "--mode", "none",
				"--concurrency", "4", "--rounds", "1", "--duration", "8s", "--precision", "0.0001",
				"--db", filepath.Join(t.TempDir(), "run.db"))
			cost["tritonsweep"] = append(cost["tritonsweep"], perRequest(used, successes(t, model)-before))
			if analyzer == "" {
				continue
			}
			before = successes(t, model)
			used = measureProcess(t, analyzer, "-m", model, "-i", "grpc", "-u", cmp.Or(os.Getenv("TRITONSWEEP_REAL_GRPC"), "127.0.0.1:4601"),
				"--concurrency-range", "4", "-p", "2000", "-s", "999", "-r", "3")
			cost["perf_analyzer"] = append(cost["perf_analyzer"], perRequest(used, successes(t, model)-before))
		}
		ours, theirs := slices.Min(cost["tritonsweep"]), 0.0
		fmt.Printf("%-30s CPU a request: tritonsweep %.0f us (of %.0f)", model, ours, cost["tritonsweep"])
		if analyzer != "" {
			theirs = slices.Min(cost["perf_analyzer"])
			fmt.Printf(", perf_analyzer %.0f us (of %.0f), ratio %.2f", theirs, cost["perf_analyzer"], ours/theirs)
			if ours > theirs {
				t.Errorf("%s: our client costs %.0f us a request, perf_analyzer %.0f", model, ours, theirs)
			}
		}
		fmt.Println()
	}
}

// perRequest is the CPU of a process for one request, in microseconds.
func perRequest(used spent, requests int64) float64 {
	return float64(used.cpu.Microseconds()) / float64(max(requests, 1))
}
