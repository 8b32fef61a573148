// Package histogram keeps latencies in a fixed amount of memory, so that a
// point that runs for an hour costs as much as one that runs for a second.
//
// A Histogram counts durations in buckets whose width grows with the value:
// every power of two of nanoseconds is cut into 512 equal buckets, so that the
// middle of a bucket is never further than 1/1024 (0.098 %) from any value in
// it. It spans 1.024 µs to 5 min: 14,384 buckets, 112 KiB. What is shorter
// shares the first bucket, what is longer is counted as overflow; both are
// still in Count, and the exact minimum, maximum and sum are kept beside the
// buckets, so Mean carries no rounding at all.
//
// The layout is the log-linear one that HdrHistogram made known (Gil Tene,
// "HdrHistogram: A High Dynamic Range Histogram", 2012). Histograms with the
// same layout add up exactly: Merge loses nothing.
package histogram

import (
	"math"
	"math/bits"
	"time"
)

// The layout. Changing any of these changes the encoded form: raise version too.
const (
	subBits    = 9                      // 512 buckets to a power of two
	subBuckets = 1 << subBits           //
	minBits    = 10                     // the first power of two told apart: 1,024 ns
	floor      = int64(1) << minBits    // shorter values share bucket 0
	ceiling    = int64(5 * time.Minute) // longer values are overflow
	buckets    = 14384                  // index(ceiling) + 1; a test holds the two together
)

// Error bounds the relative distance between a recorded value inside the range
// and the value that Quantile answers for it.
const Error = 1.0 / 1024

// Lowest and Highest are the ends of the range in which Error holds.
const (
	Lowest  = time.Duration(floor)
	Highest = time.Duration(ceiling)
)

// Histogram counts durations. The zero value is empty and ready to use. It is
// large and meant to be used by pointer; it is not safe for concurrent use.
type Histogram struct {
	counts   [buckets]uint64
	count    uint64 // all values, overflow included
	overflow uint64 // values above Highest
	sum      uint64 // nanoseconds, saturating
	min, max int64  // nanoseconds, exact; meaningless while count is 0
}

// New returns an empty histogram.
func New() *Histogram { return new(Histogram) }

// Record counts one duration. A negative one (a clock that went backwards)
// counts as zero, so that it is seen in Min and not lost.
func (h *Histogram) Record(d time.Duration) {
	v := max(int64(d), 0)
	if h.count == 0 || v < h.min {
		h.min = v
	}
	if h.count == 0 || v > h.max {
		h.max = v
	}
	h.count++
	h.addSum(uint64(v))
	if v > ceiling {
		h.overflow++
		return
	}
	h.counts[index(v)]++
}

// addSum saturates: an hour-long overflow recorded for years must not make the
// mean small.
func (h *Histogram) addSum(v uint64) {
	sum, carry := bits.Add64(h.sum, v, 0)
	if carry != 0 {
		sum = math.MaxUint64
	}
	h.sum = sum
}

// Merge adds all of other to h. Other stays as it is.
func (h *Histogram) Merge(other *Histogram) {
	if other.count == 0 {
		return
	}
	if h.count == 0 || other.min < h.min {
		h.min = other.min
	}
	if h.count == 0 || other.max > h.max {
		h.max = other.max
	}
	h.count += other.count
	h.overflow += other.overflow
	h.addSum(other.sum)
	// Nothing lies outside the buckets of the smallest and the largest value.
	for i := other.first(); i <= index(min(other.max, ceiling)); i++ {
		h.counts[i] += other.counts[i]
	}
}

// Reset empties h without giving up its memory.
func (h *Histogram) Reset() { *h = Histogram{} }

// Count returns how many values were recorded, overflow included.
func (h *Histogram) Count() int64 { return int64(h.count) }

// Overflow returns how many values were above Highest.
func (h *Histogram) Overflow() int64 { return int64(h.overflow) }

// Sum returns the sum of the recorded values in nanoseconds. It is a float64
// because the latencies of many callers add up faster than the clock runs.
func (h *Histogram) Sum() float64 { return float64(h.sum) }

// Mean returns the exact mean, or 0 when nothing was recorded.
func (h *Histogram) Mean() time.Duration {
	if h.count == 0 {
		return 0
	}
	return time.Duration(h.sum / h.count)
}

// Min returns the exact smallest value, or 0 when nothing was recorded.
func (h *Histogram) Min() time.Duration { return time.Duration(h.min) }

// Max returns the exact largest value, overflow included, or 0 when nothing was recorded.
func (h *Histogram) Max() time.Duration { return time.Duration(h.max) }

// index returns the bucket of v, which must be in [0, ceiling].
func index(v int64) int {
	if v < floor {
		return 0
	}
	exponent := bits.Len64(uint64(v)) - 1 // v is in [2^exponent, 2^(exponent+1))
	within := int(v>>(exponent-subBits)) - subBuckets
	return 1 + (exponent-minBits)<<subBits + within
}

// bounds returns the smallest and the largest value of bucket i.
func bounds(i int) (low, high int64) {
	if i == 0 {
		return 0, floor - 1
	}
	exponent := minBits + (i-1)>>subBits
	within := int64((i-1)&(subBuckets-1)) + subBuckets
	low = within << (exponent - subBits)
	high = low + int64(1)<<(exponent-subBits) - 1
	return low, min(high, ceiling)
}
