package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
	"tritonsweep/tritonconfig"
)

// changed makes a side whose figures are those of a sample, multiplied.
func changed(s sample, id string, throughput, latency float64) Side {
	side := Side{Run: s.run}
	side.Run.ID = id
	times := func(e *results.Estimate, by float64) *results.Estimate {
		if e == nil {
			return nil
		}
		return &results.Estimate{Value: by * e.Value, Low: by * e.Low, High: by * e.High}
	}
	for _, r := range s.records {
		r.Run = id
		c := &r.Client
		c.Throughput = times(c.Throughput, throughput)
		c.Mean, c.P50, c.P90, c.P95, c.P99 = times(c.Mean, latency), times(c.P50, latency), times(c.P90, latency), times(c.P95, latency), times(c.P99, latency)
		side.Records = append(side.Records, r)
	}
	return side
}

func TestCompareRuns(t *testing.T) {
	s := delaySweep(1, 8, 32)
	first := changed(s, "one", 1, 1)
	for _, test := range []struct {
		throughput, latency float64
		want                EffectVerdict
	}{
		{1, 1, NoDifference}, {1.5, 1, Better}, {1, 0.5, Better}, {0.5, 1, Worse}, {1, 2, Worse}, {2, 2, Mixed},
	} {
		c := CompareRuns(first, changed(s, "two", test.throughput, test.latency), nil)
		if len(c.Pairs) != 18 || len(c.NotCompared) != 0 {
			t.Fatalf("%d pairs, not compared %v", len(c.Pairs), c.NotCompared)
		}
		for _, p := range c.Pairs {
			if p.Verdict != test.want {
				t.Errorf("throughput x %g, latency x %g: %s %s is %q, want %q", test.throughput, test.latency, p.Settings, p.Load, p.Verdict, test.want)
			}
			near := func(e *results.Estimate, want float64) bool {
				return e != nil && math.Abs(e.Value/want-1) < 1e-9 && e.Low < want && e.High > want
			}
			if !near(p.Throughput, test.throughput) || !near(p.Latency[pareto.P95], test.latency) {
				t.Errorf("ratios %+v and %+v, want %g and %g", p.Throughput, p.Latency[pareto.P95], test.throughput, test.latency)
			}
		}
	}
}

func TestWhatMustNotBeCompared(t *testing.T) {
	s := delaySweep(1, 8)
	first := changed(s, "one", 1, 1)
	second := changed(s, "two", 1, 1)
	for i := range second.Records {
		second.Records[i].Environment.ImageDigest = "sha256:other"
		second.Records[i].Environment.Host = "elsewhere"
	}
	c := CompareRuns(first, second, []string{"image"})
	if len(c.Pairs) != 0 || len(c.NotCompared) != 1 || !strings.Contains(c.NotCompared[0], `different conditions: host "bench-1" and "elsewhere"`) {
		t.Errorf("%d pairs, %q", len(c.Pairs), c.NotCompared)
	}
	c = CompareRuns(first, second, []string{"image", "host"})
	if len(c.Pairs) != 9 || len(c.Across) != 2 {
		t.Errorf("%d pairs across %v", len(c.Pairs), c.Across)
	}

	// Each part alone is enough, and may be allowed.
	for part, change := range map[string]func(*results.Environment){
		"server":    func(e *results.Environment) { e.Server = "triton 2.99.0" },
		"simulated": func(e *results.Environment) { e.Simulated = !e.Simulated },
		"image":     func(e *results.Environment) { e.ImageDigest = "sha256:other" },
		"driver":    func(e *results.Environment) { e.GPUDriver = "580.1" },
		"gpu":       func(e *results.Environment) { e.GPUModels = []string{"NVIDIA H200"} },
		"model":     func(e *results.Environment) { e.ModelSHA256 = "other" },
		"tool":      func(e *results.Environment) { e.Tool = "0.0.0" },
		"input":     func(e *results.Environment) { e.InputSource = "file:other.json" },
		"transport": func(e *results.Environment) { e.Transport = "http" },
	} {
		second = changed(s, "two", 1, 1)
		for i := range second.Records {
			change(&second.Records[i].Environment)
		}
		if c := CompareRuns(first, second, nil); len(c.Pairs) != 0 || len(c.NotCompared) != 1 || !strings.Contains(c.NotCompared[0], "different conditions: "+part+" ") {
			t.Errorf("%s: %d pairs, %q", part, len(c.Pairs), c.NotCompared)
		}
		if c := CompareRuns(first, second, []string{part}); len(c.Pairs) != 9 {
			t.Errorf("across %s: %d pairs, %q", part, len(c.Pairs), c.NotCompared)
		}
	}

	// Points that one side lacks or could not measure, and another model.
	second = changed(s, "two", 1, 1)
	kept := second.Records[:0]
	for _, r := range second.Records {
		switch delayOf(r) {
		case 1000:
			continue
		case 2000:
			r.Verdict, r.Reasons = results.Void, []string{"little"}
		}
		kept = append(kept, r)
	}
	extra := kept[0]
	extra.Model = "other"
	second.Records = append(kept, extra)
	c = CompareRuns(first, second, nil)
	if len(c.Pairs) != 7 {
		t.Errorf("%d pairs", len(c.Pairs))
	}
	for _, want := range []string{"queue delay 1 ms c=8 b=1: only in run one", "queue delay 2 ms c=8 b=1: run two has no usable round", "other: only in run two"} {
		if !strings.Contains(strings.Join(c.NotCompared, "\n"), want) {
			t.Errorf("not compared: %q, want %q", c.NotCompared, want)
		}
	}
}

// What fails more is worse, however fast it fails.
func TestErrorsAreWorse(t *testing.T) {
	s := delaySweep(1, 8)
	second := changed(s, "two", 2, 0.5)
	for i := range second.Records {
		second.Records[i].Client.Errors = map[string]int64{"Unavailable": 1}
	}
	c := CompareRuns(changed(s, "one", 1, 1), second, nil)
	if c.Worse() != len(c.Pairs) {
		t.Errorf("%d of %d are worse", c.Worse(), len(c.Pairs))
	}
}

func TestCompareTargets(t *testing.T) {
	s := pipelineSample(3)
	side := changed(s, "one", 1, 1)
	for i := range side.Records {
		if r := &side.Records[i]; r.Model == "ingest" {
			twin := side.Records[i]
			for _, other := range s.records {
				if other.Model == "face" && other.Round == r.Round && other.Load == r.Load {
					twin.Client = other.Client
				}
			}
			v := *twin.Client.Throughput
			twin.Client.Throughput = &results.Estimate{Value: 2 * v.Value, Low: 2 * v.Low, High: 2 * v.High}
			side.Records[i] = twin
		}
	}
	c := CompareTargets(side, "face", "ingest")
	if len(c.Pairs) != 4 || c.First != "face" || c.Second != "ingest" {
		t.Fatalf("%+v", c)
	}
	for _, p := range c.Pairs {
		if math.Abs(p.Throughput.Value-2) > 1e-9 || p.Verdict != Better {
			t.Errorf("%s: %+v %s", p.Load, p.Throughput, p.Verdict)
		}
	}
}

func TestCompareFigure(t *testing.T) {
	side := changed(pipelineSample(2), "one", 1, 1)
	for _, figure := range []RecordedFigure{{"throughput", 820, "README"}, {"p95", 10, "README"}, {"p99", 10, "README"}} {
		c := CompareFigure(side, "face", figure)
		if len(c.Figures)+len(c.NotCompared) != 4 || len(c.Figures) < 3 {
			t.Errorf("%s: %d figures, %q", figure.Quantity, len(c.Figures), c.NotCompared)
		}
		for _, f := range c.Figures {
			if math.Abs(f.Ratio.Value*figure.Value/f.Measured.Value-1) > 1e-9 || f.Ratio.Low >= f.Ratio.High {
				t.Errorf("%+v", f)
			}
		}
	}
}

// The views are harmless and agree with the JSON.
func TestComparisonViews(t *testing.T) {
	s := hostile()
	first := changed(s, "one\x1b[31m", 1, 1)
	second := changed(s, "two<script>|", 1.5, 1)
	for i := range second.Records {
		second.Records[i].Environment.Image = ""
		second.Records[i].Environment.ImageDigest = "=1+1|`x`"
	}
	c := CompareRuns(first, second, []string{"image"})
	c.Figures = CompareFigure(first, s.run.Plan.Models()[0], RecordedFigure{"throughput", 820, "=HYPERLINK(1)\x1b"}).Figures
	if len(c.Pairs) == 0 || len(c.Figures) == 0 {
		t.Fatalf("%+v", c)
	}
	for name, view := range map[string]func(io.Writer) error{
		"text": func(w io.Writer) error { return c.Text(w, TextOptions{}) }, "markdown": c.Markdown, "csv": c.CSV, "json": c.JSON,
	} {
		var out bytes.Buffer
		if err := view(&out); err != nil {
			t.Fatal(err)
		}
		outside := regexp.MustCompile("`+[^`]*`+").ReplaceAllString(out.String(), "") // of code spans, which are literal
		if strings.ContainsAny(out.String(), "\x1b\r\u202e") || name == "markdown" && strings.Contains(outside, "<script>") {
			t.Errorf("%s is not harmless:\n%s", name, out.String())
		}
		for line := range strings.Lines(out.String()) {
			if name == "csv" && strings.ContainsAny(line[:1], "=+-@") {
				t.Errorf("a spreadsheet would compute %q", line)
			}
		}
		if name == "json" {
			var back Comparison
			if err := json.Unmarshal(out.Bytes(), &back); err != nil || fmt.Sprint(len(back.Pairs)) != fmt.Sprint(len(c.Pairs)) {
				t.Errorf("%v", err)
			}
		}
	}
}

func TestPairsOfSettings(t *testing.T) {
	p := Pair{Model: "m", Settings: tritonconfig.Settings{}, Throughput: nil, Latency: map[pareto.Quantile]*results.Estimate{}}
	if got := strings.Join(pairCells(p), "|"); !strings.Contains(got, "n/a") {
		t.Errorf("%s", got)
	}
}
