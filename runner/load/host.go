package load

import (
	"math"
	"runtime"
	"runtime/metrics"
	"syscall"
	"time"
)

// usage is what the client process has used up to an instant.
type usage struct {
	cpu time.Duration // user and system, all threads
	gc  time.Duration // of it, garbage collection, as of the last cycle
	// lags counts, by latency, how long goroutines that could run had to wait:
	// an answer that has arrived is seen that much later.
	lags  []uint64
	edges []float64 // seconds; one more than lags
}

// processUsage reads the usage of this process.
func processUsage() usage {
	var u usage
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err == nil {
		u.cpu = time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	samples := []metrics.Sample{
		{Name: "/cpu/classes/gc/total:cpu-seconds"},
		{Name: "/sched/latencies:seconds"},
	}
	metrics.Read(samples)
	if samples[0].Value.Kind() == metrics.KindFloat64 {
		u.gc = time.Duration(samples[0].Value.Float64() * float64(time.Second))
	}
	if samples[1].Value.Kind() == metrics.KindFloat64Histogram {
		h := samples[1].Value.Float64Histogram()
		u.lags, u.edges = append([]uint64(nil), h.Counts...), h.Buckets
	}
	return u
}

// effort is what the client spent on a window.
type effort struct {
	cpu, gc time.Duration
	// share and gcShare are fractions of what the processors that Go may use
	// could have given.
	share, gcShare float64
	// lag is the 99th percentile of the wait of a goroutine that could run,
	// meanLag its mean.
	lag, meanLag time.Duration
}

// since returns what was spent between two readings, elapsed apart.
func (u usage) since(before usage, elapsed time.Duration) effort {
	e := effort{cpu: u.cpu - before.cpu, gc: max(u.gc-before.gc, 0)}
	if capacity := elapsed * time.Duration(runtime.GOMAXPROCS(0)); capacity > 0 {
		e.share = float64(e.cpu) / float64(capacity)
		e.gcShare = float64(e.gc) / float64(capacity)
	}
	e.lag, e.meanLag = waits(before.lags, u.lags, u.edges)
	return e
}

// waits returns the 99th percentile (the upper edge of its bucket) and the mean
// (by the buckets' middles) of the difference of two cumulative histograms.
func waits(before, after []uint64, edges []float64) (p99, average time.Duration) {
	if len(before) != len(after) || len(edges) != len(after)+1 {
		return 0, 0
	}
	var total, seen uint64
	var sum float64
	for i := range after {
		n := after[i] - before[i]
		total += n
		low, high := finite(edges[i], edges[i+1])
		sum += float64(n) * (low + high) / 2
	}
	if total == 0 {
		return 0, 0
	}
	for i := range after {
		if seen += after[i] - before[i]; seen*100 >= total*99 {
			_, high := finite(edges[i], edges[i+1])
			return seconds(high), seconds(sum / float64(total))
		}
	}
	return 0, 0
}

// finite replaces an open end of a bucket by the other one.
func finite(low, high float64) (float64, float64) {
	if math.IsInf(low, -1) {
		low = min(0, high)
	}
	if math.IsInf(high, 1) {
		high = low
	}
	return low, high
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
