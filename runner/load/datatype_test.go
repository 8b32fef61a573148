package load

import (
	"encoding/binary"
	"math"
	"testing"

	"tritonsweep/internal/binary16"
)

func TestRandomRanges(t *testing.T) {
	m := Model{Name: "m"}
	for _, d := range []string{"FP32", "FP64", "INT64", "UINT8", "BOOL", "BYTES"} {
		m.Inputs = append(m.Inputs, Tensor{Name: d, Datatype: d, Shape: []int64{200}})
	}
	in := decode(t, request(t, m, Data{Source: Random, Seed: 5}, 1).payloads[0])
	for i, raw := range in.GetRawInputContents() {
		switch d := m.Inputs[i].Datatype; d {
		case "FP32":
			for ; len(raw) > 0; raw = raw[4:] {
				if v := math.Float32frombits(binary.LittleEndian.Uint32(raw)); !(v >= 0 && v <= 1) {
					t.Errorf("FP32 %g", v)
				}
			}
		case "FP64":
			for ; len(raw) > 0; raw = raw[8:] {
				if v := math.Float64frombits(binary.LittleEndian.Uint64(raw)); !(v >= 0 && v < 1) {
					t.Errorf("FP64 %g", v)
				}
			}
		case "INT64":
			for ; len(raw) > 0; raw = raw[8:] {
				if v := binary.LittleEndian.Uint64(raw); v >= mostRandomInteger {
					t.Errorf("INT64 %d", v)
				}
			}
		case "BOOL", "UINT8":
			for _, v := range raw {
				if v >= mostRandomInteger || d == "BOOL" && v > 1 {
					t.Errorf("%s %d", d, v)
				}
			}
		}
	}
	same := request(t, m, Data{Source: Random, Seed: 5}, 1)
	other := request(t, m, Data{Source: Random, Seed: 6}, 1)
	if string(same.payloads[0].Bytes) != string(request(t, m, Data{Source: Random, Seed: 5}, 1).payloads[0].Bytes) {
		t.Error("equal seeds must give equal bytes")
	}
	if string(same.payloads[0].Bytes) == string(other.payloads[0].Bytes) {
		t.Error("other seeds must give other bytes")
	}
}

func TestFloat16(t *testing.T) {
	for v, want := range map[float64]uint16{
		0: 0, 1: 0x3c00, -2: 0xc000, 0.5: 0x3800, 65504: 0x7bff, 65519: 0x7bff, 65520: 0x7c00, 1e9: 0x7c00,
		0x1p-14: 0x0400, 0x1p-24: 0x0001, 0x1p-26: 0, 0x1.ff8p-15: 0x03ff, 0x1.ffcp-15: 0x0400,
		1 + 0x1p-11: 0x3c00, 1 + 3*0x1p-11: 0x3c02, math.Inf(1): 0x7c00, math.Inf(-1): 0xfc00, 0.1: 0x2e66,
	} {
		if got := binary16.Bits(v); got != want {
			t.Errorf("float16(%g) = %#04x, want %#04x", v, got, want)
		}
	}
	if got := binary16.Bits(math.NaN()); got&0x7c00 != 0x7c00 || got&0x3ff == 0 {
		t.Errorf("float16(NaN) = %#04x", got)
	}
	for v, want := range map[float64]uint16{1: 0x3f80, -2: 0xc000, 0: 0, 1 + 0x1p-8: 0x3f80, 1 + 3*0x1p-8: 0x3f82} {
		if got := bfloat16(v); got != want {
			t.Errorf("bfloat16(%g) = %#04x, want %#04x", v, got, want)
		}
	}
	if got := bfloat16(math.NaN()); got&0x7f80 != 0x7f80 || got&0x7f == 0 {
		t.Errorf("bfloat16(NaN) = %#04x", got)
	}
}

func TestDatatypes(t *testing.T) {
	for name, width := range datatypes {
		if name == "BYTES" {
			continue
		}
		if got := len(zeros(name, 7)); got != 7*width {
			t.Errorf("zeros of %s: %d bytes", name, got)
		}
		out, err := appendNumber(nil, name, "1")
		if err != nil || len(out) != width {
			t.Errorf("1 as %s: % x, %v", name, out, err)
		}
	}
	if out, err := appendNumber(nil, "INT8", "-1"); err != nil || out[0] != 0xff {
		t.Errorf("-1 as INT8: % x, %v", out, err)
	}
	if _, err := appendNumber(nil, "UINT8", "-1"); err == nil {
		t.Error("-1 as UINT8 was accepted")
	}
	if n, ok := countBytes([]byte{1, 0, 0, 0, 'a', 0, 0, 0, 0}); n != 2 || !ok {
		t.Errorf("two strings: %d %v", n, ok)
	}
	for _, bad := range []string{"\x01", "\x05\x00\x00\x00abc", "\xff\xff\xff\xff"} {
		if _, ok := countBytes([]byte(bad)); ok {
			t.Errorf("%q passes for strings", bad)
		}
	}
}
