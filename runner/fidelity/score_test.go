package fidelity

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"tritonsweep/results"
	"tritonsweep/results/forecast"
	"tritonsweep/sweep/calibration"
	"tritonsweep/sweep/prediction"
)

// pair is a point as measured and as predicted.
type pair struct {
	what            string
	x, p95          float64 // measured: items a second, milliseconds (0 unknown)
	simX, simP95    float64
	marked          string // why the prediction asks to be measured
	batch, simBatch float64
	// apartX is by how much the second measurement's throughput differs from the
	// first's, as a ratio; 0 without one.
	apartX float64
}

func (p *pair) offX() float64   { return 100 * (p.simX/p.x - 1) }
func (p *pair) offP95() float64 { return 100 * (p.simP95/p.p95 - 1) }

// apartText says how far two measurements of the point are from their mean.
func (p *pair) apartText() string {
	if p.apartX == 0 {
		return ""
	}
	return fmt.Sprintf(" ±%4.1f %%", 50*math.Abs(math.Log(p.apartX)))
}

// p95Text is for a line of a table; some points have too few requests for a p95.
func (p *pair) p95Text() string {
	if p.p95 == 0 {
		return fmt.Sprintf("   n/a    predicted %6.2f           ", p.simP95)
	}
	return fmt.Sprintf("%6.2f ms predicted %6.2f (%+6.1f %%)", p.p95, p.simP95, p.offP95())
}

// pairs predicts the records that can be compared.
func pairs(c *calibration.Calibration, records []results.Record) ([]pair, error) {
	var out []pair
	var points []prediction.Point
	for i := range records {
		r := &records[i]
		if !r.Verdict.Usable() || r.Control || r.Client.Throughput == nil || r.Server == nil {
			continue
		}
		config, err := forecast.Config(r)
		if err != nil {
			return nil, err
		}
		points = append(points, prediction.Point{Config: config, Load: calibration.Load{Callers: r.Load.Concurrency, Batch: r.Load.BatchSize}})
		out = append(out, pair{
			what: describe(r), x: r.Client.Throughput.Value, p95: 1e3 * forecast.P95(r).Seconds(), batch: r.Server.AverageBatch,
		})
	}
	made, err := prediction.Space(context.Background(), c, points, prediction.Options{Seed: 11})
	if err != nil {
		return nil, err
	}
	for i := range out {
		f := &made.Forecasts[i]
		out[i].simX, out[i].simP95, out[i].simBatch = f.Throughput.Value, 1e3*f.P95.Value, f.MeanBatch.Value
		out[i].marked = strings.Join(f.MustMeasure, "; ")
	}
	return out, nil
}

// errors sums up absolute errors in per cent.
type errors struct{ mean, median, tail, rank float64 }

func sumUp(pairs []pair, measured, predicted func(*pair) float64) errors {
	var off, a, b []float64
	for i := range pairs {
		m, p := measured(&pairs[i]), predicted(&pairs[i])
		if m <= 0 {
			continue
		}
		off = append(off, math.Abs(100*(p/m-1)))
		a, b = append(a, m), append(b, p)
	}
	if len(off) == 0 {
		return errors{math.NaN(), math.NaN(), math.NaN(), math.NaN()}
	}
	e := errors{rank: spearman(a, b)}
	for _, x := range off {
		e.mean += x / float64(len(off))
	}
	slices.Sort(off)
	e.median, e.tail = quantile(off, 0.5), quantile(off, 0.9)
	return e
}

func sumUpBoth(pairs []pair) (x, p95 errors) {
	return sumUp(pairs, func(p *pair) float64 { return p.x }, func(p *pair) float64 { return p.simX }),
		sumUp(pairs, func(p *pair) float64 { return p.p95 }, func(p *pair) float64 { return p.simP95 })
}

func quantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// spearman is the correlation of ranks; ties share their mean rank.
func spearman(a, b []float64) float64 {
	ra, rb := ranks(a), ranks(b)
	var ma, mb, ab, aa, bb float64
	n := float64(len(a))
	for i := range ra {
		ma += ra[i] / n
		mb += rb[i] / n
	}
	for i := range ra {
		ab += (ra[i] - ma) * (rb[i] - mb)
		aa += (ra[i] - ma) * (ra[i] - ma)
		bb += (rb[i] - mb) * (rb[i] - mb)
	}
	return ab / math.Sqrt(aa*bb)
}

func ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(values[i], values[j]) })
	out := make([]float64, len(values))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && values[order[j]] == values[order[i]] {
			j++
		}
		for k := i; k < j; k++ {
			out[order[k]] = float64(i+j-1) / 2
		}
		i = j
	}
	return out
}

// missed names the goals that were not reached.
func (g goals) missed(x, p95 errors) (out []string) {
	for _, goal := range []struct {
		what      string
		got, most float64
	}{
		{"throughput, median", x.median, g.medianX}, {"throughput, 90th percentile", x.tail, g.tailX},
		{"p95, median", p95.median, g.medianP95}, {"p95, 90th percentile", p95.tail, g.tailP95},
	} {
		if !(goal.got <= goal.most) {
			out = append(out, fmt.Sprintf("%s %.1f %%, goal %.0f %%", goal.what, goal.got, goal.most))
		}
	}
	for what, rank := range map[string]float64{"throughput": x.rank, "p95": p95.rank} {
		if !(rank >= leastRank) {
			out = append(out, fmt.Sprintf("rank correlation of %s %.3f, goal %.2f", what, rank, leastRank))
		}
	}
	slices.Sort(out)
	return out
}
