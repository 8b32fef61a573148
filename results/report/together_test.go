package report

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"tritonsweep/results"
	"tritonsweep/results/interference"
	"tritonsweep/sweep"
)

// Two such runs are compared by what was measured alone.
func TestTogetherIsNotCompared(t *testing.T) {
	run, records := togetherRecords()
	later := run
	later.ID = "20261126-130000-abcd"
	c := CompareRuns(Side{Run: run, Records: records}, Side{Run: later, Records: records}, nil)
	if len(c.Pairs) != 2 {
		t.Fatalf("%+v", c)
	}
	for _, p := range c.Pairs {
		if r := p.Throughput; r == nil || r.Value < 0.99 || r.Value > 1.01 {
			t.Errorf("%+v", p)
		}
	}
}

func together() *Report { return Analyze(togetherRecords()) }

// togetherRecords makes the records of two models, one of which keeps 60 % of its
// throughput; the other's name is somebody's joke.
func togetherRecords() (results.Run, []results.Record) {
	const joke = "em<script>\x1b[31m|bedder"
	load := sweep.Load{Concurrency: 8, BatchSize: 1}
	loads := map[string]sweep.Load{"detector": load, joke: load}
	run := results.Run{ID: "20261126-120000-abcd", Start: sampleStart, Outcome: "done", Plan: sweep.NewTogether(interference.Name, []string{"detector", joke}, loads, 3, 1)}
	var records []results.Record
	for i, t := range run.Plan.Trials {
		x, others := 1000.0, []string(nil)
		if t.Together {
			others = []string{"the other"}
			if t.Model == "detector" {
				x = 600
			}
		}
		around := func(v float64) *results.Estimate { return &results.Estimate{Value: v, Low: 0.98 * v, High: 1.02 * v} }
		records = append(records, results.Record{
			Run: run.ID, Sequence: i + 1, Round: t.Round, Model: t.Model, Control: true, Load: load, Together: others, Verdict: results.OK,
			Client: results.Client{Requests: 1000, Throughput: around(x), P50: around(8000 / x), P95: around(12000 / x)},
		})
	}
	return run, records
}

func TestModelsAtTheSameTime(t *testing.T) {
	r := together()
	if len(r.Models) != 0 || r.Interference == nil || r.Interference.Models[0].Model != "detector" || !r.Interference.Models[0].Slower || r.Interference.Models[1].Slower {
		t.Fatalf("%+v", r.Interference)
	}
	s := Summarize([]*Report{r})
	views := map[string]func(io.Writer) error{
		"text": func(w io.Writer) error { return r.Text(w, TextOptions{Width: 100}) }, "markdown": r.Markdown, "csv": r.CSV, "html": r.HTML, "json": r.JSON,
		"summary": func(w io.Writer) error { return s.Text(w, TextOptions{Width: 100}) }, "summary markdown": s.Markdown,
		"summary html": func(w io.Writer) error { return s.HTML(w, nil) }, "summary json": s.JSON,
	}
	for name, view := range views {
		var out bytes.Buffer
		if err := view(&out); err != nil {
			t.Fatal(err)
		}
		want := "-40"
		if strings.HasSuffix(name, "json") || name == "csv" {
			want = "0.6"
		}
		if !strings.Contains(out.String(), "detector") || !strings.Contains(out.String(), want) {
			t.Errorf("%s does not say that the detector loses 40 %%:\n%s", name, out.String())
		}
		if strings.Contains(out.String(), "\x1b") || strings.HasSuffix(name, "html") && strings.Contains(out.String(), "em<script>") {
			t.Errorf("%s lets a name out as it is", name)
		}
	}
}
