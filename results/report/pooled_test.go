package report

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tritonsweep/results"
	"tritonsweep/results/histogram"
	"tritonsweep/results/pareto"
)

// round is a record of so many latencies around a level, in which p99 may be
// missing: deff times as many requests as independent ones need.
func round(random *rand.Rand, number, requests int, level, deff float64, p99 bool) results.Record {
	h := histogram.New()
	for range requests {
		h.Record(time.Duration(level * math.Exp(0.3*random.NormFloat64()) * float64(time.Millisecond)))
	}
	at := func(p float64) *results.Estimate {
		v := float64(h.Quantile(p)) / 1e6
		return &results.Estimate{Value: v, Low: 0.97 * v, High: 1.03 * v}
	}
	data, err := h.MarshalBinary()
	if err != nil {
		panic(err)
	}
	r := results.Record{Round: number, Verdict: results.OK, Client: results.Client{
		Requests: int64(requests), P50: at(0.5), P90: at(0.9), P95: at(0.95), Histogram: data, Throughput: at(0.5)}}
	if p99 {
		r.Client.P99 = at(0.99)
	} else {
		r.Client.Missing = map[string]int64{"p99": max(int64(662*deff)-int64(requests), 1)}
	}
	return r
}

func grouped1(records ...results.Record) *group {
	g := &group{}
	for _, r := range records {
		g.add(r)
	}
	g.figures()
	g.join(pareto.Options{})
	return g
}

// Three rounds of 400 requests support no p99 alone, and do together.
func TestQuantilesOfAllRoundsTogether(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	g := grouped1(round(random, 1, 400, 10, 1.2, false), round(random, 2, 400, 10, 1.1, false), round(random, 3, 400, 10, 1, false))
	l := g.point.Latency
	if l.P99 == nil || g.point.Missing[pareto.P99] != 0 || !(l.P99.Low < l.P99.Value && l.P99.Value < l.P99.High) {
		t.Fatalf("p99 %+v, missing %v", l.P99, g.point.Missing)
	}
	if truth := 10 * math.Exp(0.3*2.326); truth < l.P99.Low || truth > l.P99.High {
		t.Errorf("p99 %+v does not hold %.1f", l.P99, truth)
	}
	// With a design effect of 3 they need 1,986 requests and have 1,200.
	g = grouped1(round(random, 1, 400, 10, 3, false), round(random, 2, 400, 10, 1, false), round(random, 3, 400, 10, 1, false))
	if more := g.point.Missing[pareto.P99]; g.point.Latency.P99 != nil || more != 786 {
		t.Errorf("p99 %+v, missing %d", g.point.Latency.P99, more)
	}
}

// A larger quantile is never smaller, whatever the rounds support: one round with a
// p99 that is lower than another's p95 must not print p99 below p95.
func TestQuantilesAreInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		var records []results.Record
		for i := range rapid.IntRange(1, 4).Draw(t, "rounds") {
			records = append(records, round(random, i+1, rapid.IntRange(300, 3000).Draw(t, "requests"),
				rapid.Float64Range(1, 40).Draw(t, "level"), rapid.Float64Range(1, 4).Draw(t, "deff"), rapid.Bool().Draw(t, "p99")))
		}
		l := grouped1(records...).point.Latency
		last := 0.0
		for _, e := range []*results.Estimate{l.P50, l.P90, l.P95, l.P99} {
			if e == nil {
				continue
			}
			if e.Value < last || e.Low > e.Value || e.High < e.Value {
				t.Fatalf("%+v", l)
			}
			last = e.Value
		}
	})
}
