package histogram

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// durations draws values over the whole range and past both of its ends,
// spread evenly over the powers of two.
func durations() *rapid.Generator[time.Duration] {
	return rapid.Custom(func(t *rapid.T) time.Duration {
		bits := rapid.IntRange(1, 41).Draw(t, "bits")
		return time.Duration(rapid.Int64Range(0, 1<<bits).Draw(t, "value"))
	})
}

func filled(values ...time.Duration) *Histogram {
	h := New()
	for _, v := range values {
		h.Record(v)
	}
	return h
}

func TestLayout(t *testing.T) {
	if got := index(ceiling) + 1; got != buckets {
		t.Fatalf("index(ceiling)+1 = %d, but buckets = %d", got, buckets)
	}
	next := int64(0)
	for i := range buckets {
		low, high := bounds(i)
		if low != next {
			t.Fatalf("bucket %d begins at %d, the one before ended at %d", i, low, next-1)
		}
		if index(low) != i || index(high) != i {
			t.Fatalf("bucket %d is [%d, %d], but index answers %d and %d", i, low, high, index(low), index(high))
		}
		if half := float64(high-low) / 2; i > 0 && half > Error*float64(low) {
			t.Fatalf("bucket %d: half width %.1f is more than %g of %d", i, half, Error, low)
		}
		next = high + 1
	}
	if next != ceiling+1 {
		t.Fatalf("the last bucket ends at %d, want %d", next-1, ceiling)
	}
}

// TestQuantileAgainstSorted is the contract: every rank within Error of the
// exact sample, and the ends exact.
func TestQuantileAgainstSorted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(durations(), 1, 300).Draw(t, "values")
		h := filled(values...)
		slices.Sort(values)
		n := int64(len(values))
		if h.Count() != n || h.Min() != values[0] || h.Max() != values[n-1] {
			t.Fatalf("count %d min %v max %v, want %d %v %v", h.Count(), h.Min(), h.Max(), n, values[0], values[n-1])
		}
		var sum float64
		for i, want := range values {
			sum += float64(want)
			got := h.At(int64(i + 1))
			if want < Lowest || want > Highest {
				continue
			}
			if math.Abs(float64(got-want)) > Error*float64(want)+1 {
				t.Fatalf("rank %d of %d: %v, want %v", i+1, n, got, want)
			}
		}
		if h.Sum() != sum || h.Mean() != time.Duration(uint64(sum)/uint64(n)) {
			t.Fatalf("sum %v mean %v, want %v", h.Sum(), h.Mean(), sum)
		}
		p := rapid.Float64Range(0, 1).Draw(t, "p")
		if h.Quantile(p) != h.At(Rank(p, n)) {
			t.Fatalf("quantile(%g) is not that of its rank", p)
		}
	})
}

func TestAboveBelow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := filled(rapid.SliceOfN(durations(), 1, 200).Draw(t, "values")...)
		at := durations().Draw(t, "at")
		above, below := h.Above(at), h.Below(at)
		var same int64
		for b := range h.Buckets() {
			if b.Low <= at && at <= b.High {
				same += b.Count
			}
		}
		if at > Highest { // all overflow shares one bucket
			same = h.Overflow()
		}
		if above+below+same != h.Count() {
			t.Fatalf("at %v: %d below + %d same + %d above != %d", at, below, same, above, h.Count())
		}
	})
}

func TestMergeIsRecordingBoth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SliceOfN(durations(), 0, 100).Draw(t, "a")
		b := rapid.SliceOfN(durations(), 0, 100).Draw(t, "b")
		merged, second := filled(a...), filled(b...)
		before := *second
		merged.Merge(second)
		if *merged != *filled(append(a, b...)...) {
			t.Fatal("merging differs from recording both")
		}
		if *second != before {
			t.Fatal("merging changed its argument")
		}
	})
}

func TestEmptyNegativeOverflow(t *testing.T) {
	h := New()
	if h.Count() != 0 || h.Mean() != 0 || h.Quantile(0.5) != 0 || h.Max() != 0 || h.Min() != 0 {
		t.Fatal("an empty histogram must answer zeros")
	}
	h.Record(-time.Second)
	if h.Min() != 0 || h.Count() != 1 {
		t.Fatalf("a negative duration: min %v count %d, want 0 and 1", h.Min(), h.Count())
	}
	h.Record(Highest)
	if h.Overflow() != 0 {
		t.Fatal("the highest value of the range is not overflow")
	}
	h.Record(Highest + 1)
	h.Record(time.Hour)
	if h.Overflow() != 2 || h.Count() != 4 || h.Max() != time.Hour || h.Quantile(1) != time.Hour {
		t.Fatalf("overflow %d count %d max %v", h.Overflow(), h.Count(), h.Max())
	}
	if got := h.At(3); got != time.Hour {
		t.Fatalf("a rank in the overflow answers %v, want the maximum", got)
	}
	h.Reset()
	if *h != (Histogram{}) {
		t.Fatal("reset left something")
	}
}

func TestRank(t *testing.T) {
	for _, c := range []struct {
		p    float64
		n    int64
		want int64
	}{
		{0.999, 200_000, 199_800}, // in floats the ceiling is 199,801
		{0.95, 20, 19}, {0.95, 21, 20}, {0.5, 1, 1}, {0.5, 2, 1}, {0.5, 3, 2},
		{0, 7, 1}, {1, 7, 7}, {-1, 7, 1}, {2, 7, 7}, {math.NaN(), 7, 1},
		{0.99, 100, 99}, {0.99, 101, 100}, {0.07, 100, 7}, {0.29, 100, 29},
		{0.5, 0, 0}, {0.5, -1, 0}, {0.95, math.MaxInt64, 8762203435012037017},
	} {
		if got := Rank(c.p, c.n); got != c.want {
			t.Errorf("Rank(%g, %d) = %d, want %d", c.p, c.n, got, c.want)
		}
	}
}

func TestRecordDoesNotAllocate(t *testing.T) {
	h := New()
	v := time.Duration(0)
	if n := testing.AllocsPerRun(1000, func() { h.Record(v); v += 7 * time.Microsecond }); n != 0 {
		t.Fatalf("Record allocates %g times", n)
	}
}

func BenchmarkRecord(b *testing.B) {
	h := New()
	random := rand.New(rand.NewPCG(1, 2))
	values := make([]time.Duration, 4096)
	for i := range values {
		values[i] = time.Duration(math.Exp(random.NormFloat64()*0.5) * float64(10*time.Millisecond))
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		h.Record(values[i&4095])
		i++
	}
}

func BenchmarkQuantile(b *testing.B) {
	h := New()
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		h.Record(time.Duration(math.Exp(random.NormFloat64()*0.5) * float64(10*time.Millisecond)))
	}
	for b.Loop() {
		h.Quantile(0.99)
	}
}
