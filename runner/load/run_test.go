package load

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tritonsweep/results"
)

// All of these run in virtual time: minutes of load take milliseconds, and every
// figure is the same on every machine.

func TestFixedServiceTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		r := mustRun(t, fixed(20*time.Millisecond), quickSpec(4))
		if r.Verdict != results.OK {
			t.Fatalf("verdict %s: %v", r.Verdict, r.Reasons)
		}
		if math.Abs(r.Throughput.Value-200) > 2 || !r.Throughput.Contains(200) && r.Throughput.Relative() > 0.02 {
			t.Errorf("throughput %+v, want 200 a second", r.Throughput)
		}
		if math.Abs(r.Latency.Value-20) > 0.01 {
			t.Errorf("latency %+v, want 20 ms", r.Latency)
		}
		if r.Send != 2*time.Millisecond || r.Wait != 18*time.Millisecond {
			t.Errorf("send %v wait %v, want 2 ms and 18 ms", r.Send, r.Wait)
		}
		p95, ok := r.Quantile(0.95)
		if !ok || !p95.Contains(20) {
			t.Errorf("p95 %+v, want 20 ms", p95)
		}
		// Narrow at the first two looks from MinDuration on: no reason to go on.
		if r.Duration > 3*time.Second || time.Since(begin) > 6*time.Second {
			t.Errorf("measured %v, whole run %v: stopping came late", r.Duration, time.Since(begin))
		}
		if r.Warmup < time.Second {
			t.Errorf("warm-up %v, the least is 1 s", r.Warmup)
		}
	})
}

func TestRequestsOfOneBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 1))
		server := &batching{most: 8, service: func(n int) time.Duration {
			return time.Duration((5 + float64(n) + random.ExpFloat64()) * float64(time.Millisecond))
		}}
		f := &fake{body: answerTo(testModel(), 1), serve: server.serve}
		r := mustRun(t, f, quickSpec(16))
		// Full batches of 8 take 14 ms on average: 571 a second.
		if r.Verdict != results.OK || math.Abs(r.Throughput.Value-571) > 20 {
			t.Errorf("verdict %s %v, throughput %+v", r.Verdict, r.Reasons, r.Throughput)
		}
		if p95, _ := r.Quantile(0.95); p95.Missing > 0 || p95.Deff < 2 {
			t.Errorf("p95 %+v: requests of one batch are not independent", p95)
		}
	})
}

func TestSameSeedSameResult(t *testing.T) {
	measure := func() (n int64, p float64) {
		synctest.Test(t, func(t *testing.T) {
			f := fixed(0)
			f.serve = func(_ context.Context, _ int64, caller int) (time.Duration, error) {
				return time.Duration(10+caller) * time.Millisecond, nil
			}
			r := mustRun(t, f, quickSpec(5))
			n, p = r.Requests, r.Latency.Value
		})
		return n, p
	}
	n1, p1 := measure()
	n2, p2 := measure()
	if n1 != n2 || p1 != p2 {
		t.Errorf("equal seeds: %d requests of %g ms, then %d of %g ms", n1, p1, n2, p2)
	}
}

// TestBoundary: the calls come at the ends of the window, under load, and what
// the server counted between them is what the client counted, but for what was
// in flight.
func TestBoundary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fixed(7 * time.Millisecond)
		spec := quickSpec(16)
		var phases []Phase
		counted := map[Phase]int64{}
		gathered := 0
		spec.Gather = func(_ context.Context, at Phase) error {
			if gathered++; len(phases) != gathered-1 {
				t.Errorf("waited for others after the boundary at the %s", at)
			}
			time.Sleep(2 * time.Second) // what is answered meanwhile is in nobody's count
			return nil
		}
		spec.Boundary = func(_ context.Context, at Phase) error {
			time.Sleep(3 * time.Millisecond) // asking takes a while
			counted[at] = f.good.Load()
			phases = append(phases, at)
			return nil
		}
		r := mustRun(t, f, spec)
		if len(phases) != 2 || phases[0] != WindowStart || phases[1] != WindowEnd {
			t.Fatalf("called at %v", phases)
		}
		server := counted[WindowEnd] - counted[WindowStart]
		if c := r.CountCheck(server); !c.Passed || r.Tolerance > 64 {
			t.Errorf("server %d: %+v", server, c)
		}
		if c := r.CountCheck(server + r.Requests/10); c.Passed {
			t.Errorf("a tenth more at the server must fail: %+v", c)
		}
		if c := r.CountCheck(server - r.Requests/10); c.Passed {
			t.Errorf("a tenth less at the server must fail: %+v", c)
		}
	})
}

// TestSlowWarmup: the service time falls for ten seconds; the window must not
// hold them.
func TestSlowWarmup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		f := fixed(0)
		f.serve = func(context.Context, int64, int) (time.Duration, error) {
			cold := max(0, 10-time.Since(begin).Seconds()) / 10
			return time.Duration((10 + 30*cold) * float64(time.Millisecond)), nil
		}
		spec := quickSpec(4)
		spec.MaxDuration = 60 * time.Second
		r := mustRun(t, f, spec)
		if r.Verdict != results.OK || math.Abs(r.Latency.Value-10) > 0.2 {
			t.Errorf("verdict %s %v, latency %+v after a warm-up of %v", r.Verdict, r.Reasons, r.Latency, r.Warmup)
		}
	})
}

// TestDriftEndsUnsteady: a server that slows down for ever has no steady state.
func TestDriftEndsUnsteady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		f := fixed(0)
		f.serve = func(context.Context, int64, int) (time.Duration, error) {
			return time.Duration((10 + time.Since(begin).Seconds()) * float64(time.Millisecond)), nil
		}
		r := mustRun(t, f, quickSpec(4))
		if r.Verdict != results.Unsteady || !strings.Contains(strings.Join(r.Reasons, " "), "no steady state") {
			t.Errorf("verdict %s %v", r.Verdict, r.Reasons)
		}
	})
}

// TestNoisy: the time is up before the interval is narrow; the number stays.
func TestNoisy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(3, 3))
		f := fixed(0)
		f.serve = func(context.Context, int64, int) (time.Duration, error) {
			return time.Duration(random.ExpFloat64() * float64(200*time.Millisecond)), nil
		}
		spec := quickSpec(1)
		spec.MaxDuration = 20 * time.Second
		r := mustRun(t, f, spec)
		if r.Verdict != results.Noisy || len(r.Reasons) == 0 {
			t.Fatalf("verdict %s %v", r.Verdict, r.Reasons)
		}
		if p99, _ := r.Quantile(0.99); p99.Missing == 0 {
			t.Errorf("p99 of %d requests: %+v", r.Requests, p99)
		}
		if r.Throughput == nil || r.Throughput.Relative() < 0.05 {
			t.Errorf("throughput %+v", r.Throughput)
		}
	})
}

// TestGap: a twentieth of the requests takes ten times as long, so p95 lies
// between the two kinds. The run says so and does not use up its time.
func TestGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		random := rand.New(rand.NewPCG(4, 4))
		f := fixed(0)
		f.serve = func(context.Context, int64, int) (time.Duration, error) {
			mu.Lock()
			defer mu.Unlock()
			d := 10 + random.Float64()
			if random.Float64() < 0.05 {
				d *= 10
			}
			return time.Duration(d * float64(time.Millisecond)), nil
		}
		spec := quickSpec(16)
		spec.MaxDuration = 10 * time.Minute
		r := mustRun(t, f, spec)
		if r.Gap == nil || r.Gap.Low > 12 || r.Gap.High < 99 || r.Verdict != results.Noisy {
			t.Errorf("gap %+v, verdict %s %v", r.Gap, r.Verdict, r.Reasons)
		}
		if r.Duration > time.Minute {
			t.Errorf("measured for %v what cannot become precise", r.Duration)
		}
	})
}

func TestFixedWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := quickSpec(4)
		spec.MinDuration, spec.MaxDuration = 7*time.Second, 7*time.Second
		r := mustRun(t, fixed(10*time.Millisecond), spec)
		if r.Duration != 7*time.Second {
			t.Errorf("measured %v, want exactly 7 s", r.Duration)
		}
	})
}

// TestLongWindowKeepsMemory: an hour of load leaves 20 to 40 batches.
func TestLongWindowKeepsMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := quickSpec(1)
		spec.MinDuration, spec.MaxDuration = time.Hour, time.Hour
		spec.Quantile = 0.5
		r := mustRun(t, fixed(400*time.Millisecond), spec)
		if n := len(r.Bins.Counts); n > mostBins {
			t.Errorf("%d bins", n)
		}
		if q, _ := r.Quantile(0.5); q.Batches < 10 || q.Batches > 40 {
			t.Errorf("%d batches", q.Batches)
		}
		var sum float64
		for _, n := range r.Bins.Counts {
			sum += n
		}
		if math.Abs(sum-float64(r.Requests)) > 10 || math.Abs(float64(r.Requests)-9000) > 100 {
			t.Errorf("%g completions in the bins, %d requests, want about 9000", sum, r.Requests)
		}
	})
}

// TestCallersShift: callers that all came in step are out of step later.
func TestCallersShift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fixed(10 * time.Millisecond)
		spec := quickSpec(8)
		spec.MinDuration, spec.MaxDuration = 20*time.Second, 20*time.Second
		r := mustRun(t, f, spec)
		// 8 callers of 10 ms in 20 s are 16,000 requests; pauses of 5 ms each
		// second cost half a per cent.
		if r.Requests > 15_990 || r.Requests < 15_800 {
			t.Errorf("%d requests, want a little less than 16000", r.Requests)
		}
		if r.Verdict != results.OK {
			t.Errorf("verdict %s %v", r.Verdict, r.Reasons)
		}
	})
}
