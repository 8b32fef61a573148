package report

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tritonsweep/results"
	"tritonsweep/results/histogram"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// benchSample is a run of one point whose figures are invented.
func benchSample(verdict results.Verdict) (results.Run, []results.Record) {
	load := sweep.Load{Concurrency: 8, BatchSize: 1}
	s := newSample("bench", []string{"arcface"}, []tritonconfig.Settings{{}}, []sweep.Load{load}, 1, &world{effect: 1})
	record := s.records[0]
	random, values := rand.New(rand.NewPCG(1, 2)), histogram.New()
	for range 4000 {
		ms := 14 * math.Exp(0.12*random.NormFloat64())
		if random.Float64() < 0.02 {
			ms *= 1.6
		}
		values.Record(time.Duration(ms * float64(time.Millisecond)))
	}
	record.Client.Histogram, _ = values.MarshalBinary()
	record.Client.P99, record.Client.Missing = nil, map[string]int64{"p99": 640}
	record.Verdict, record.Duration, record.Warmup = verdict, 5, 1
	record.Checks = []results.Check{
		{Name: "little", Passed: true, Detail: "X*(R+Z) = 7.98 callers of 8"},
		{Name: "count", Passed: verdict != results.Void, Detail: "the server counted 4000 successes, the client 4000"},
	}
	if verdict != results.OK {
		record.Reasons = []string{"a reason"}
	}
	return s.run, []results.Record{record}
}

func TestBenchText(t *testing.T) {
	for name, opts := range map[string]TextOptions{"bench.txt": {Width: 100}, "bench-ascii.txt": {Width: 80, ASCII: true}} {
		b, err := NewBench(benchSample(results.OK))
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := b.Text(&out, opts); err != nil {
			t.Fatal(err)
		}
		if opts.ASCII && strings.ContainsFunc(out.String(), func(r rune) bool { return r > '~' }) {
			t.Errorf("not ASCII:\n%s", out.String())
		}
		for line := range strings.Lines(out.String()) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > opts.Width {
				t.Errorf("%s: %d columns of %d: %s", name, n, opts.Width, line)
			}
		}
		compareGolden(t, "../bench/"+name, out.String())
	}
}

// A figure of a void point must not be seen anywhere.
func TestBenchHidesVoidFigures(t *testing.T) {
	b, err := NewBench(benchSample(results.Void))
	if err != nil {
		t.Fatal(err)
	}
	var text, document bytes.Buffer
	if err := b.Text(&text, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := b.JSON(&document); err != nil {
		t.Fatal(err)
	}
	if b.Histogram != nil || b.Point.Throughput != nil || strings.Contains(text.String(), "p50") {
		t.Errorf("a void point shows figures:\n%s", text.String())
	}
	for _, want := range []string{"void: a reason", "BAD  count"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is missing in\n%s", want, text.String())
		}
	}
	var back Bench
	if err := json.Unmarshal(document.Bytes(), &back); err != nil || back.Point.Verdict != results.Void {
		t.Errorf("%v in %s", err, document.String())
	}
}

func TestBenchWithoutRecord(t *testing.T) {
	run, _ := benchSample(results.OK)
	if _, err := NewBench(run, nil); err == nil {
		t.Error("a run without a record has a bench")
	}
}

// TestBenchWithoutPoint: a record may be no point by itself.
func TestBenchWithoutPoint(t *testing.T) {
	inert, records := benchSample(results.Inert)
	if b, err := NewBench(inert, records); err == nil || !strings.Contains(err.Error(), "has no point to show by itself: done") {
		t.Errorf("a point that was not measured: %+v, %v", b, err)
	}
	if b, err := NewBench(togetherRecords()); err == nil || !strings.Contains(err.Error(), "has no point to show by itself: done") {
		t.Errorf("models at the same time: %+v, %v", b, err)
	}
	run, records := benchSample(results.OK)
	records[0].Final = true
	if b, err := NewBench(run, records); err != nil || !b.Point.Final || b.Point.Throughput == nil {
		t.Errorf("a point of the finals: %+v, %v", b, err)
	}
}

// TestBars: whatever was recorded, the rows hold all of it, in order, on a screen.
func TestBars(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := histogram.New()
		for _, v := range rapid.SliceOfN(rapid.Int64Range(0, int64(20*time.Minute)), 1, 200).Draw(t, "values") {
			h.Record(time.Duration(v >> rapid.IntRange(0, 40).Draw(t, "shift")))
		}
		rows := barsOf(h)
		if len(rows) > 2*mostBars+10 {
			t.Fatalf("%d rows", len(rows))
		}
		var total int64
		for i, r := range rows {
			total += r.Count
			if r.High <= r.Low || i > 0 && r.Low != rows[i-1].High {
				t.Fatalf("row %d is [%g, %g]", i, r.Low, r.High)
			}
		}
		if last := rows[len(rows)-1]; total != h.Count() || last.Below != 1 || last.Count == 0 || rows[0].Count == 0 {
			t.Fatalf("%d of %d values in %v", total, h.Count(), rows)
		}
		for _, ascii := range []bool{false, true} {
			for _, line := range barLines(rows, nil, 20, ascii) {
				if len([]rune(line)) > 70 {
					t.Fatalf("a long line: %q", line)
				}
			}
		}
	})
}

func TestLocale(t *testing.T) {
	for _, test := range []struct {
		environ string
		want    bool
	}{
		{"", true}, {"LANG=C", false}, {"LANG=C.UTF-8", true}, {"LANG=de_DE.utf8", true}, {"LANG=", true},
		{"LANG=C.UTF-8 LC_ALL=POSIX", false}, {"LC_CTYPE=en_US.UTF-8 LANG=C", true}, {"LANG=de_DE.ISO-8859-1", false},
	} {
		if got := utf8Locale(strings.Fields(test.environ)); got != test.want {
			t.Errorf("%q: %v", test.environ, got)
		}
	}
}
