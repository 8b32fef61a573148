package forecast_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"tritonsweep/results"
	"tritonsweep/results/forecast"
	"tritonsweep/results/forecast/forecasttest"
	"tritonsweep/sweep"
	"tritonsweep/sweep/batcher"
	"tritonsweep/sweep/calibration"
	"tritonsweep/tritonconfig"
)

// made predicts a small space from sample records.
func made(t *testing.T) *forecast.Forecast {
	t.Helper()
	runs, skipped := forecast.Runs(forecasttest.Records("r1", "face"), "face")
	if len(runs) != 5 || len(skipped) != 0 {
		t.Fatalf("%d runs, skipped %q", len(runs), skipped)
	}
	c, err := calibration.Fit(runs, 1)
	if err != nil {
		t.Fatal(err)
	}
	asked := forecast.Asked{
		Model: "face", Run: "r1", Base: batcher.Config{MaxBatch: forecasttest.MaxBatch, Dynamic: true, Instances: 1},
		Settings: []tritonconfig.Settings{{}}, Loads: sweep.Closed([]int{1, 8, 32}, []int{1}), Seed: 1,
	}
	for _, n := range []int{1, 2, 4} {
		for _, delay := range []uint64{0, 3000} {
			asked.Settings = append(asked.Settings, tritonconfig.Settings{InstanceCount: &n, MaxQueueDelay: &delay, PreferredBatchSizes: []int{8}})
		}
	}
	f, err := forecast.Make(t.Context(), c, asked)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestPredictionsAreClose: settings and loads that no record has.
func TestPredictionsAreClose(t *testing.T) {
	f := made(t)
	if f.Measured || len(f.Points) != 21 || f.Distinct >= len(f.Points) {
		t.Errorf("measured %v, %d points, %d of them distinct", f.Measured, len(f.Points), f.Distinct)
	}
	base := batcher.Config{MaxBatch: forecasttest.MaxBatch, Dynamic: true, Instances: 1}
	for _, p := range f.Points {
		truth := forecasttest.Record("face", base.With(p.Settings), p.Load.Concurrency)
		if off := p.Throughput.Value/truth.Client.Throughput.Value - 1; math.Abs(off) > 0.10 && len(p.MustMeasure) == 0 {
			t.Errorf("%s %s: predicted %.1f/s, is %.1f (%+.1f %%)", p.Settings, p.Load, p.Throughput.Value, truth.Client.Throughput.Value, 100*off)
		}
		if !(p.Throughput.Low < p.Throughput.Value && p.Throughput.Value < p.Throughput.High) {
			t.Errorf("%s %s: range %+v", p.Settings, p.Load, p.Throughput)
		}
	}
}

// TestViews: each says that nothing was measured, and holds every point.
func TestViews(t *testing.T) {
	f := made(t)
	var text, data, table bytes.Buffer
	if err := f.Text(&text, forecast.TextOptions{Most: 2}); err != nil {
		t.Fatal(err)
	}
	if err := f.JSON(&data); err != nil {
		t.Fatal(err)
	}
	if err := f.CSV(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{forecast.Notice, "calibrated from run r1", "c=8 b=1 (predicted)", "as configured", "replace none"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, &text)
		}
	}
	var back forecast.Forecast
	if err := json.Unmarshal(data.Bytes(), &back); err != nil || back.Measured || back.Notice != forecast.Notice || len(back.Points) != len(f.Points) {
		t.Errorf("JSON: %v, %d points", err, len(back.Points))
	}
	rows, err := csv.NewReader(&table).ReadAll()
	if err != nil || len(rows) != len(f.Points)+1 {
		t.Fatalf("CSV: %v, %d rows", err, len(rows))
	}
	for _, row := range rows[1:] {
		if row[0] != "false" {
			t.Errorf("row %q does not say that it was not measured", row)
		}
	}
}

// TestLimit: settings above the limit are not shown.
func TestLimit(t *testing.T) {
	f := made(t)
	var text bytes.Buffer
	if err := f.Text(&text, forecast.TextOptions{Most: 3, P95: 0.1}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(text.String(), "no settings keep to the limit"); got != 3 {
		t.Errorf("%d loads say that nothing keeps to 0.1 ms:\n%s", got, &text)
	}
}

// TestRunsLeavesOut: what cannot serve is named, and rounds become one run.
func TestRunsLeavesOut(t *testing.T) {
	records := forecasttest.Records("r1", "face")
	records = append(records, records[1], records[2], records[3], records[4])
	records[0].Verdict = results.Void
	records[6].Server = nil
	records[7].Config = nil
	records[8].Client.Errors = map[string]int64{"Unavailable": 1}
	records[5].Client.Throughput = &results.Estimate{Value: 3 * records[1].Client.Throughput.Value}
	runs, skipped := forecast.Runs(records, "face")
	if len(runs) != 4 || len(skipped) != 4 {
		t.Fatalf("%d runs, skipped %q", len(runs), skipped)
	}
	for i, want := range []string{"is void", "lacks the server's statistics", "not in the record", "requests failed"} {
		if !strings.Contains(skipped[i], want) {
			t.Errorf("skipped %q, want %q in it", skipped[i], want)
		}
	}
	if got, want := runs[0].Throughput, 2*records[1].Client.Throughput.Value; math.Abs(got/want-1) > 1e-9 {
		t.Errorf("two rounds have %v/s together, want %v", got, want)
	}
	if other, _ := forecast.Runs(records, "other"); len(other) != 0 {
		t.Errorf("%d runs of another model", len(other))
	}
}

// TestP95FromTheHistogram: a sample that supports no interval still has a p95.
func TestP95FromTheHistogram(t *testing.T) {
	r := forecasttest.Records("r1", "face")[0]
	if got := forecast.P95(&r); got <= 0 || got > time.Second {
		t.Errorf("p95 %v", got)
	}
	r.Client.P95, r.Client.Histogram = nil, []byte("nonsense")
	if got := forecast.P95(&r); got != 0 {
		t.Errorf("p95 %v from nonsense", got)
	}
}
