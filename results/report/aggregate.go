package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"tritonsweep/results"
	"tritonsweep/results/histogram"
	"tritonsweep/results/pareto"
	"tritonsweep/results/stats"
	"tritonsweep/sweep"
)

// quantiles in the order of the columns.
var quantiles = []pareto.Quantile{pareto.P50, pareto.P90, pareto.P95, pareto.P99}

// group is the records of one point, one a round, and what becomes of them.
type group struct {
	point   Point
	records []results.Record // all, by round
	used    []results.Record // those whose figures count

	throughput pareto.Figure
	mean       pareto.Figure
	latency    map[pareto.Quantile]pareto.Figure
	// pooled are the quantiles of the requests of all rounds together.
	pooled map[pareto.Quantile]stats.Interval
	// whole are the latencies of several rounds; nil where one does not hold its own.
	whole *histogram.Histogram
	// at says when each round was measured, in seconds since the run began; nil
	// where the times say nothing about a drift.
	at map[int]float64
}

// groupRecords sorts the records of one model into points and controls, and
// those of the finals.
func groupRecords(records []results.Record) (points, control, finals []*group) {
	type key struct {
		settings       string
		load           sweep.Load
		control, final bool
	}
	byKey := map[key]*group{}
	for _, rec := range records {
		k := key{rec.Settings.Key(), rec.Load, rec.Control, rec.Final}
		if byKey[k] == nil {
			byKey[k] = &group{point: Point{
				Control: rec.Control, Final: rec.Final, Settings: rec.Settings, Load: rec.Load, Limit: pareto.Unlimited,
			}}
		}
		byKey[k].add(rec)
	}
	all := slices.SortedFunc(maps.Values(byKey), func(a, b *group) int {
		return cmp.Or(compareSettings(a.point.Settings, b.point.Settings), compareLoads(a.point.Load, b.point.Load))
	})
	for _, g := range all {
		switch {
		case g.point.Final:
			g.point.ID = fmt.Sprintf("f%d", len(finals)+1)
			finals = append(finals, g)
		case g.point.Control:
			g.point.ID = fmt.Sprintf("c%d", len(control)+1)
			control = append(control, g)
		default:
			g.point.ID = fmt.Sprintf("p%d", len(points)+1)
			points = append(points, g)
		}
	}
	return points, control, finals
}

// add keeps a record. Of a round that was measured twice the later record
// counts, unless only the earlier one can be used.
func (g *group) add(rec results.Record) {
	same := slices.IndexFunc(g.records, func(r results.Record) bool { return r.Round == rec.Round })
	switch {
	case same < 0:
		g.records = append(g.records, rec)
	case rec.Verdict.Usable() || !g.records[same].Verdict.Usable():
		g.records[same] = rec
	}
	slices.SortStableFunc(g.records, func(a, b results.Record) int { return cmp.Compare(a.Round, b.Round) })
}

// figures collects the intervals of the rounds that can be used.
func (g *group) figures() {
	g.throughput, g.mean = pareto.Figure{}, pareto.Figure{}
	g.latency = map[pareto.Quantile]pareto.Figure{}
	for _, q := range quantiles {
		g.latency[q] = pareto.Figure{}
	}
	for _, rec := range g.records {
		if !rec.Verdict.Usable() {
			continue
		}
		g.used = append(g.used, rec)
		g.throughput.Put(rec.Round, rec.Client.Throughput)
		g.mean.Put(rec.Round, rec.Client.Mean)
		for q, e := range map[pareto.Quantile]*results.Estimate{
			pareto.P50: rec.Client.P50, pareto.P90: rec.Client.P90,
			pareto.P95: rec.Client.P95, pareto.P99: rec.Client.P99,
		} {
			g.latency[q].Put(rec.Round, e)
		}
	}
	if len(g.used) > 1 {
		g.whole = merged(g.used)
	}
	g.pool(stats.DefaultNoise) // what is supported; how precise it is needs the noise
}

// times notes when the rounds were measured, counted from start.
func (g *group) times(start time.Time) {
	g.at = map[int]float64{}
	for _, rec := range g.used {
		g.at[rec.Round] = rec.Start.Sub(start).Seconds() + rec.Warmup + rec.Duration/2
	}
}

// join fills in the point from its rounds.
func (g *group) join(opts pareto.Options) {
	p := &g.point
	p.Rounds, p.Measured = len(g.used), len(g.records)
	p.Verdict = g.verdict()
	p.Active, p.Config = g.shown().Active, g.shown().Config
	p.Throughput = combine(g.throughput, opts.Throughput)
	g.pool(opts.Latency)
	g.missing()
	p.Latency = Latency{
		Mean: combine(g.mean, opts.Latency),
		P50:  g.estimate(pareto.P50, opts.Latency), P90: g.estimate(pareto.P90, opts.Latency),
		P95: g.estimate(pareto.P95, opts.Latency), P99: g.estimate(pareto.P99, opts.Latency),
	}
	for _, rec := range g.records {
		for status, n := range rec.Client.Errors {
			if p.Errors == nil {
				p.Errors = map[string]int64{}
			}
			p.Errors[status] += n
		}
	}
	p.ErrorRate = errorRate(g.records)
	for _, rec := range g.used {
		p.Requests += rec.Client.Requests
		p.Latency.Max = max(p.Latency.Max, rec.Client.Max)
	}
	p.Client, p.Server = joinClients(g.used), joinServers(g.used)
	p.Stages = joinStages(g.used)
	p.ContainerMemory = most(g.used, func(r results.Record) *int64 { return r.Resources.ContainerMemory })
	p.GPU = joinGPUs(g.used)
}

// errorRate is the share of failed requests.
func errorRate(records []results.Record) *float64 {
	var failed, all float64
	for _, rec := range records {
		all += float64(rec.Client.Requests)
		for _, n := range rec.Client.Errors {
			failed += float64(n)
			all += float64(n)
		}
	}
	if all == 0 {
		return nil
	}
	share := failed / all
	return &share
}

// verdict is the worst of the rounds that are used; without any, that of the last.
func (g *group) verdict() results.Verdict {
	for _, rec := range g.used {
		if rec.Verdict == results.Noisy {
			return results.Noisy
		}
	}
	return g.shown().Verdict
}

// shown is the record that speaks for what all rounds have in common.
func (g *group) shown() results.Record {
	if len(g.used) > 0 {
		return g.used[0]
	}
	return g.records[len(g.records)-1]
}

func combine(f pareto.Figure, noise stats.Noise) *results.Estimate {
	return pareto.Estimate(f.Combined(noise).Interval)
}

func joinClients(records []results.Record) *Client {
	var c Client
	var total float64
	for _, rec := range records {
		n := float64(rec.Client.Requests)
		total += n
		c.Send += n * rec.Client.Send
		c.Wait += n * rec.Client.Wait
		c.CPU += n * rec.Client.CPU
	}
	if total == 0 {
		return nil
	}
	return &Client{Send: c.Send / total, Wait: c.Wait / total, CPU: c.CPU / total, Arrivals: joinArrivals(records)}
}

// most returns the largest value that was reported.
func most(records []results.Record, value func(results.Record) *int64) *int64 {
	var largest *int64
	for _, rec := range records {
		if v := value(rec); v != nil && (largest == nil || *v > *largest) {
			largest = v
		}
	}
	return largest
}
