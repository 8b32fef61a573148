package report

import (
	"math"

	"tritonsweep/results"
	"tritonsweep/results/histogram"
	"tritonsweep/results/pareto"
	"tritonsweep/results/stats"
)

// levels say which part of the requests each quantile leaves below it.
var levels = map[pareto.Quantile]float64{pareto.P50: 0.5, pareto.P90: 0.9, pareto.P95: 0.95, pareto.P99: 0.99}

// merged returns the latencies of all records in one histogram; nil where one does
// not hold its own.
func merged(records []results.Record) *histogram.Histogram {
	whole := histogram.New()
	for _, rec := range records {
		one := histogram.New()
		if len(rec.Client.Histogram) == 0 || one.UnmarshalBinary(rec.Client.Histogram) != nil {
			return nil
		}
		whole.Merge(one)
	}
	return whole
}

// pool finds the quantiles of the requests of all rounds together. All quantiles
// come from the same requests, so a larger one is never smaller, and one that no
// round alone supports may be supported by all. One that all rounds together do
// not support is not reported, whatever single rounds did.
func (g *group) pool(noise stats.Noise) {
	g.pooled = map[pareto.Quantile]stats.Interval{}
	if len(g.used) < 2 {
		return // its own intervals say all
	}
	for _, q := range quantiles {
		lacking := len(g.used) - len(g.latency[q])
		switch {
		case lacking > 0 && (g.whole == nil || !g.poolLacking(q, noise)):
			g.latency[q] = pareto.Figure{}
		case lacking == 0 && g.whole != nil:
			c := g.latency[q].Combined(noise)
			value := float64(g.whole.Quantile(levels[q])) / 1e6
			scale := value / c.Value
			g.pooled[q] = stats.Interval{Value: value, Low: min(scale*c.Low, value), High: max(scale*c.High, value)}
		}
	}
}

// poolLacking tells whether the rounds together support a quantile that some of
// them did not, and notes it, or how many requests it lacks.
func (g *group) poolLacking(q pareto.Quantile, noise stats.Noise) bool {
	pooled := stats.PooledQuantile(levels[q], g.whole, g.designEffect(q))
	if pooled.Missing > 0 {
		g.lacks(q, pooled.Missing)
		return false
	}
	// Between rounds the server was started anew, which the order statistics of
	// what was seen do not know.
	between := stats.Combine([]stats.Interval{{Value: 1, Low: 1, High: 1}, {Value: 1, Low: 1, High: 1}}, noise)
	wider := math.Log(between.High) * math.Sqrt(2/float64(len(g.used)))
	widen := func(end float64) float64 { return math.Exp(math.Hypot(math.Log(end/pooled.Value), wider)) }
	g.pooled[q] = stats.Interval{
		Value: pooled.Value, Low: pooled.Value / widen(pooled.Low), High: pooled.Value * widen(pooled.High),
	}
	return true
}

// designEffect is that of the rounds that lack a quantile: they say how many
// requests it would have taken, which is its effect times those that independent
// requests would need. The worst round counts.
func (g *group) designEffect(q pareto.Quantile) float64 {
	deff := 1.0
	for _, rec := range g.used {
		if more := rec.Client.Missing[string(q)]; more > 0 {
			deff = max(deff, float64(rec.Client.Requests+more)/float64(stats.MinimumRequests(levels[q])))
		}
	}
	return deff
}

func (g *group) lacks(q pareto.Quantile, more int64) {
	if g.point.Missing == nil {
		g.point.Missing = map[pareto.Quantile]int64{}
	}
	g.point.Missing[q] = more
}

// estimate is a quantile over all rounds; nil where it is not supported.
func (g *group) estimate(q pareto.Quantile, noise stats.Noise) *results.Estimate {
	if pooled, ok := g.pooled[q]; ok {
		e := results.Estimate(pooled)
		return &e
	}
	return combine(g.latency[q], noise)
}

// missing notes the quantiles that are not supported, and how many more requests
// they need, where the rounds do not hold their histograms: as many as the round
// that is nearest to it says.
func (g *group) missing() {
	for _, q := range quantiles {
		if _, pooled := g.pooled[q]; pooled || len(g.latency[q]) > 0 || g.point.Missing[q] > 0 {
			continue
		}
		least := int64(0)
		for _, rec := range g.used {
			if more := rec.Client.Missing[string(q)]; more > 0 && (least == 0 || more < least) {
				least = more
			}
		}
		if least > 0 {
			g.lacks(q, least)
		}
	}
}
