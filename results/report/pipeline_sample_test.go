package report

import (
	"strings"
	"testing"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
	"tritonsweep/tritonconfig"
)

// pipelineSample is a run of an API with two targets, one of which has names
// that try to break out.
func pipelineSample(rounds int) sample {
	const bad = "embed\x1b[31m|<b>=1+1"
	s := newSample("pipeline", []string{"face", "ingest"}, []tritonconfig.Settings{{}}, concurrencies(1, 4, 16, 64), rounds, &world{effect: 1})
	s.run.Originals = nil
	s.run.Goals = map[string]float64{"face": 200, "ingest": 90000}
	for i := range s.records {
		r := &s.records[i]
		r.Server, r.Config, r.Active = nil, nil, tritonconfig.Settings{}
		r.Environment = results.Environment{Tool: "0.1.0", Host: "bench-1", Transport: "http", Pipeline: "http://127.0.0.1:4603/v1/" + r.Model}
		mean := r.Client.Mean.Value
		half, most := 0.5*mean, 0.9*mean
		r.Stages = []results.Stage{
			{Name: "detect", Requests: r.Client.Requests, Mean: half, P50: &half, P95: &most, P99: &most},
			{Name: bad, Requests: 5, Mean: mean / 4},
		}
	}
	return s
}

func init() { samples["pipeline"] = func() sample { return pipelineSample(2) } }

func TestStagesOfRoundsAreJoined(t *testing.T) {
	one, three := 1.0, 3.0
	got := joinStages([]results.Record{
		{Stages: []results.Stage{{Name: "a", Requests: 10, Mean: 1, P50: &one, P95: &one}}},
		{Stages: []results.Stage{{Name: "a", Requests: 30, Mean: 3, P50: &three}, {Name: "b", Requests: 1, Mean: 9}}},
	})
	if len(got) != 2 || got[0].Name != "b" || got[1].Requests != 40 || got[1].Mean != 2.5 || *got[1].P50 != 2 || got[1].P95 != nil {
		t.Errorf("%+v", got)
	}
}

func TestGoals(t *testing.T) {
	throughput := func(value, low, high float64) func(*results.Record) {
		return func(r *results.Record) {
			r.Client.Throughput = &results.Estimate{Value: value, Low: low, High: high}
		}
	}
	for _, test := range []struct {
		name     string
		change   func(*results.Record)
		limit    results.Limit
		standing pareto.Standing
		headline string
	}{
		{"met", throughput(250, 240, 260), results.Limit{}, pareto.Met, "is met: 250/s [240, 260] at concurrency"},
		{"barely", throughput(205, 150, 280), results.Limit{}, pareto.Barely, "is met by the point estimate, but not for certain"},
		{"perhaps", throughput(195, 150, 280), results.Limit{}, pareto.Unknown, "may be missed"},
		{"missed", throughput(100, 95, 105), results.Limit{}, pareto.Missed, "is missed: at most 100/s"},
		{"too slow", throughput(250, 240, 260), results.Limit{P95: 0.001}, pareto.Missed, "within p95 ≤ 0.001 ms is missed: no measured load counts"},
		{"errors", func(r *results.Record) { r.Client.Errors = map[string]int64{"HTTP 503": 1} }, results.Limit{}, pareto.Missed, "is missed: no measured load counts"},
		{"nothing", spoil(results.Failed, "no answer"), results.Limit{}, pareto.Unknown, "nothing is known"},
	} {
		s := pipelineSample(1)
		s.run.Limit = test.limit
		s.edit(func(r results.Record) bool { return r.Model == "face" }, test.change)
		m := s.report().Models[0]
		if m.Goal == nil || m.Goal.Standing != test.standing || !strings.Contains(m.Recommendation.Headline, test.headline) {
			t.Errorf("%s: %+v, %q", test.name, m.Goal, m.Recommendation.Headline)
		}
		if (m.Goal.Point == "") != strings.Contains(test.headline, "nothing is known") && (m.Goal.Point == "") != strings.Contains(test.headline, "no measured load") {
			t.Errorf("%s: point %q", test.name, m.Goal.Point)
		}
	}
}
