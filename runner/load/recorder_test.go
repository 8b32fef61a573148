package load

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"tritonsweep/results/stats"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"
)

// TestRecorderLosesNothing: whatever the course of completions and looks, every
// answer of the window is in exactly one batch, and there are never more batches
// than between looks of that growth.
func TestRecorderLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Unix(1000, 0)
		r := newRecorder(start, 50*time.Millisecond, false)
		now := start.Add(time.Second)
		r.success(timing{due: start, start: start, end: now}, Answer{})
		r.begin(now)
		opened, recorded := now, int64(0)
		look := now.Add(firstLook)
		for range rapid.IntRange(1, 400).Draw(t, "completions") {
			now = now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond)
			for !now.Before(look) {
				v := r.look(look)
				if len(v.batches) > mostBatches {
					t.Fatalf("%d batches at %v", len(v.batches), look.Sub(opened))
				}
				look = opened.Add(time.Duration(growth * float64(look.Sub(opened))))
			}
			began := now.Add(-10 * time.Millisecond)
			r.success(timing{due: began, start: began, end: now}, Answer{Sent: now})
			recorded++
		}
		w := r.end(now)
		var inBins float64
		for _, n := range w.bins.counts {
			inBins += n
		}
		if got := stats.Sum(w.done).Count(); got != recorded || int64(inBins) != recorded {
			t.Fatalf("%d recorded, %d in batches, %g in bins", recorded, got, inBins)
		}
		if got := stats.Sum(w.batches(now)).Count(); got != recorded {
			t.Fatalf("%d recorded, %d in the final batches", recorded, got)
		}
		if successes, _ := r.counts(); successes != recorded+1 {
			t.Fatalf("%d successes in all", successes)
		}
	})
}

// TestRecorderMakesNothing: the histograms made at the beginning are enough for a
// window however long, and for one that begins anew.
func TestRecorderMakesNothing(t *testing.T) {
	now := time.Unix(1000, 0)
	r := newRecorder(now, 50*time.Millisecond, false)
	made := len(r.spare)
	for range 2 {
		opened := now
		r.begin(now)
		for next := firstLook; next < time.Hour; next = time.Duration(growth * float64(next)) {
			now = opened.Add(next)
			r.success(timing{due: opened, start: opened, end: now}, Answer{Sent: opened})
			r.look(now)
			if have := len(r.spare) + len(r.window.done) + 1; have != made {
				t.Fatalf("%d histograms after %v, %d were made", have, next, made)
			}
		}
	}
	for _, h := range r.spare {
		if h.Count() != 0 {
			t.Fatalf("a spare histogram holds %d latencies", h.Count())
		}
	}
}

func TestRecorderFailures(t *testing.T) {
	start := time.Unix(1000, 0)
	r := newRecorder(start, time.Second, false)
	r.failure(timing{start: start, end: start}, status.Error(codes.Unavailable, "first"))
	r.begin(start)
	r.failure(timing{start: start, end: start.Add(time.Second)}, errors.New("without a status"))
	r.failure(timing{start: start, end: start.Add(time.Second)}, context.DeadlineExceeded)
	r.paused(3 * time.Second)
	w := r.end(start.Add(time.Second))
	if r.reason() != "Unavailable: first" || w.errors["Unavailable"] != 0 || w.errors["Unknown"] != 1 || w.errors["DeadlineExceeded"] != 1 || w.errorTime != 2*time.Second || w.pauses != 3*time.Second {
		t.Errorf("%q %+v", r.reason(), w)
	}
}

func TestSeries(t *testing.T) {
	start := time.Unix(1000, 0)
	s := newSeries(start, time.Millisecond)
	s.add(start.Add(-time.Second), time.Second) // before the origin: the first bin
	for i := range 10 * mostBins {
		s.add(start.Add(time.Duration(i)*time.Millisecond), 2*time.Millisecond)
	}
	c := s.complete(start.Add(10 * mostBins * time.Millisecond))
	if len(c.counts) > mostBins || c.width != 16*time.Millisecond || c.counts[0] != 17 || c.counts[1] != 16 {
		t.Errorf("%d bins of %v, %g in the first", len(c.counts), c.width, c.counts[0])
	}
	empty := newSeries(start, time.Millisecond)
	late := empty.complete(start.Add(time.Hour))
	if n := len(late.counts); n == 0 || n > mostBins || late.mean() != 0 {
		t.Errorf("an hour without answers: %d bins, mean %v", n, late.mean())
	}
	if means, dense := late.latencies(); dense || len(means) != len(late.counts) {
		t.Errorf("an hour without answers is dense")
	}
	gaps := series{counts: []float64{2, 0, 4, 1, 1, 1}, sums: []float64{20, 0, 80, 5, 5, 5}}
	if means, dense := gaps.latencies(); !dense || means[1] != 10 || means[2] != 20 {
		t.Errorf("means %v, dense %v: an empty bin repeats the one before", means, dense)
	}
}

func TestWaits(t *testing.T) {
	edges := []float64{math.Inf(-1), 1e-6, 1e-3, math.Inf(1)}
	for _, c := range []struct {
		before, after []uint64
		p99, mean     time.Duration
	}{
		{[]uint64{0, 0, 0}, []uint64{0, 0, 0}, 0, 0},
		{[]uint64{9, 9, 9}, []uint64{109, 9, 9}, time.Microsecond, 500 * time.Nanosecond},
		{[]uint64{0, 0, 0}, []uint64{50, 50, 0}, time.Millisecond, 250_500 * time.Nanosecond},
		{[]uint64{0, 0, 0}, []uint64{0, 0, 7}, time.Millisecond, time.Millisecond},
		{[]uint64{0}, []uint64{0, 0, 7}, 0, 0},
	} {
		if p99, mean := waits(c.before, c.after, edges); p99 != c.p99 || mean.Round(500*time.Nanosecond) != c.mean {
			t.Errorf("%v to %v: p99 %v mean %v, want %v and %v", c.before, c.after, p99, mean, c.p99, c.mean)
		}
	}
	u := processUsage()
	if u.cpu <= 0 || len(u.lags) == 0 || len(u.edges) != len(u.lags)+1 {
		t.Errorf("this process: %v CPU, %d lags, %d edges", u.cpu, len(u.lags), len(u.edges))
	}
}

func TestSizes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 4_915_200: "4.9 MB", 12_100_000_000: "12.1 GB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
	if limit := DefaultMemoryLimit(); limit < 1<<20 {
		t.Errorf("the default memory limit is %d bytes", limit)
	}
	e := &MemoryError{What: "model m", Callers: 64, Batch: 32, Request: 157_286_400, Answer: 32_256_000, Limit: 6_000_000_000}
	if want := "64 x (157.3 MB request + 32.3 MB answer) = 12.1 GB"; !strings.Contains(e.Error(), want) {
		t.Errorf("%v, want %q", e, want)
	}
	if resetPeak(); peakMemory() < 1<<20 {
		t.Errorf("the peak is %d bytes", peakMemory())
	}
}

// FuzzCheck: no answer, however wrong, does more than fail.
func FuzzCheck(f *testing.F) {
	m := testModel()
	r, err := NewRequest(m, Data{}, 2)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(answerTo(m, 2))
	f.Add(answerTo(m, 1))
	f.Fuzz(func(t *testing.T, answer []byte) {
		var wrong *AnswerError
		if err := r.check(answer); err != nil && !errors.As(err, &wrong) {
			t.Errorf("error %v", err)
		}
	})
}
