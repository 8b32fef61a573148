package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
	"tritonsweep/results/stats"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// ComparisonVersion is the version of the JSON view of a Comparison.
const ComparisonVersion = 1

// Side is what stands on one side of a comparison.
type Side struct {
	Run     results.Run
	Records []results.Record
}

// Comparison sets points of one side beside the same points of another. All
// ratios are second by first: 1.2 is 20 % more.
type Comparison struct {
	Schema int    `json:"schema"`
	First  string `json:"first"`  // what it is: a run, or the name of a reference
	Second string `json:"second"` //
	// Across names the parts of the provenance that were allowed to differ, and
	// did: they are what is compared, besides everything that nobody recorded.
	Across []Difference `json:"across,omitempty"`
	Pairs  []Pair       `json:"pairs"`
	// NotCompared says what stands on one side only, or must not be compared.
	NotCompared []string `json:"not_compared,omitempty"`
	// Figures compare points with a recorded figure.
	Figures []FigurePair `json:"figures,omitempty"`
}

// Difference is a part of the provenance that differs.
type Difference struct {
	Model  string `json:"model"`
	Part   string `json:"part"` // for example "image"
	First  string `json:"first"`
	Second string `json:"second"`
}

// Pair is one point on both sides.
type Pair struct {
	Model    string                `json:"model"`
	Settings tritonconfig.Settings `json:"settings"`
	Control  bool                  `json:"control,omitempty"`
	Load     sweep.Load            `json:"load"`
	First    Seen                  `json:"first"`
	Second   Seen                  `json:"second"`
	// Throughput and Latency are ratios, with 95 % intervals; absent where a side
	// lacks the figure.
	Throughput *results.Estimate                     `json:"throughput,omitempty"`
	Latency    map[pareto.Quantile]*results.Estimate `json:"latency,omitempty"`
	Verdict    EffectVerdict                         `json:"verdict"`
}

// Seen is what one side measured.
type Seen struct {
	Rounds     int               `json:"rounds"`
	Requests   int64             `json:"requests"`
	Errors     int64             `json:"errors"`
	Throughput *results.Estimate `json:"throughput_per_s,omitempty"`
	Latency    Latency           `json:"latency_ms"`
}

// provenance are the parts that must be equal for a difference to mean
// something, by the words that --across takes.
var provenance = []struct {
	part string
	of   func(results.Environment) string
}{
	{"server", func(e results.Environment) string { return e.Server }},
	{"simulated", func(e results.Environment) string { return fmt.Sprint(e.Simulated) }},
	{"image", func(e results.Environment) string { return e.ImageDigest }},
	{"gpu", func(e results.Environment) string { return strings.Join(e.GPUModels, ", ") }},
	{"driver", func(e results.Environment) string { return e.GPUDriver }},
	{"model", func(e results.Environment) string { return e.ModelSHA256 }},
	{"model-version", func(e results.Environment) string { return e.ModelVersion }},
	{"config", func(e results.Environment) string { return e.ConfigSHA256 }},
	{"host", func(e results.Environment) string { return e.Host }},
	{"cpus", func(e results.Environment) string { return fmt.Sprint(e.CPUs) }},
	{"tool", func(e results.Environment) string { return e.Tool }},
	{"transport", func(e results.Environment) string { return e.Transport }},
	{"input", func(e results.Environment) string { return e.InputSource }},
	{"pipeline", func(e results.Environment) string { return e.Pipeline }},
}

// ProvenanceParts are the words for the parts that may be allowed to differ.
func ProvenanceParts() []string {
	var parts []string
	for _, p := range provenance {
		parts = append(parts, p.part)
	}
	return parts
}

// CompareRuns compares the points that two runs have in common: the same model,
// settings and load. A model whose provenance differs in a part that across does
// not name is not compared, because nobody could say what a difference comes
// from.
func CompareRuns(first, second Side, across []string) *Comparison {
	c := &Comparison{Schema: ComparisonVersion, First: "run " + first.Run.ID, Second: "run " + second.Run.ID, Pairs: []Pair{}}
	// Rounds of two runs are not pairs: nothing but their number is common.
	later := slices.Clone(second.Records)
	for i := range later {
		later[i].Round += apart
	}
	before, after := byModel(first.Records), byModel(later)
	for _, model := range sortedKeys(union(before, after)) {
		a, b := before[model], after[model]
		if len(a) == 0 || len(b) == 0 {
			c.not("%s: only in %s", model, map[bool]string{true: c.Second, false: c.First}[len(a) == 0])
			continue
		}
		differ := differences(model, a, b)
		if bad := slices.DeleteFunc(slices.Clone(differ), func(d Difference) bool { return slices.Contains(across, d.Part) }); len(bad) > 0 {
			c.not("%s: the two were measured under different conditions: %s", model, differenceText(bad))
			continue
		}
		c.Across = append(c.Across, differ...)
		c.pair(model, a, b)
	}
	c.sortPairs()
	return c
}

// apart keeps the rounds of two runs from being taken for pairs.
const apart = 1 << 20

// CompareTargets compares two targets of one run, which took turns in every
// round: with the same machine under both, rounds are pairs.
func CompareTargets(run Side, reference, target string) *Comparison {
	c := &Comparison{Schema: ComparisonVersion, First: reference, Second: target, Pairs: []Pair{}}
	all := byModel(run.Records)
	c.pair(target, all[reference], all[target])
	c.sortPairs()
	return c
}

func (c *Comparison) not(format string, args ...any) {
	c.NotCompared = append(c.NotCompared, fmt.Sprintf(format, args...))
}

func byModel(records []results.Record) map[string][]results.Record {
	out := map[string][]results.Record{}
	for _, r := range records {
		if len(r.Together) > 0 || r.Verdict == results.Inert {
			continue // beside others, or not measured: nothing to set beside a point
		}
		out[r.Model] = append(out[r.Model], r)
	}
	return out
}

func union[V any](a, b map[string]V) map[string]bool {
	all := map[string]bool{}
	for k := range a {
		all[k] = true
	}
	for k := range b {
		all[k] = true
	}
	return all
}

// differences compares the provenance of usable records.
func differences(model string, a, b []results.Record) []Difference {
	first, second := environment(a), environment(b)
	var out []Difference
	for _, p := range provenance {
		if x, y := p.of(first), p.of(second); x != y {
			out = append(out, Difference{model, p.part, x, y})
		}
	}
	return out
}

func differenceText(list []Difference) string {
	var parts []string
	for _, d := range list {
		parts = append(parts, fmt.Sprintf("%s %q and %q", d.Part, d.First, d.Second))
	}
	return strings.Join(parts, ", ")
}

// pairing is what the two points of a pair have in common.
type pairing struct {
	settings string
	control  bool
	load     sweep.Load
}

func grouped(records []results.Record) (map[pairing]*group, []*group) {
	points, control, _ := groupRecords(records)
	all := slices.Concat(control, points)
	out := map[pairing]*group{}
	for _, g := range all {
		g.figures() // without times: those of two runs say nothing about a drift
		out[pairing{g.point.Settings.Key(), g.point.Control, g.point.Load}] = g
	}
	return out, all
}

// pair compares one model's points.
func (c *Comparison) pair(model string, a, b []results.Record) {
	first, listed := grouped(a)
	second, others := grouped(b)
	opts := noiseOf(slices.Concat(listed, others))
	for _, g := range listed {
		key := pairing{g.point.Settings.Key(), g.point.Control, g.point.Load}
		other := second[key]
		name := fmt.Sprintf("%s %s %s", model, label(g.point), g.point.Load)
		switch {
		case other == nil:
			c.not("%s: only in %s", name, c.First)
		case len(g.used) == 0 || len(other.used) == 0:
			c.not("%s: %s has no usable round", name, map[bool]string{true: c.First, false: c.Second}[len(g.used) == 0])
		default:
			c.Pairs = append(c.Pairs, newPair(model, g, other, opts))
		}
	}
	for _, g := range others {
		if first[pairing{g.point.Settings.Key(), g.point.Control, g.point.Load}] == nil {
			c.not("%s %s %s: only in %s", model, label(g.point), g.point.Load, c.Second)
		}
	}
}

// noiseOf is what equal starts differ by, from the rounds of both sides.
func noiseOf(groups []*group) pareto.Options {
	var throughput, latency []pareto.Figure
	for _, g := range groups {
		throughput = append(throughput, g.throughput)
		latency = append(latency, g.latency[pareto.P95])
	}
	return pareto.Options{
		Objective:  pareto.P95,
		Throughput: pareto.EstimateNoise(throughput, stats.DefaultNoise),
		Latency:    pareto.EstimateNoise(latency, stats.DefaultNoise),
	}
}

func newPair(model string, first, second *group, opts pareto.Options) Pair {
	first.join(opts)
	second.join(opts)
	p := Pair{
		Model: model, Settings: first.point.Settings, Control: first.point.Control, Load: first.point.Load,
		First: seen(first), Second: seen(second), Latency: map[pareto.Quantile]*results.Estimate{},
	}
	p.Throughput = ratio(second.throughput.RatioTo(first.throughput, opts.Throughput))
	for _, q := range quantiles {
		if r := ratio(second.latency[q].RatioTo(first.latency[q], opts.Latency)); r != nil {
			p.Latency[q] = r
		}
	}
	p.Verdict = pairVerdict(first.candidate(), second.candidate(), opts)
	return p
}

func seen(g *group) Seen {
	p := g.point
	return Seen{Rounds: p.Rounds, Requests: p.Requests, Errors: errorCount(p), Throughput: p.Throughput, Latency: p.Latency}
}

// pairVerdict weighs throughput and the largest quantile that both sides have.
// Every pair stands for itself: each is a question that the user asked.
func pairVerdict(first, second pareto.Candidate, opts pareto.Options) EffectVerdict {
	q := pareto.P50
	for _, candidate := range []pareto.Quantile{pareto.P90, pareto.P95} {
		if len(first.Latency[candidate]) > 0 && len(second.Latency[candidate]) > 0 {
			q = candidate
		}
	}
	better, worse := pareto.Compare(second, first, q, opts).Directions(opts, 1)
	switch {
	case second.Errors > first.Errors:
		return Worse
	case better > 0 && worse > 0:
		return Mixed
	case better > 0:
		return Better
	case worse > 0:
		return Worse
	}
	return NoDifference
}

// sortPairs puts the pairs in order.
func (c *Comparison) sortPairs() {
	slices.SortStableFunc(c.Pairs, func(a, b Pair) int {
		return cmp.Or(strings.Compare(a.Model, b.Model), compareSettings(a.Settings, b.Settings), compareLoads(a.Load, b.Load))
	})
}

// Worse counts the pairs that got worse.
func (c *Comparison) Worse() int {
	n := 0
	for _, p := range c.Pairs {
		if p.Verdict == Worse {
			n++
		}
	}
	return n
}
