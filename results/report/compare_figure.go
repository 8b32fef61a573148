package report

import (
	"fmt"
	"slices"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
	"tritonsweep/sweep"
)

// RecordedFigure is a figure from elsewhere, that nobody measures again: a
// paper's, a README's. Nothing is known about its spread or its conditions.
type RecordedFigure struct {
	Quantity string  `json:"quantity"` // "throughput", in requests a second, or "p50", "p90", "p95", "p99", in ms
	Value    float64 `json:"value"`
	Source   string  `json:"source"`
}

// FigurePair sets a measured point beside a recorded figure.
type FigurePair struct {
	Model  string         `json:"model"`
	Load   sweep.Load     `json:"load"`
	Figure RecordedFigure `json:"figure"`
	// Measured is the same quantity here; Ratio is it by the recorded one. Its
	// interval is that of the measured side alone.
	Measured results.Estimate `json:"measured"`
	Ratio    results.Estimate `json:"ratio"`
}

// CompareFigure compares a target with a recorded figure: under each load that
// has the quantity.
func CompareFigure(run Side, target string, figure RecordedFigure) *Comparison {
	c := &Comparison{Schema: ComparisonVersion, First: fmt.Sprintf("%s (recorded)", figure.Source), Second: target, Pairs: []Pair{}}
	_, groups := grouped(byModel(run.Records)[target])
	opts := noiseOf(groups)
	for _, g := range groups {
		g.join(opts)
		measured := g.point.Throughput
		if figure.Quantity != "throughput" {
			measured = g.point.Latency.Get(pareto.Quantile(figure.Quantity))
		}
		if measured == nil {
			c.not("%s %s: no %s (a usable round with enough requests is needed)", target, g.point.Load, figure.Quantity)
			continue
		}
		c.Figures = append(c.Figures, FigurePair{
			Model: target, Load: g.point.Load, Figure: figure, Measured: *measured,
			Ratio: results.Estimate{Value: measured.Value / figure.Value, Low: measured.Low / figure.Value, High: measured.High / figure.Value},
		})
	}
	slices.SortStableFunc(c.Figures, func(a, b FigurePair) int { return compareLoads(a.Load, b.Load) })
	return c
}
