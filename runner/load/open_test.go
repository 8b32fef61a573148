package load

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tritonsweep/results"
	"tritonsweep/sweep"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"
)

// openSpec offers testModel requests at a rate.
func openSpec(rate float64, arrivals sweep.Arrivals) Spec {
	s := quickSpec(0)
	s.Load = sweep.Load{Rate: rate, Arrivals: arrivals, BatchSize: 1}
	return s
}

// TestOpenLoopKeepsItsRate: a server with room for all answers what arrives, as
// fast as one request alone.
func TestOpenLoopKeepsItsRate(t *testing.T) {
	for _, arrivals := range []sweep.Arrivals{sweep.Poisson, sweep.Constant, ""} {
		synctest.Test(t, func(t *testing.T) {
			spec := openSpec(200, arrivals)
			spec.MinDuration, spec.MaxDuration = 20*time.Second, 20*time.Second
			r := mustRun(t, fixed(20*time.Millisecond), spec)
			if r.Verdict != results.OK {
				t.Fatalf("%s: verdict %s %v", arrivals, r.Verdict, r.Reasons)
			}
			if sd := math.Sqrt(4000.0); math.Abs(float64(r.Requests)-4000) > 4*sd {
				t.Errorf("%s: %d requests in 20 s, want about 4000", arrivals, r.Requests)
			}
			if math.Abs(r.Latency.Value-20) > 0.01 || r.Wait != 18*time.Millisecond {
				t.Errorf("%s: latency %+v wait %s, want 20 and 18 ms", arrivals, r.Latency, r.Wait)
			}
			if f := r.Flow; f.Held != 0 || f.Overloaded || f.Lag > time.Millisecond || math.Abs(f.Underway-4) > 0.3 {
				t.Errorf("%s: %+v, want 4 under way", arrivals, *f)
			}
			if c := r.Client(); c.Arrivals == nil || c.Arrivals.Requests != r.Flow.Arrived {
				t.Errorf("%s: the record holds %+v", arrivals, c.Arrivals)
			}
		})
	}
}

// TestOpenLoopSeesStalls: a server that stands still for the first second of every
// ten makes a tenth of the requests wait, the longest for a second. A hundredth
// waits for more than 900 ms. A closed loop of one caller would see one slow
// request in thousands.
func TestOpenLoopSeesStalls(t *testing.T) {
	stalling := func() *fake {
		begin := time.Now()
		f := fixed(0)
		f.serve = func(context.Context, int64, int) (time.Duration, error) {
			at := time.Since(begin) % (10 * time.Second)
			return max(0, time.Second-at) + time.Millisecond, nil
		}
		return f
	}
	synctest.Test(t, func(t *testing.T) {
		spec := openSpec(500, sweep.Constant)
		spec.MinDuration, spec.MaxDuration, spec.Warmup = 300*time.Second, 300*time.Second, 10*time.Second
		r := mustRun(t, stalling(), spec)
		p99, _ := r.Quantile(0.99)
		// A window of 300 s that begins anywhere holds 30 stalls or 31, and so
		// the slowest percent begins at 901 or at 904 ms.
		if p99.Value < 898 || p99.Value > 907 {
			t.Errorf("p99 %+v, want 901 to 904 ms; %s %v", p99, r.Verdict, r.Reasons)
		}
		if c := r.checks[0]; c.Name != "little" || !c.Passed {
			t.Errorf("%+v", c)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		spec := quickSpec(1)
		spec.MinDuration, spec.MaxDuration, spec.Warmup = 300*time.Second, 300*time.Second, 10*time.Second
		r := mustRun(t, stalling(), spec)
		if p99, _ := r.Quantile(0.99); p99.Value > 2 {
			t.Errorf("the closed loop's p99 is %+v", p99)
		}
	})
}

// TestOpenLoopSingleServer: Poisson arrivals at a server that takes one at a time
// wait as the formula for M/M/1 says (Erlang 1917): 1/(mu - lambda).
func TestOpenLoopSingleServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(3, 3))
		server := &batching{most: 1, service: func(int) time.Duration {
			return time.Duration(random.ExpFloat64() * float64(10*time.Millisecond))
		}}
		spec := openSpec(60, sweep.Poisson)
		spec.MinDuration, spec.MaxDuration, spec.Precision = 20*time.Minute, 20*time.Minute, 0.2
		r := mustRun(t, &fake{body: answerTo(testModel(), 1), serve: server.serve}, spec)
		if want := 1000.0 / (100 - 60); math.Abs(r.Latency.Value-want) > 0.08*want || r.Verdict != results.OK {
			t.Errorf("latency %+v, want %g ms; %s %v", r.Latency, want, r.Verdict, r.Reasons)
		}
		// The quantiles of an exponential: -ln(1-p) of the mean.
		if p99, _ := r.Quantile(0.99); math.Abs(p99.Value-25*math.Log(100)) > 0.15*25*math.Log(100) {
			t.Errorf("p99 %+v, want %g", p99, 25*math.Log(100))
		}
	})
}

// TestOverload: twice what the server can do ends early, as unsteady, with the
// reason, and latencies that count the wait for a place.
func TestOverload(t *testing.T) {
	for _, outstanding := range []int{0, 16} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			server := &batching{most: 1, service: func(int) time.Duration { return 10 * time.Millisecond }}
			spec := openSpec(200, sweep.Poisson)
			spec.Outstanding, spec.MaxDuration = outstanding, time.Minute
			r := mustRun(t, &fake{body: answerTo(testModel(), 1), serve: server.serve}, spec)
			if r.Verdict != results.Unsteady || !r.Flow.Overloaded || !strings.Contains(strings.Join(r.Reasons, "; "), "overloaded") {
				t.Errorf("%d: verdict %s %v %+v", outstanding, r.Verdict, r.Reasons, r.Flow)
			}
			if took := time.Since(begin); took > 40*time.Second {
				t.Errorf("%d: it took %s to see", outstanding, took)
			}
			if outstanding > 0 && (r.Flow.Held < r.Flow.Arrived/2 || r.Latency.Value < 500) {
				t.Errorf("held %d of %d, latency %+v", r.Flow.Held, r.Flow.Arrived, r.Latency)
			}
			if r.Flow.Outstanding != max(outstanding, 16) && outstanding > 0 {
				t.Errorf("at most %d", r.Flow.Outstanding)
			}
		})
	}
}

// TestHeldArrivals: with too few callers requests wait in the client, and nothing
// of that wait is lost.
func TestHeldArrivals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Bursts of four at a time; two callers of 10 ms each.
		spec := openSpec(40, sweep.Recorded)
		spec.Load.Trace, spec.Intervals = "burst", []time.Duration{time.Second, 0, 0, 0}
		spec.Outstanding, spec.Quantile = 2, -1
		r := mustRun(t, fixed(10*time.Millisecond), spec)
		if math.Abs(r.Latency.Value-15) > 0.1 { // 10, 10, 20, 20
			t.Errorf("latency %+v, want 15 ms", r.Latency)
		}
		if share := float64(r.Flow.Held) / float64(r.Flow.Arrived); math.Abs(share-0.5) > 0.02 {
			t.Errorf("%d of %d held, want half", r.Flow.Held, r.Flow.Arrived)
		}
		if r.Verdict != results.OK || r.Flow.Lag > time.Millisecond {
			t.Errorf("%s %v lag %s", r.Verdict, r.Reasons, r.Flow.Lag)
		}
	})
}

// TestOpenLoopErrors: failures are data, at the rate of the schedule.
func TestOpenLoopErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fixed(0)
		f.serve = func(_ context.Context, n int64, _ int) (time.Duration, error) {
			if n%10 == 5 {
				return time.Millisecond, status.Error(codes.Unavailable, "no")
			}
			return 5 * time.Millisecond, nil
		}
		r := mustRun(t, f, openSpec(100, sweep.Constant))
		if r.Verdict != results.Void || math.Abs(float64(r.Failures())*9-float64(r.Requests)) > 20 {
			t.Errorf("%s %v: %d failed, %d answered", r.Verdict, r.Reasons, r.Failures(), r.Requests)
		}
	})
}

// TestOpenLoopHangs: a server that stops answering ends the point, with all
// goroutines gone (synctest would see one that is left).
func TestOpenLoopHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		f := fixed(0)
		f.serve = func(ctx context.Context, _ int64, _ int) (time.Duration, error) {
			if time.Since(begin) > 4*time.Second {
				return time.Hour, nil
			}
			return 5 * time.Millisecond, nil
		}
		spec := openSpec(100, sweep.Poisson)
		spec.Outstanding, spec.Timeout = 50, 3*time.Second
		if r, err := Run(t.Context(), f, spec); err != nil || r.Verdict.Usable() {
			t.Errorf("%v %s %v", err, r.Verdict, r.Reasons)
		}
	})
}

func TestOpenLoopInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		reason := errors.New("enough")
		time.AfterFunc(3*time.Second, func() { cancel(reason) })
		if _, err := Run(ctx, fixed(time.Second), openSpec(0.1, sweep.Constant)); !errors.Is(err, reason) {
			t.Errorf("error %v", err)
		}
	})
}

// TestScheduleRate: whatever the process, n arrivals take n/rate on average, and
// none comes before the one before it.
func TestScheduleRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := sweep.Load{
			Rate:     rapid.Float64Range(0.5, 50_000).Draw(t, "rate"),
			Arrivals: rapid.SampledFrom([]sweep.Arrivals{sweep.Poisson, sweep.Constant, sweep.Recorded}).Draw(t, "arrivals"),
		}
		var intervals []time.Duration
		if l.Arrivals == sweep.Recorded {
			intervals = []time.Duration{time.Millisecond}
			for range rapid.IntRange(0, 9).Draw(t, "n") {
				intervals = append(intervals, time.Duration(rapid.IntRange(0, 1e9).Draw(t, "ns")))
			}
		}
		s := newSchedule(l, rapid.Uint64().Draw(t, "seed"), intervals)
		n := 5000 * max(len(intervals), 1)
		var last time.Duration
		for range n {
			next := s.next()
			if next < last {
				t.Fatalf("%s after %s", next, last)
			}
			last = next
		}
		want := float64(n) / l.Rate
		if off := math.Abs(last.Seconds()/want - 1); off > 5/math.Sqrt(float64(n)) || l.Arrivals != sweep.Poisson && off > 1e-3 {
			t.Fatalf("%d arrivals at %g/s took %s", n, l.Rate, last)
		}
	})
}

func TestReadIntervals(t *testing.T) {
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "i.txt")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	got, err := ReadIntervals(write("# a recording\n1000\n\n2.5ms\n0\n 500.5 \n"))
	if err != nil || len(got) != 4 || got[0] != time.Millisecond || got[1] != 2500*time.Microsecond || got[3] != 500500*time.Nanosecond {
		t.Errorf("%v %v", got, err)
	}
	if r := MeanRate(got); math.Abs(r-1000) > 1 {
		t.Errorf("mean rate %g, want about 1000", r)
	}
	for text, says := range map[string]string{
		"":          "no interval above 0",
		"0\n0":      "no interval above 0",
		"1\nx":      ":2:",
		"-1":        "not an interval",
		"NaN":       "not an interval",
		"1e300":     "not an interval",
		"2h":        "between 0 and 1h",
		"12 34\n":   "not an interval",
		"\x00\xff ": "not an interval",
	} {
		if _, err := ReadIntervals(write(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
}

// TestPacer: an instant is not met early, and a closed pacer still waits.
func TestPacer(t *testing.T) {
	p := newPacer()
	for range 5 {
		due := time.Now().Add(3 * time.Millisecond)
		p.until(t.Context(), due)
		if early := time.Until(due); early > usefulAlarm {
			t.Errorf("%s too early", early)
		}
	}
	p.close()
	due := time.Now().Add(3 * time.Millisecond)
	if p.until(t.Context(), due); time.Until(due) > usefulAlarm {
		t.Error("a closed pacer does not wait")
	}
}
