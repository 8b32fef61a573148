package interference

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tritonsweep/results"
	"tritonsweep/sweep"
)

// world makes the records of models that keep a share of their throughput.
func world(rounds int, keeps map[string]float64) []results.Record {
	random := rand.New(rand.NewPCG(1, 2))
	var out []results.Record
	for round := 1; round <= rounds; round++ {
		for _, model := range []string{"detector", "embedder"} {
			for _, together := range []bool{false, true} {
				x := 1000 * math.Exp(0.01*random.NormFloat64())
				if together {
					x *= keeps[model]
				}
				around := func(v float64) *results.Estimate { return &results.Estimate{Value: v, Low: v * 0.98, High: v * 1.02} }
				var others []string
				if together {
					others = []string{"other"}
				}
				out = append(out, results.Record{
					Round: round, Model: model, Load: sweep.Load{Concurrency: 8, BatchSize: 1}, Together: others, Verdict: results.OK,
					Client: results.Client{Throughput: around(x), P50: around(8000 / x), P95: around(12000 / x)},
				})
			}
		}
	}
	return out
}

func TestAnalyze(t *testing.T) {
	records := world(4, map[string]float64{"detector": 1, "embedder": 0.6})
	records[0].Verdict, records[0].Reasons = results.Void, []string{"client-bound"}
	r := Analyze(records)
	if len(r.Models) != 2 || r.Models[0].Model != "embedder" || r.Rounds != 4 {
		t.Fatalf("%+v", r.Models)
	}
	hurt, free := r.Models[0], r.Models[1]
	if !hurt.Slower || hurt.Throughput.Low > 0.6 || hurt.Throughput.High < 0.6 || hurt.P50.Value < 1.5 {
		t.Errorf("a model that keeps 0.6: %+v", hurt)
	}
	if free.Slower || free.Throughput.Low > 1 || free.Throughput.High < 1 || free.Alone.Rounds != 3 || len(free.Lost) != 1 {
		t.Errorf("a model that keeps all: %+v", free)
	}
	out := strings.Join(slices.Concat(hurt.Lines(), free.Lines()), "\n")
	for _, want := range []string{"throughput ", "together: -4", "together: ≈ ", "round 1 alone: void: client-bound"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestAnalyzeNothing(t *testing.T) {
	r := Analyze([]results.Record{{Round: 1, Model: "m", Verdict: results.Failed, Reasons: []string{"gone"}}})
	if len(r.Models) != 1 || r.Models[0].Slower || r.Models[0].Throughput != nil {
		t.Errorf("%+v", r.Models)
	}
	if lines := r.Models[0].Lines(); !strings.Contains(strings.Join(lines, "\n"), "throughput n/a/s alone") || r.Legend() == "" {
		t.Errorf("%q", lines)
	}
}
