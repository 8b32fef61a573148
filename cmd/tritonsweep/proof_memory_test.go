package main

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tritonsweep/results/stats"
	"tritonsweep/runner/docker/dockertest"
)

// What proof-memory asks for. In flight are callers x (request + answer); our
// client shares one encoded request among all callers and drops answers, so that
// it stays far below, but this is what it may use at most.
const (
	requestBytes = 4_915_200 // 3 x 640 x 640 FP32
	answerBytes  = 1_008_000 // nine outputs
	mostAbove    = 64 << 20
)

// resident samples the resident set of a process until stop is closed, twice a
// second.
func resident(pid int, stop <-chan struct{}) (seconds, bytes []float64) {
	begin, ticker := time.Now(), time.NewTicker(500*time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return seconds, bytes
		case <-ticker.C:
		}
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return seconds, bytes
		}
		for line := range strings.Lines(string(data)) {
			if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
				kib, _ := strconv.ParseFloat(f[1], 64)
				seconds, bytes = append(seconds, time.Since(begin).Seconds()), append(bytes, kib*1024)
			}
		}
	}
}

// slope fits a line to the samples by batch means, whose neighbours hardly depend
// on each other, and returns the growth in bytes a second with the half-width of its
// interval. The three intervals of a proof hold at 95 % together (Dunn, "Multiple
// comparisons among means", 1961).
func slope(seconds, bytes []float64) (growth, half float64) {
	const batches = 12
	x, y := stats.BatchAverages(seconds, batches), stats.BatchAverages(bytes, batches)
	n := float64(len(x))
	var mx, my, xx, xy, residual float64
	for i := range x {
		mx, my = mx+x[i]/n, my+y[i]/n
	}
	for i := range x {
		xx, xy = xx+(x[i]-mx)*(x[i]-mx), xy+(x[i]-mx)*(y[i]-my)
	}
	if n < 4 || xx == 0 {
		return 0, math.Inf(1)
	}
	growth = xy / xx
	for i := range x {
		d := y[i] - my - growth*(x[i]-mx)
		residual += d * d
	}
	const t10 = 2.870 // 99.17 % of Student's t, 10 degrees of freedom
	return growth, t10 * math.Sqrt(residual/(n-2)/xx)
}

// negligibleGrowth is what a slope may be beside its error: a process that grew by
// this would need a day for 90 MB.
const negligibleGrowth = 1024.0 // bytes a second

// TestProofMemory offers the nine outputs and 4.9 MB inputs of the face detector to
// the real Triton from 1, 16 and 64 callers, and demands that resident memory does
// not grow with time, and stays at most 64 MB above the bytes in flight; beside it
// perf_analyzer, shorter. TRITONSWEEP_PROOF_MEMORY is the duration.
func TestProofMemory(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("TRITONSWEEP_PROOF_MEMORY"))
	if err != nil {
		t.Skip("a proof: make proof-memory")
	}
	// A container of its own: one that served others for long has little memory left,
	// and the load would be stopped before it harms them.
	server := dockertest.Start(t, "none", "scrfd_10g_bnkps")
	binary := build(t)
	analyzer, err := exec.LookPath(cmp.Or(os.Getenv("PERF_ANALYZER"), "perf_analyzer"))
	if err != nil {
		fmt.Println("perf_analyzer was not found: only our own figures follow (examples/triton-cpu/perf-analyzer.sh installs it)")
	}
	fmt.Printf("%-14s %8s %8s %12s %12s %22s\n", "client", "callers", "seconds", "in flight", "peak", "slope")
	for _, callers := range []int{1, 16, 64} {
		name := strconv.Itoa(callers)
		flight := float64(callers) * (requestBytes + answerBytes)
		peak, growth, half := watch(t, length, binary, "bench", "--model", "scrfd_10g_bnkps", "--container", server.Name, "--concurrency", name,
			"--duration", length.String(), "--warmup", "2s", "--precision", "0.0001", "--db", filepath.Join(t.TempDir(), "run.db"))
		fmt.Printf("%-14s %8d %8.0f %9.1f MB %9.1f MB %+8.1f ± %.1f kB/s\n", "tritonsweep", callers, length.Seconds(), flight/1e6, peak/1e6, growth/1e3, half/1e3)
		if peak > flight+mostAbove {
			t.Errorf("%d callers: peak resident %.1f MB, at most %.1f MB is allowed", callers, peak/1e6, (flight+mostAbove)/1e6)
		}
		if math.IsInf(half, 1) {
			t.Errorf("%d callers: the run ended too early to tell a slope", callers)
		}
		// Memory that falls was needed for the start and is given back.
		if growth-half > negligibleGrowth {
			t.Errorf("%d callers: resident memory grows by %.1f kB/s (± %.1f)", callers, growth/1e3, half/1e3)
		}
		if analyzer == "" {
			continue
		}
		peak, growth, half = watch(t, 9*time.Second, analyzer, "-m", "scrfd_10g_bnkps", "-i", "grpc", "-u", server.GRPC(),
			"--concurrency-range", name, "-p", "3000", "-s", "999", "-r", "3")
		fmt.Printf("%-14s %8d %8d %9.1f MB %9.1f MB %+8.1f ± %.1f kB/s\n", "perf_analyzer", callers, 9, flight/1e6, peak/1e6, growth/1e3, half/1e3)
	}
}

// watch runs a program and returns its peak resident set, and how it grew in the last
// three quarters of a length: before, it starts, warms up, fills what it keeps, and
// perhaps measures what it then measures again.
func watch(t *testing.T, length time.Duration, program string, arguments ...string) (peak, growth, half float64) {
	t.Helper()
	cmd := exec.Command(program, arguments...)
	output, err := os.CreateTemp(t.TempDir(), "output")
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	var seconds, bytes []float64
	go func() { seconds, bytes = resident(cmd.Process.Pid, stop); close(done) }()
	err = cmd.Wait()
	close(stop)
	<-done
	if exit := cmd.ProcessState.ExitCode(); exit != exitOK && exit != exitSome {
		text, _ := os.ReadFile(output.Name())
		t.Fatalf("%s %v: %v\n%s", program, arguments, err, text)
	}
	for _, b := range bytes {
		peak = max(peak, b)
	}
	// The last second closes the window, makes the report and ends.
	to := max(len(seconds)-2, 0)
	from := to
	for from > 0 && seconds[from-1] > seconds[to-1]-0.75*length.Seconds() {
		from--
	}
	growth, half = slope(seconds[from:to], bytes[from:to])
	return peak, growth, half
}
