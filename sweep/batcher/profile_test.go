package batcher

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const goodProfile = `{
  "source": "made up",
  "device": "gpu0",
  "input_copy_ms": {"1": 0.5, "8": 4},
  "compute_ms": {"8": 6, "1": 2, "4": 3},
  "output_copy_ms": {"1": 0.3, "8": 0.1},
  "reference_elements": 1000,
  "memory_mib": 32,
  "load_ms": 200
}
`

func TestParseProfile(t *testing.T) {
	p, err := ParseProfile("profile.json", []byte(goodProfile))
	if err != nil {
		t.Fatal(err)
	}
	for size, want := range map[int]time.Duration{
		1: 2 * time.Millisecond, 2: 2333333, 3: 2666667, 4: 3 * time.Millisecond,
		6: 4500 * time.Microsecond, 8: 6 * time.Millisecond, 10: 7500 * time.Microsecond,
	} {
		if got := p.Compute.At(size); got != want {
			t.Errorf("compute of %d: got %v, want %v", size, got, want)
		}
	}
	if got := p.OutputCopy.At(100); got != 0 {
		t.Errorf("a falling table goes below 0: %v", got)
	}
	if p.Device != "gpu0" || p.Source != "made up" || p.LoadTime != 200*time.Millisecond {
		t.Errorf("got %+v", p)
	}
	if p.Scale(2500) != 2.5 || p.Scale(0) != 1 || p.Memory(3) != 96 || p.Memory(0) != 0 {
		t.Errorf("scale %v, memory %v", p.Scale(2500), p.Memory(3))
	}
	if got, want := p.Note(10), "compute times of batch sizes 2-3, 5-7 interpolated, 9-10 extrapolated"; got != want {
		t.Errorf("note: got %q, want %q", got, want)
	}
	if got := p.Note(1); got != "" {
		t.Errorf("note: got %q, want none", got)
	}
}

func TestProfileMemoryByCount(t *testing.T) {
	p, err := ParseProfile("p", []byte(`{"compute_ms": {"1": 1}, "memory_mib": {"1": 100, "4": 250, "2": 150}}`))
	if err != nil {
		t.Fatal(err)
	}
	for count, want := range map[int]float64{1: 100, 2: 150, 3: 200, 4: 250, 6: 350} {
		if got := p.Memory(count); got != want {
			t.Errorf("%d instances: got %v MiB, want %v", count, got, want)
		}
	}
}

func TestSlower(t *testing.T) {
	p, err := ParseProfile("p", []byte(goodProfile))
	if err != nil {
		t.Fatal(err)
	}
	half, err := p.Slower(0.5)
	if err != nil || half.Compute.At(8) != 3*time.Millisecond || half.InputCopy.At(8) != 2*time.Millisecond || half.LoadTime != p.LoadTime {
		t.Errorf("got %+v, %v", half, err)
	}
	for _, factor := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if _, err := p.Slower(factor); !errors.Is(err, ErrConfig) {
			t.Errorf("factor %v: got %v", factor, err)
		}
	}
}

// TestImpossibleProfiles: each is refused with its line and a reason.
func TestImpossibleProfiles(t *testing.T) {
	for _, c := range []struct {
		name, text string
		line       int
		reason     string
	}{
		{"negative time", "{\n\"compute_ms\": {\n\"1\": 2,\n\"8\": -3}}", 4, "batch size 8: -3 is negative"},
		{"not a number", "{\n\"compute_ms\": {\"1\": NaN}}", 2, "not JSON"},
		{"infinite", "{\"compute_ms\": {\n\"1\": 1e999}}", 2, "too large"},
		{"longer than a day", "{\"compute_ms\": {\n\"1\": 1e9}}", 2, "above 24h"},
		{"text for a time", "{\"compute_ms\": {\"1\":\n\"NaN\"}}", 2, `want a number, got "NaN"`},
		{"null", "{\"compute_ms\": {\"1\": null}}", 1, "want a number, got null"},
		{"batch size 0", "{\n\n\"compute_ms\": {\"0\": 1}}", 3, `"0" is not a whole number from 1 on`},
		{"batch size 1.5", "{\"compute_ms\": {\"1.5\": 1}}", 1, `"1.5" is not a whole number`},
		{"batch size 01", "{\"compute_ms\": {\"01\": 1}}", 1, `"01" is not a whole number`},
		{"size twice", "{\"compute_ms\": {\"1\": 1,\n\"1\": 2}}", 2, `"1" is given twice`},
		{"key twice", "{\"load_ms\": 1,\n\"load_ms\": 2}", 2, `"load_ms" is given twice`},
		{"unknown key", "{\n\"compute\": {\"1\": 1}}", 2, `unknown key "compute"`},
		{"no sizes", "{\"compute_ms\":\n{}}", 2, "no batch size"},
		{"no compute", "{\n\"device\": \"gpu0\"\n}", 3, "compute_ms is missing"},
		{"negative memory", "{\"compute_ms\": {\"1\": 1},\n\"memory_mib\": -1}", 2, "-1 is negative"},
		{"falling memory", "{\"compute_ms\": {\"1\": 1},\n\"memory_mib\": {\"1\": 100,\n\"2\": 90}}", 3, "2 instances cannot take 90 MiB when 1 take 100"},
		{"falling memory backwards", "{\"memory_mib\": {\"2\": 100,\n\"1\": 110}}", 2, "1 instances cannot take 110"},
		{"negative elements", "{\"reference_elements\": -5}", 1, "negative"},
		{"negative load", "{\"load_ms\": -5}", 1, "negative"},
		{"endless load", "{\"load_ms\":\n1e300}", 2, "above 24h"},
		{"device not text", "{\"device\": 7}", 1, "want a text, got 7"},
		{"list", "[1]", 1, "want an object"},
		{"table not object", "{\"compute_ms\":\n5}", 2, "want an object, got 5"},
		{"cut off", "{\"compute_ms\": {\"1\":", 1, "ends too early"},
		{"empty", "", 1, "ends too early"},
		{"comma", "{\"load_ms\": 5,\n}", 2, "not JSON"},
		{"something behind", goodProfile + "{}", 11, "follows the closing brace"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := ParseProfile("m/profile.json", []byte(c.text))
			var refused *ProfileError
			if !errors.As(err, &refused) || !errors.Is(err, ErrConfig) {
				t.Fatalf("got %+v, %v", p, err)
			}
			if refused.Line != c.line || !strings.Contains(refused.Reason, c.reason) || refused.File != "m/profile.json" {
				t.Errorf("got %v, want line %d: %s", err, c.line, c.reason)
			}
		})
	}
}

// TestExampleProfiles: every profile that the examples carry is accepted.
func TestExampleProfiles(t *testing.T) {
	paths, err := filepath.Glob("../../examples/models*/*/profile.json")
	if err != nil || len(paths) < 7 {
		t.Fatalf("found %d profiles, %v; want at least 7", len(paths), err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParseProfile(path, data)
		if err != nil {
			t.Error(err)
			continue
		}
		if p.Device == "" || p.Memory(1) <= 0 || p.Source == "" {
			t.Errorf("%s: device %q, memory %v, source %q", path, p.Device, p.Memory(1), p.Source)
		}
	}
}

func FuzzParseProfile(f *testing.F) {
	f.Add([]byte(goodProfile))
	f.Add([]byte(`{"compute_ms": {"1": 1}, "memory_mib": {"1": 100, "2": 90}}`))
	f.Add([]byte("{\"compute_ms\"\n:{\"1\":1e-400}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParseProfile("f", data)
		if err != nil {
			var refused *ProfileError
			if !errors.As(err, &refused) || refused.Line < 1 || refused.Line > 1+strings.Count(string(data), "\n") {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		for _, size := range []int{1, 2, 7, 1 << 20} {
			if d := p.Compute.At(size); d < 0 || d > maxServiceTime {
				t.Fatalf("a batch of %d takes %v", size, d)
			}
		}
		last := 0.0
		for count := 1; count < 9; count++ {
			mib := p.Memory(count)
			if mib < last || math.IsNaN(mib) {
				t.Fatalf("%d instances take %v MiB, one less %v", count, mib, last)
			}
			last = mib
		}
	})
}

func TestTables(t *testing.T) {
	if _, err := NewTable(map[int]time.Duration{1: -1}); !errors.Is(err, ErrConfig) {
		t.Errorf("negative: got %v", err)
	}
	if _, err := NewTable(map[int]time.Duration{0: 1}); !errors.Is(err, ErrConfig) {
		t.Errorf("size 0: got %v", err)
	}
	rapid.Check(t, func(t *rapid.T) {
		points := map[int]time.Duration{}
		for range rapid.IntRange(1, 6).Draw(t, "points") {
			points[rapid.IntRange(1, 40).Draw(t, "size")] = time.Duration(rapid.IntRange(0, 1e9).Draw(t, "time"))
		}
		table, err := NewTable(points)
		if err != nil {
			t.Fatal(err)
		}
		for size, d := range points {
			if table.At(size) != d || !table.Has(size) {
				t.Fatalf("%d: got %v, want %v", size, table.At(size), d)
			}
		}
		sizes := table.Sizes()
		if !slices.IsSorted(sizes) || len(sizes) != len(points) {
			t.Fatalf("sizes %v of %v", sizes, points)
		}
		for i, at := range table.expand(nil, 50) {
			if Time(table.At(i)) != at || at < 0 {
				t.Fatalf("%d: got %v", i, at)
			}
		}
	})
	if got := (Table{}).At(3); got != 0 || !(Table{}).IsZero() {
		t.Errorf("no points: got %v", got)
	}
	if diff := cmp.Diff([]time.Duration{7, 7}, []time.Duration{Constant(7).At(1), Constant(7).At(9)}); diff != "" {
		t.Error(diff)
	}
}
