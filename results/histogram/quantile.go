package histogram

import (
	"iter"
	"math"
	"math/bits"
	"time"
)

// resolution is the finest step of a quantile: parts of 1e9.
const resolution = 1_000_000_000

// Rank returns the 1-based rank of the p-quantile among n sorted values: the
// smallest r with r/n >= p (the inverse of the empirical distribution, type 1
// of Hyndman & Fan, "Sample Quantiles in Statistical Packages", 1996).
//
// It works in integers on p rounded to nine decimals, because in floating point
// 0.999 of 200,000 is 199,800.00000000003 and its ceiling one too many. It
// returns 0 when n is not positive; p outside [0, 1] is moved to the nearer end.
func Rank(p float64, n int64) int64 {
	if n <= 0 {
		return 0
	}
	if !(p > 0) { // NaN too
		return 1
	}
	parts := uint64(math.Round(min(p, 1) * resolution))
	hi, lo := bits.Mul64(parts, uint64(n))
	rank, remainder := bits.Div64(hi, lo, resolution)
	if remainder > 0 {
		rank++
	}
	return int64(max(rank, 1))
}

// Quantile returns the p-quantile (p in [0, 1]) of the recorded values: that of
// rank Rank(p, Count()). Inside [Lowest, Highest] it is within Error of the
// exact one. It returns 0 when nothing was recorded.
func (h *Histogram) Quantile(p float64) time.Duration {
	return h.At(Rank(p, int64(h.count)))
}

// At returns the value of the given 1-based rank in ascending order, as the
// middle of its bucket, never outside [Min, Max]. A rank outside [1, Count] is
// moved to the nearer end; an empty histogram answers 0.
func (h *Histogram) At(rank int64) time.Duration {
	if h.count == 0 {
		return 0
	}
	if rank <= 1 {
		return h.Min()
	}
	if rank >= int64(h.count) {
		return h.Max()
	}
	var seen uint64
	for i := h.first(); i < buckets; i++ {
		if seen += h.counts[i]; seen >= uint64(rank) {
			return h.middle(i)
		}
	}
	// Only overflow is left, of which the maximum alone is known.
	return h.Max()
}

// Above returns how many values lie in buckets above that of d: values that
// share d's bucket do not count. Below is its mirror.
func (h *Histogram) Above(d time.Duration) int64 {
	if int64(d) > ceiling {
		return 0
	}
	n := h.overflow
	for _, c := range h.counts[index(max(int64(d), 0))+1:] {
		n += c
	}
	return int64(n)
}

// Below returns how many values lie in buckets below that of d.
func (h *Histogram) Below(d time.Duration) int64 {
	if int64(d) > ceiling {
		return int64(h.count - h.overflow)
	}
	var n uint64
	for i := h.first(); i < index(max(int64(d), 0)); i++ {
		n += h.counts[i]
	}
	return int64(n)
}

// first returns the bucket of the smallest value: those before it are empty.
func (h *Histogram) first() int { return index(min(h.min, ceiling)) }

// Bucket is one non-empty bucket: Count values in [Low, High].
type Bucket struct {
	Low, High time.Duration
	Count     int64
}

// Buckets yields the non-empty buckets in ascending order, without the overflow.
func (h *Histogram) Buckets() iter.Seq[Bucket] {
	return func(yield func(Bucket) bool) {
		for i, n := range &h.counts {
			if n == 0 {
				continue
			}
			low, high := bounds(i)
			if !yield(Bucket{time.Duration(low), time.Duration(high), int64(n)}) {
				return
			}
		}
	}
}

// middle returns the middle of bucket i, moved inside [min, max]: the ends are
// known exactly, and a quantile beyond the maximum would be absurd.
func (h *Histogram) middle(i int) time.Duration {
	low, high := bounds(i)
	return time.Duration(min(max(low+(high-low)/2, h.min), h.max))
}
