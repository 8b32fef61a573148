package histogram

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"
)

// version is the first byte of the encoded form.
const version = 1

// ErrCorrupt is what every refusal of UnmarshalBinary wraps.
var ErrCorrupt = errors.New("corrupt histogram")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// MarshalBinary encodes h: the version byte, then unsigned varints, then a
// CRC-32C (little endian) of everything before it.
//
//	overflow sum min max           min and max only when something was recorded
//	runs                           number of runs of adjacent non-empty buckets
//	{ gap length count... }        gap: empty buckets since the last run
//
// A second of steady latencies takes some hundred bytes. Equal histograms
// encode to equal bytes.
func (h *Histogram) MarshalBinary() ([]byte, error) {
	out := binary.AppendUvarint([]byte{version}, h.overflow)
	out = binary.AppendUvarint(out, h.sum)
	if h.count > 0 {
		out = binary.AppendUvarint(out, uint64(h.min))
		out = binary.AppendUvarint(out, uint64(h.max))
	} else {
		out = append(out, 0, 0)
	}
	runs := h.runs()
	out = binary.AppendUvarint(out, uint64(len(runs)))
	previous := 0
	for _, r := range runs {
		out = binary.AppendUvarint(out, uint64(r.start-previous))
		out = binary.AppendUvarint(out, uint64(r.end-r.start))
		for _, n := range h.counts[r.start:r.end] {
			out = binary.AppendUvarint(out, n)
		}
		previous = r.end
	}
	return binary.LittleEndian.AppendUint32(out, crc32.Checksum(out, castagnoli)), nil
}

// run is a stretch [start, end) of non-empty buckets.
type run struct{ start, end int }

func (h *Histogram) runs() []run {
	var runs []run
	for i, n := range &h.counts {
		switch {
		case n == 0:
		case len(runs) > 0 && runs[len(runs)-1].end == i:
			runs[len(runs)-1].end++
		default:
			runs = append(runs, run{i, i + 1})
		}
	}
	return runs
}

// UnmarshalBinary replaces h by the histogram that data encodes. It accepts
// exactly what MarshalBinary writes: any other input, also one whose numbers
// contradict each other, is refused with an error that wraps ErrCorrupt and h
// stays as it was.
func (h *Histogram) UnmarshalBinary(data []byte) error {
	if len(data) < 1+crc32.Size {
		return fmt.Errorf("%w: %d bytes are too few", ErrCorrupt, len(data))
	}
	if data[0] != version {
		return fmt.Errorf("%w: version %d, this program reads version %d", ErrCorrupt, data[0], version)
	}
	body, tail := data[:len(data)-crc32.Size], data[len(data)-crc32.Size:]
	if got, want := crc32.Checksum(body, castagnoli), binary.LittleEndian.Uint32(tail); got != want {
		return fmt.Errorf("%w: checksum %08x, want %08x", ErrCorrupt, got, want)
	}
	d := decoder{rest: body[1:]}
	var decoded Histogram
	d.header(&decoded)
	d.buckets(&decoded)
	if d.err == nil && len(d.rest) > 0 {
		d.fail("%d bytes too many", len(d.rest))
	}
	if d.err == nil {
		d.consistent(&decoded)
	}
	if d.err != nil {
		return d.err
	}
	*h = decoded
	return nil
}

// decoder reads varints until the first error, which it keeps.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...)
	}
}

// next reads one varint of at most limit. A padded varint is refused: each
// number has one encoding.
func (d *decoder) next(what string, limit uint64) uint64 {
	if d.err != nil {
		return 0
	}
	v, n := binary.Uvarint(d.rest)
	switch {
	case n <= 0:
		d.fail("%s is cut off or too long", what)
	case n > 1 && d.rest[n-1] == 0:
		d.fail("%s is padded", what)
	case v > limit:
		d.fail("%s is %d, at most %d is possible", what, v, limit)
	default:
		d.rest = d.rest[n:]
		return v
	}
	return 0
}

const maxInt64 = 1<<63 - 1

func (d *decoder) header(h *Histogram) {
	h.overflow = d.next("overflow", maxInt64)
	h.sum = d.next("sum", 1<<64-1)
	h.min = int64(d.next("minimum", maxInt64))
	h.max = int64(d.next("maximum", maxInt64))
	h.count = h.overflow
}

func (d *decoder) buckets(h *Histogram) {
	runs := d.next("number of runs", buckets)
	at := 0
	for r := uint64(0); r < runs && d.err == nil; r++ {
		gap := d.next("gap", uint64(buckets-at))
		if gap == 0 && r > 0 {
			d.fail("run %d touches the one before", r)
		}
		at += int(gap)
		length := d.next("length of a run", uint64(buckets-at))
		if length == 0 {
			d.fail("run %d is empty", r)
		}
		for range length {
			n := d.next("count", maxInt64)
			if n == 0 {
				d.fail("bucket %d of a run is empty", at)
			}
			if n > maxInt64-h.count {
				d.fail("the counts do not fit 63 bits")
			}
			if d.err != nil {
				return
			}
			h.counts[at] = n
			h.count += n
			at++
		}
	}
}

// consistent checks minimum, maximum and sum against the buckets.
func (d *decoder) consistent(h *Histogram) {
	if h.count == 0 {
		if h.sum != 0 || h.min != 0 || h.max != 0 {
			d.fail("empty, but with a sum, minimum or maximum")
		}
		return
	}
	runs := h.runs()
	if len(runs) > 0 {
		if low, high := bounds(runs[0].start); h.min < low || h.min > high {
			d.fail("the minimum is not in the first bucket")
		}
		if low, high := bounds(runs[len(runs)-1].end - 1); h.overflow == 0 && (h.max < low || h.max > high) {
			d.fail("the maximum is not in the last bucket")
		}
	} else if h.min <= ceiling {
		d.fail("the minimum is in no bucket")
	}
	if h.overflow > 0 && h.max <= ceiling {
		d.fail("overflow, but the maximum is in range")
	}
	if h.min > h.max {
		d.fail("the minimum is above the maximum")
	}
	if low, high := h.sumBounds(); h.sum < low || h.sum > high {
		d.fail("the sum does not fit the buckets")
	}
}

// sumBounds returns the least and the greatest sum that the buckets, the
// overflow and the maximum allow, saturating.
func (h *Histogram) sumBounds() (low, high uint64) {
	add := func(to *uint64, n uint64, v int64) {
		hi, lo := bits.Mul64(n, uint64(v))
		sum, carry := bits.Add64(*to, lo, 0)
		if hi != 0 || carry != 0 {
			sum = 1<<64 - 1
		}
		*to = sum
	}
	for i, n := range &h.counts {
		if n > 0 {
			l, u := bounds(i)
			add(&low, n, l)
			add(&high, n, u)
		}
	}
	add(&low, h.overflow, ceiling+1)
	add(&high, h.overflow, h.max)
	return low, high
}
