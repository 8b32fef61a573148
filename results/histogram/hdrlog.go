package histogram

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
	"strings"
	"time"
)

// The layout of the histograms in a log: nanoseconds with three significant
// digits, as HdrHistogram's own tools expect. Every power of two is cut into
// 1,024, twice as fine as ours, so a log rounds no more than a Histogram does.
const (
	hdrDigits    = 3
	hdrHalf      = 10 // 1,024 to a power of two
	hdrSub       = 2 << hdrHalf
	hdrLowest    = 1
	hdrLeastHigh = int64(time.Hour)
	hdrCookie    = 0x1c849303 | 0x10 // version 2, its words as LEB128
	hdrPacked    = 0x1c849304 | 0x10 // the same, compressed
	hdrMaxUnit   = 1e6               // a log's Interval_Max is in milliseconds
)

// Interval is one line of a log: what was recorded in a stretch of time.
type Interval struct {
	// Tag names the line for readers that tell several apart. Commas, blanks and
	// what does not print become underscores; empty means no tag.
	Tag      string
	Start    time.Time
	Duration time.Duration
	Values   *Histogram
}

// WriteLog writes intervals, oldest first, in HdrHistogram's log format 1.3 with
// histograms in its compressed V2 encoding, which HistogramLogAnalyzer,
// hdr-plot and the libraries of many languages read (github.com/HdrHistogram).
//
// Each value is written as the middle of its bucket; overflow as the maximum.
func WriteLog(w io.Writer, comment string, intervals []Interval) error {
	var out strings.Builder
	fmt.Fprintf(&out, "#[%s]\n#[Histogram log format version 1.3]\n", strings.Map(printableByte, comment))
	base := time.UnixMilli(0)
	if len(intervals) > 0 {
		base = intervals[0].Start
	}
	fmt.Fprintf(&out, "#[StartTime: %s (seconds since epoch), %s]\n", epoch(base), base.UTC().Format(time.UnixDate))
	fmt.Fprintf(&out, "#[BaseTime: %s (seconds since epoch)]\n", epoch(base))
	out.WriteString("\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n")
	for _, i := range intervals {
		if i.Tag != "" {
			fmt.Fprintf(&out, "Tag=%s,", strings.Map(tagByte, i.Tag))
		}
		fmt.Fprintf(&out, "%.3f,%.3f,%.3f,%s\n", i.Start.Sub(base).Seconds(), i.Duration.Seconds(),
			float64(i.Values.Max())/hdrMaxUnit, base64.StdEncoding.EncodeToString(i.Values.hdr()))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func epoch(t time.Time) string { return fmt.Sprintf("%.3f", float64(t.UnixMilli())/1e3) }

func printableByte(r rune) rune {
	if r < ' ' || r > '~' {
		return '_'
	}
	return r
}

func tagByte(r rune) rune {
	if r == ',' || r == ' ' {
		return '_'
	}
	return printableByte(r)
}

// hdr returns the compressed V2 encoding: a header around a zlib stream of
// another header and the counts.
func (h *Histogram) hdr() []byte {
	counts := h.hdrCounts()
	high := max(hdrLeastHigh, int64(h.Max()))
	var plain []byte
	for _, word := range []uint32{hdrCookie, uint32(len(counts)), 0, hdrDigits} {
		plain = binary.BigEndian.AppendUint32(plain, word)
	}
	for _, long := range []uint64{hdrLowest, uint64(high), math.Float64bits(1)} {
		plain = binary.BigEndian.AppendUint64(plain, long)
	}
	plain = append(plain, counts...)
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	_, _ = z.Write(plain) // a buffer takes everything
	_ = z.Close()
	out := binary.BigEndian.AppendUint32(nil, hdrPacked)
	out = binary.BigEndian.AppendUint32(out, uint32(packed.Len()))
	return append(out, packed.Bytes()...)
}

// hdrCounts encodes the counts up to the last one that is not zero: a number as
// itself, a run of n zeros as -n.
func (h *Histogram) hdrCounts() []byte {
	var out []byte
	next, pending := 0, int64(0)
	flush := func() {
		if pending > 0 {
			out = appendHDR(out, pending)
		}
		pending = 0
	}
	add := func(value, n int64) {
		i := hdrIndex(value)
		if i >= next { // a new cell; else two of our buckets share one
			flush()
			if i > next {
				out = appendHDR(out, int64(next-i))
			}
			next = i + 1
		}
		pending += n
	}
	for i, n := range &h.counts {
		if n > 0 {
			add(int64(h.middle(i)), int64(n))
		}
	}
	if h.overflow > 0 {
		add(h.max, int64(h.overflow))
	}
	flush()
	return out
}

// hdrIndex is where HdrHistogram counts a value.
func hdrIndex(value int64) int {
	bucket := bits.Len64(uint64(value|(hdrSub-1))) - (hdrHalf + 1)
	within := int(value >> bucket)
	return (bucket+1)<<hdrHalf + within - hdrSub/2
}

// appendHDR appends a zigzag LEB128 number. Unlike a varint it has at most nine
// bytes, the ninth with all of its bits.
func appendHDR(out []byte, v int64) []byte {
	u := uint64(v<<1) ^ uint64(v>>63)
	for range 8 {
		if u < 0x80 {
			return append(out, byte(u))
		}
		out = append(out, byte(u)|0x80)
		u >>= 7
	}
	return append(out, byte(u))
}
