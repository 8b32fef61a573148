package batcher

import (
	"math/bits"
	"time"
)

// histogram counts times in buckets of equal ratio: 128 in each doubling, so
// that a quantile read from it is within 0.4 %. Its size is fixed.
type histogram struct {
	counts [histogramBuckets]uint32
	total  int
	sum    float64
	max    Time
}

const (
	subBits          = 7
	unitShift        = 6 // 64 ns: below, all times are alike
	histogramBuckets = (40 - subBits) << subBits
)

func bucketOf(t Time) int {
	units := uint64(max(0, t)) >> unitShift
	if units < 1<<subBits {
		return int(units)
	}
	shift := bits.Len64(units) - subBits - 1
	return min(shift<<subBits+int(units>>shift), histogramBuckets-1)
}

// bucketStart returns the smallest time of a bucket.
func bucketStart(i int) float64 {
	if i < 1<<subBits {
		return float64(i << unitShift)
	}
	shift := i>>subBits - 1
	return float64(uint64(i-shift<<subBits) << shift << unitShift)
}

func (h *histogram) add(t Time) {
	h.counts[bucketOf(t)]++
	h.total++
	h.sum += float64(t)
	h.max = max(h.max, t)
}

func (h *histogram) mean() time.Duration {
	if h.total == 0 {
		return 0
	}
	return time.Duration(h.sum / float64(h.total))
}

// quantile returns the time that a share p of all times do not exceed, read
// linearly inside its bucket.
func (h *histogram) quantile(p float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := p * float64(h.total)
	below := 0.0
	for i, count := range h.counts {
		c := float64(count)
		if c > 0 && below+c >= rank {
			from, to := bucketStart(i), bucketStart(i+1)
			return min(time.Duration(from+(to-from)*(rank-below)/c), time.Duration(h.max))
		}
		below += c
	}
	return time.Duration(h.max)
}
