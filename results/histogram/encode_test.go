package histogram

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func encoded(t testing.TB, h *Histogram) []byte {
	t.Helper()
	data, err := h.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := filled(rapid.SliceOfN(durations(), 0, 300).Draw(rt, "values")...)
		data := encoded(t, h)
		back := filled(time.Second) // what was there before must vanish
		if err := back.UnmarshalBinary(data); err != nil {
			rt.Fatal(err)
		}
		if *back != *h {
			rt.Fatal("decoding gives another histogram")
		}
	})
}

func TestCompact(t *testing.T) {
	h := New()
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		h.Record(time.Duration(math.Exp(random.NormFloat64()*0.1) * float64(20*time.Millisecond)))
	}
	if n := len(encoded(t, h)); n > 1500 {
		t.Fatalf("ten thousand latencies around 20 ms take %d bytes", n)
	}
}

// sealed adds a right checksum to a body of the test's making.
func sealed(body ...byte) []byte {
	return binary.LittleEndian.AppendUint32(body, crc32.Checksum(body, castagnoli))
}

func TestRefusesCorrupt(t *testing.T) {
	huge := binary.AppendUvarint(nil, math.MaxInt64)
	counts := append(append([]byte{version, 0, 0, 0, 0, 1, 0, 2}, huge...), huge...)
	for _, c := range []struct {
		name string
		data []byte
		says string
	}{
		{"nothing", nil, "too few"},
		{"short", []byte{1, 2}, "too few"},
		{"another version", sealed(2, 0, 0, 0, 0, 0), "version 2"},
		{"wrong checksum", []byte{version, 0, 0, 0, 0, 0, 1, 2, 3, 4}, "checksum"},
		{"cut off", sealed(version, 0, 0), "minimum is cut off"},
		{"varint too long", sealed(append([]byte{version}, bytes.Repeat([]byte{0xff}, 11)...)...), "overflow is cut off or too long"},
		{"padded varint", sealed(version, 0x80, 0, 0, 0, 0, 0), "padded"},
		{"too many runs", sealed(version, 0, 0, 0, 0, 0xff, 0xff, 0x7f), "number of runs"},
		{"gap past the end", sealed(version, 0, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 1, 1), "gap"},
		{"empty run", sealed(version, 0, 0, 0, 0, 1, 0, 0), "run 0 is empty"},
		{"empty bucket", sealed(version, 0, 0, 0, 0, 1, 0, 1, 0), "is empty"},
		{"touching runs", sealed(version, 0, 0, 0, 0, 2, 0, 1, 1, 0, 1, 1), "touches"},
		{"run cut off", sealed(version, 0, 0, 0, 0, 1, 0, 5, 1), "cut off"},
		{"counts overflow", sealed(counts...), "63 bits"},
		{"bytes after the end", sealed(version, 0, 0, 0, 0, 0, 0), "too many"},
		{"empty with a sum", sealed(version, 0, 5, 0, 0, 0), "empty, but"},
		{"minimum elsewhere", sealed(version, 0, 5, 5, 5, 1, 1, 1, 1), "minimum"},
		{"maximum elsewhere", sealed(append(binary.AppendUvarint([]byte{version, 0, 5, 5}, 5000), 1, 0, 1, 1)...), "maximum"},
		{"minimum above maximum", sealed(version, 0, 5, 5, 4, 1, 0, 1, 1), "above"},
		{"sum too great", sealed(append(binary.AppendUvarint([]byte{version, 0}, 5000), 5, 5, 1, 0, 1, 1)...), "sum"},
		{"overflow in range", sealed(version, 1, 5, 5, 5, 0), "no bucket"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := filled(time.Millisecond)
			before := *h
			err := h.UnmarshalBinary(c.data)
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("error %v, want one that wraps ErrCorrupt and says %q", err, c.says)
			}
			if *h != before {
				t.Fatal("a refused input changed the histogram")
			}
		})
	}
}

func TestRefusesEveryFlippedBit(t *testing.T) {
	data := encoded(t, filled(time.Millisecond, 2*time.Millisecond, time.Hour))
	for i := range data {
		for bit := range 8 {
			data[i] ^= 1 << bit
			if err := New().UnmarshalBinary(data); err == nil {
				t.Errorf("bit %d of byte %d flipped and still accepted", bit, i)
			}
			data[i] ^= 1 << bit
		}
	}
}

// FuzzUnmarshal seals the fuzzer's bytes with a right checksum, so that it
// reaches the rules behind it. What is accepted must encode to the same bytes.
func FuzzUnmarshal(f *testing.F) {
	for _, h := range []*Histogram{New(), filled(0), filled(time.Hour), filled(time.Millisecond, time.Millisecond, time.Second, time.Hour)} {
		data := encoded(f, h)
		f.Add(data[:len(data)-crc32.Size])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		data := sealed(bytes.Clone(body)...)
		h := New()
		if err := h.UnmarshalBinary(data); err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if again := encoded(t, h); !bytes.Equal(again, data) {
			t.Fatalf("accepted % x, but encodes to % x", data, again)
		}
		for _, p := range []float64{0, 0.5, 0.99, 1} {
			if q := h.Quantile(p); h.Count() > 0 && (q < h.Min() || q > h.Max()) {
				t.Fatalf("quantile(%g) = %v outside [%v, %v]", p, q, h.Min(), h.Max())
			}
		}
	})
}
