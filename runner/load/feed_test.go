package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// npy writes an array as NumPy does.
func npy(descr, shape string, data []byte) []byte {
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape)
	header += strings.Repeat(" ", (64-(len(header)+11)%64)%64) + "\n"
	out := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	return append(append(out, header...), data...)
}

func floats(values ...float32) []byte {
	var out []byte
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

func tensorModel(datatype string, shape ...int64) Model {
	return Model{Name: "m", MaxBatch: 8, Inputs: []Tensor{{Name: "x", Datatype: datatype, Shape: shape}}}
}

func from(sources ...Feed) Data { return Data{Inputs: map[string][]Feed{"x": sources}} }

// raws returns what the requests of batch 1 carry for the first input.
func raws(t *testing.T, m Model, d Data) [][]byte {
	t.Helper()
	r, err := NewRequest(m, d, 1)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for _, p := range r.payloads {
		out = append(out, decode(t, p).GetRawInputContents()[0])
	}
	return out
}

func TestParseFeed(t *testing.T) {
	file := write(t, "in.npy", "x")
	for text, want := range map[string]Feed{
		"zeros":            {Source: Zeros},
		"random":           {Source: Random},
		"random:0..255":    {Source: Random, Range: &Range{0, 255}},
		"random:-1e3..0.5": {Source: Random, Range: &Range{-1000, 0.5}},
		file:               {Source: File, Path: file},
		file + ":-1..1":    {Source: File, Path: file, Range: &Range{-1, 1}},
	} {
		if got, err := ParseFeed(text); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for text, says := range map[string]string{
		"": "no input data", "noise": "zeros, random or a file", "random:1..": "not a range", "random:2..1": "not a range",
		"random:NaN..1": "not a range", "random:-Inf..Inf": "not a range", "zeros:0..1": "zeros have no range",
	} {
		if got, err := ParseFeed(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %+v, %v, want %q", text, got, err, says)
		}
	}
}

// TestRandomRange: every value lies in its range, whose ends integers reach.
func TestRandomRange(t *testing.T) {
	d := from(Feed{Source: Random, Range: &Range{-3, 5}})
	seen := map[int8]bool{}
	for _, b := range raws(t, tensorModel("INT8", 1000), d)[0] {
		seen[int8(b)] = true
	}
	if len(seen) != 9 || !seen[-3] || !seen[5] {
		t.Errorf("the integers of -3..5: %v", seen)
	}
	raw := raws(t, tensorModel("FP32", 1000), d)[0]
	for i := 0; i < len(raw); i += 4 {
		if v := math.Float32frombits(binary.LittleEndian.Uint32(raw[i:])); v < -3 || v > 5 {
			t.Fatalf("%g", v)
		}
	}
	for _, bad := range []Model{tensorModel("UINT8", 4), tensorModel("BOOL", 4), tensorModel("BYTES", 4)} {
		if _, err := NewRequest(bad, d, 1); err == nil || !strings.Contains(err.Error(), "range") {
			t.Errorf("%s: %v", bad.Inputs[0].Datatype, err)
		}
	}
	if _, err := NewRequest(tensorModel("INT32", 4), from(Feed{Source: Random, Range: &Range{0.2, 0.8}}), 1); err == nil {
		t.Error("a range without an integer was accepted")
	}
}

func TestArrays(t *testing.T) {
	one := write(t, "one.npy", string(npy("<f4", "(2,)", floats(1, 2))))
	two := write(t, "two.npy", string(npy("<f4", "(2, 2)", floats(3, 4, 5, 6))))
	big := write(t, "big.npy", string(npy(">f4", "(2,)", []byte{0x3f, 0x80, 0, 0, 0x40, 0, 0, 0})))
	m := tensorModel("FP32", -1)
	got := raws(t, m, from(Feed{Source: File, Path: one}, Feed{Source: File, Path: two}))
	if diff := cmp.Diff([][]byte{floats(1, 2), floats(3, 4), floats(5, 6)}, got); diff != "" {
		t.Errorf("several arrays are sent in rotation: %s", diff)
	}
	if diff := cmp.Diff([][]byte{floats(1, 2)}, raws(t, m, from(Feed{Source: File, Path: big}))); diff != "" {
		t.Errorf("high byte first: %s", diff)
	}
	texts := append([]byte("ab\x00c\x00\x00"), 0)[:6]
	want := appendBytes(appendBytes(nil, []byte("ab")), []byte("c"))
	for descr, data := range map[string][]byte{"|S3": texts, "<U3": []byte("a\x00\x00\x00b\x00\x00\x00\x00\x00\x00\x00c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")} {
		path := write(t, "s.npy", string(npy(descr, "(2,)", data)))
		if diff := cmp.Diff([][]byte{want}, raws(t, tensorModel("BYTES", 2), from(Feed{Source: File, Path: path}))); diff != "" {
			t.Errorf("%s: %s", descr, diff)
		}
	}
	for says, file := range map[string][]byte{
		"not a .npy file":    []byte("hello, this is no array"),
		"cut off":            npy("<f4", "(2,)", nil)[:20],
		"needs other":        npy("<f4", "(3,)", floats(1)),
		"FP64, input":        npy("<f8", "(1,)", make([]byte, 8)),
		"does not fit":       npy("<f4", "(1, 1, 1)", floats(1)),
		"Fortran's order":    bytes.Replace(npy("<f4", "(1,)", floats(1)), []byte("False"), []byte("True "), 1),
		"not supported":      bytes.Replace(npy("<f4", "(1,)", floats(1)), []byte("'<f4'"), []byte("[('a')"), 1),
		"which no input is":  npy("<c8", "(1,)", make([]byte, 8)),
		"holds no items":     npy("<f4", "(0, 2)", nil),
		"the shape [":        npy("<f4", "(99999999, 99999999, 99999999)", nil),
		"the dimension \"99": npy("<f4", "(99999999999999999999,)", nil),
	} {
		_, err := NewRequest(m, from(Feed{Source: File, Path: write(t, "bad.npy", string(file))}), 1)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want %q", err, says)
		}
	}
}

func FuzzArray(f *testing.F) {
	f.Add(npy("<f4", "(2,)", floats(1, 2)))
	f.Add(npy("|S3", "(1, 2)", []byte("abcdef")))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := parseArray(data)
		if err != nil {
			return
		}
		if count, ok := elements(a.shape); !ok || count*int64(a.width) != int64(len(a.data)) {
			t.Errorf("shape %v of %d bytes each, %d bytes", a.shape, a.width, len(a.data))
		}
		a.raw(a.data)
	})
}

// halves is a picture whose left half is red and whose right half is blue.
func halves(width, height int) image.Image {
	p := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			p.Set(x, y, color.RGBA{R: 255, A: 255})
			if x >= width/2 {
				p.Set(x, y, color.RGBA{B: 255, A: 255})
			}
		}
	}
	return p
}

func picture(t *testing.T, name string, p image.Image) string {
	t.Helper()
	var out bytes.Buffer
	err := png.Encode(&out, p)
	if strings.HasSuffix(name, "jpg") {
		out.Reset()
		err = jpeg.Encode(&out, p, &jpeg.Options{Quality: 100})
	}
	if err != nil {
		t.Fatal(err)
	}
	return write(t, name, out.String())
}

func TestPictures(t *testing.T) {
	path := picture(t, "halves.png", halves(40, 20))
	feed := Feed{Source: File, Path: path}
	last := raws(t, tensorModel("UINT8", 1, 4, 3), from(feed))[0] // the pixels at the ends are pure
	if diff := cmp.Diff([]byte{255, 0, 0, 0, 0, 255}, append(last[:3:3], last[9:]...)); diff != "" {
		t.Errorf("channels last: %s", diff)
	}
	first := raws(t, tensorModel("UINT8", 3, 1, 4), from(feed))[0]
	if diff := cmp.Diff([]byte{255, 0, 0, 0, 0, 255}, []byte{first[0], first[3], first[4], first[7], first[8], first[11]}); diff != "" {
		t.Errorf("channels first: %s", diff)
	}
	if got := raws(t, tensorModel("FP32", 1, 3, 1, 4), from(feed))[0]; !bytes.Equal(got[:4], floats(1)) || !bytes.Equal(got[12:16], floats(0)) {
		t.Errorf("floats in [0, 1]: %v", got)
	}
	feed.Range = &Range{-1, 1}
	if got := raws(t, tensorModel("FP32", 3, 1, 4), from(feed))[0]; !bytes.Equal(got[:4], floats(1)) || !bytes.Equal(got[12:16], floats(-1)) {
		t.Errorf("floats in [-1, 1]: %v", got)
	}
	feed.Range = nil
	if got := raws(t, tensorModel("UINT8", 1, 4), from(feed))[0]; got[0] != 76 || got[3] != 29 {
		t.Errorf("gray: %v", got)
	}
	// A picture of any size becomes the size that --shape says.
	d := from(Feed{Source: File, Path: picture(t, "halves.jpg", halves(33, 77))})
	d.Shapes = map[string][]int64{"x": {3, 48, 320}}
	if got := raws(t, tensorModel("FP32", 3, -1, -1), d)[0]; len(got) != 4*3*48*320 {
		t.Errorf("%d bytes", len(got))
	}
	// For a string it is sent as it is.
	data, _ := os.ReadFile(path)
	if got := raws(t, tensorModel("BYTES", 1), from(feed))[0]; !bytes.Equal(got, appendBytes(nil, data)) {
		t.Errorf("%d bytes, the file has %d", len(got), len(data))
	}
	for says, m := range map[string]Model{
		"no picture fits shape": tensorModel("FP32", 4, 10, 10), "which is BOOL": tensorModel("BOOL", 3, 2, 2),
		"does not hold 0..255": tensorModel("INT8", 3, 2, 2), "takes 2": tensorModel("BYTES", 2), "shape is needed": tensorModel("FP32", 3, -1, 2),
	} {
		if _, err := NewRequest(m, from(feed), 1); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want %q", err, says)
		}
	}
	for _, bad := range []string{"", "\x89PNG\r\n\x1a\n", "GIF89a"} {
		if _, err := NewRequest(tensorModel("FP32", 3, 2, 2), from(Feed{Source: File, Path: write(t, "bad.png", bad)}), 1); err == nil {
			t.Errorf("%q was taken for a picture", bad)
		}
	}
}

// TestFolderOfPictures: the files of a folder are sent in rotation, by name.
func TestFolderOfPictures(t *testing.T) {
	dir := t.TempDir()
	for i, c := range []color.Gray{{10}, {20}, {30}} {
		p := image.NewGray(image.Rect(0, 0, 4, 4))
		for j := range p.Pix {
			p.Pix[j] = c.Y
		}
		data, err := os.ReadFile(picture(t, "p.png", p))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.png", i)), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	m := tensorModel("UINT8", 1, 1, 1)
	want := [][]byte{{10}, {20}, {30}}
	if diff := cmp.Diff(want, raws(t, m, from(Feed{Source: File, Path: dir}))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, raws(t, m, Data{Source: File, Path: dir})); diff != "" {
		t.Errorf("for all inputs of a model that has one: %s", diff)
	}
	if _, err := NewRequest(m, from(Feed{Source: File, Path: t.TempDir()}), 1); err == nil || !strings.Contains(err.Error(), "holds no files") {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestLines(t *testing.T) {
	path := write(t, "t.txt", "one\r\ntwo\n\nfour")
	m := tensorModel("BYTES", 2)
	want := [][]byte{appendBytes(appendBytes(nil, []byte("one")), []byte("two")), appendBytes(appendBytes(nil, nil), []byte("four"))}
	if diff := cmp.Diff(want, raws(t, m, from(Feed{Source: File, Path: path}))); diff != "" {
		t.Error(diff)
	}
	if _, err := NewRequest(tensorModel("BYTES", 3), from(Feed{Source: File, Path: path}), 1); err == nil || !strings.Contains(err.Error(), "not a whole number of items") {
		t.Errorf("error %v", err)
	}
}

// TestInputsWin: single inputs override the source of all others, for every kind.
func TestInputsWin(t *testing.T) {
	m := twoInputs()
	file := write(t, "data.json", `{"data": [{"n": [1, 2], "s": ["x"]}, {"n": [3, 4], "s": ["y"]}]}`)
	d := Data{Source: File, Path: file, Shapes: map[string][]int64{"s": {1}}, Inputs: map[string][]Feed{"n": {{Source: Zeros}}}}
	r := request(t, m, d, 1)
	if r.Distinct() != 2 {
		t.Errorf("%d requests", r.Distinct())
	}
	for i, text := range []string{"x", "y"} {
		in := decode(t, r.payloads[i])
		want := [][]byte{make([]byte, 8), appendBytes(nil, []byte(text))}
		if diff := cmp.Diff(want, in.GetRawInputContents()); diff != "" {
			t.Error(diff)
		}
	}
	if got, want := d.String(), "file:data.json, n=zeros"; got != want {
		t.Errorf("named %q, want %q", got, want)
	}
	d.Inputs["nope"] = []Feed{{Source: Zeros}}
	if _, err := NewRequest(m, d, 1); err == nil || !strings.Contains(err.Error(), `data are given for input "nope"`) {
		t.Errorf("error %v", err)
	}
}

// TestSizeIsExact: what is computed before the first request is what is encoded.
func TestSizeIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := tensorModel(rapid.SampledFrom([]string{"FP32", "UINT8", "BYTES"}).Draw(t, "datatype"), rapid.Int64Range(1, 300).Draw(t, "size"))
		d := Data{Source: Random, Distinct: rapid.IntRange(1, 3).Draw(t, "distinct")}
		batch := rapid.IntRange(1, 8).Draw(t, "batch")
		r, err := NewRequest(m, d, batch)
		if err != nil {
			t.Fatal(err)
		}
		if got, answer, err := Size(m, d, batch); err != nil || got != r.Bytes() || answer != r.Answer() {
			t.Fatalf("%d, %d, %v, encoded %d and %d", got, answer, err, r.Bytes(), r.Answer())
		}
	})
}
