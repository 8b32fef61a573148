package batcher

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestAgenda(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a agenda
		n := rapid.IntRange(1, 12).Draw(t, "sources")
		a.reset(n)
		for range rapid.IntRange(0, 60).Draw(t, "changes") {
			if rapid.IntRange(0, 9).Draw(t, "grow") == 0 {
				a.add()
			}
			source := rapid.IntRange(0, len(a.at)-1).Draw(t, "source")
			at := Time(rapid.IntRange(0, 9).Draw(t, "at"))
			if at == 9 {
				at = Never
			}
			a.set(int32(source), at)
			first := slices.Min(a.at)
			got, when := a.next()
			if when != first || int(got) != slices.Index(a.at, first) {
				t.Fatalf("next is %d at %d of %v", got, when, a.at)
			}
		}
	})
}

func TestRing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r ring[int]
		var want []int
		for i := range rapid.IntRange(0, 80).Draw(t, "steps") {
			switch choice := rapid.IntRange(0, 5).Draw(t, "choice"); {
			case choice < 3:
				r.push(i)
				want = append(want, i)
			case choice < 5 && len(want) > 0:
				if got := r.pop(); got != want[0] {
					t.Fatalf("popped %d, want %d", got, want[0])
				}
				want = want[1:]
			case len(want) > 0:
				from := rapid.IntRange(0, len(want)).Draw(t, "from")
				count := rapid.IntRange(0, len(want)-from).Draw(t, "count")
				r.remove(from, count)
				want = slices.Delete(slices.Clone(want), from, from+count)
			}
			if r.len() != len(want) {
				t.Fatalf("length %d, want %d", r.len(), len(want))
			}
			for i := range want {
				if *r.at(i) != want[i] {
					t.Fatalf("at %d: got %d of %v", i, *r.at(i), want)
				}
			}
		}
	})
}

// TestHistogram: quantiles are within 0.8 % of the sorted sample's, or 64 ns.
func TestHistogram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.Int64Range(0, int64(time.Hour)), 1, 60).Draw(t, "times")
		shift := rapid.IntRange(0, 30).Draw(t, "shift")
		var h histogram
		sum := 0.0
		for i := range times {
			times[i] >>= shift
			h.add(Time(times[i]))
			sum += float64(times[i])
		}
		slices.Sort(times)
		for _, p := range []float64{0.01, 0.5, 0.9, 0.95, 0.99, 1} {
			want := times[max(0, int(math.Ceil(p*float64(len(times))))-1)]
			got := h.quantile(p)
			if d := math.Abs(float64(got) - float64(want)); d > 64 && d > 0.008*float64(want) {
				t.Fatalf("quantile %v of %v: got %d, want %d", p, times, got, want)
			}
		}
		if mean := sum / float64(len(times)); math.Abs(float64(h.mean())-mean) > 1 {
			t.Fatalf("mean: got %v, want %v", h.mean(), mean)
		}
	})
	var none histogram
	if none.quantile(0.5) != 0 || none.mean() != 0 {
		t.Error("an empty histogram has a quantile or a mean")
	}
}

// TestBuckets: every bucket begins where the one before ends.
func TestBuckets(t *testing.T) {
	for i := range histogramBuckets - 1 {
		start := Time(bucketStart(i))
		if got := bucketOf(start); got != i {
			t.Fatalf("bucket %d begins at %d, which lies in %d", i, start, got)
		}
		if got := bucketOf(Time(bucketStart(i+1)) - 1); got != i {
			t.Fatalf("bucket %d ends in %d", i, got)
		}
	}
}
