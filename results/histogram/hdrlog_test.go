package histogram

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"pgregory.net/rapid"
)

// readLog reads a log with HdrHistogram's own library.
func readLog(t rapid.TB, log []byte) []*hdrhistogram.Histogram {
	t.Helper()
	reader := hdrhistogram.NewHistogramLogReader(bytes.NewReader(log))
	var all []*hdrhistogram.Histogram
	for {
		h, err := reader.NextIntervalHistogram()
		if err != nil {
			t.Fatalf("%v in\n%s", err, log)
		}
		if h == nil {
			return all
		}
		all = append(all, h)
	}
}

// TestLogIsReadByHdrHistogram is the contract: what our log holds, HdrHistogram's
// library reads, with every quantile within both roundings.
func TestLogIsReadByHdrHistogram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(durations(), 1, 300).Draw(t, "values")
		h := filled(values...)
		var log bytes.Buffer
		start := time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, "start"))
		if err := WriteLog(&log, "test", []Interval{{Start: start, Duration: 3 * time.Second, Values: h}}); err != nil {
			t.Fatal(err)
		}
		read := readLog(t, log.Bytes())
		if len(read) != 1 || read[0].TotalCount() != h.Count() {
			t.Fatalf("%d histograms in the log, want one of %d values\n%s", len(read), h.Count(), log.String())
		}
		for _, p := range []float64{0, 0.25, 0.5, 0.9, 0.99, 1} {
			rank := max(Rank(p, h.Count()), 1)
			want := float64(h.logged(rank))
			// A quarter below, so that neither rounding up nor to the nearest goes past the rank.
			got := float64(read[0].ValueAtPercentile(100 * (float64(rank) - 0.25) / float64(h.Count())))
			if math.Abs(got-want) > want/1024+1 {
				t.Fatalf("rank %d of %d: HdrHistogram reads %.0f ns, ours is %.0f", rank, h.Count(), got, want)
			}
		}
	})
}

// logged is At without the knowledge of the exact ends, which a log does not carry.
func (h *Histogram) logged(rank int64) time.Duration {
	var seen uint64
	for i, n := range &h.counts {
		if seen += n; seen >= uint64(rank) {
			return h.middle(i)
		}
	}
	return h.Max()
}

func TestLogText(t *testing.T) {
	start := time.UnixMilli(1764139822500)
	var log bytes.Buffer
	err := WriteLog(&log, "tritonsweep bench\nof m", []Interval{
		{Tag: "m c=1, b=1", Start: start, Duration: 2 * time.Second, Values: filled(3 * time.Millisecond)},
		{Start: start.Add(2500 * time.Millisecond), Duration: time.Second, Values: filled(time.Millisecond, 10*time.Minute)},
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
	for i, want := range []string{
		"#[tritonsweep bench_of m]", "#[Histogram log format version 1.3]",
		"#[StartTime: 1764139822.500 (seconds since epoch)", "#[BaseTime: 1764139822.500 (seconds since epoch)]",
		`"StartTimestamp"`, "Tag=m_c=1__b=1,0.000,2.000,3.000,HISTF", "2.500,1.000,600000.000,HISTF",
	} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Fatalf("line %d does not begin with %q:\n%s", i+1, want, log.String())
		}
	}
	read := readLog(t, log.Bytes())
	if len(read) != 2 || read[1].Max() < int64(10*time.Minute) {
		t.Fatalf("the overflow is not in the log: %v", read)
	}
}

func TestLogWithoutIntervals(t *testing.T) {
	var log bytes.Buffer
	if err := WriteLog(&log, "nothing", nil); err != nil || len(readLog(t, log.Bytes())) != 0 {
		t.Fatalf("%v\n%s", err, log.String())
	}
}
