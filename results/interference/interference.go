// Package interference says what models that are loaded at the same time cost
// each other.
//
// In every round each model is measured alone, and all together under the same
// loads, in a shuffled order. What a model loses is the ratio of the two, round
// by round, with an interval that allows for the noise between rounds. A ratio
// whose interval holds 1, or that is smaller than that noise, is no interference.
package interference

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
	"tritonsweep/results/stats"
	"tritonsweep/sweep"
)

// Name is the command, and the name of its plans.
const Name = "interference"

// Report is what came out.
type Report struct {
	Rounds int `json:"rounds"`
	// Models holds one entry a model, the one that suffers most first.
	Models []Effect `json:"models"`
}

// Effect is what the others do to one model. Ratios are together by alone: 0.8
// of throughput is a fifth lost. What was not measured is absent.
type Effect struct {
	Model    string     `json:"model"`
	Load     sweep.Load `json:"load"`
	Alone    Figures    `json:"alone"`
	Together Figures    `json:"together"`

	Throughput *results.Estimate `json:"throughput_ratio,omitempty"`
	P50        *results.Estimate `json:"p50_ratio,omitempty"`
	P95        *results.Estimate `json:"p95_ratio,omitempty"`
	// Slower is true where throughput or latency is worse beyond the noise.
	Slower bool `json:"slower"`
	// Lost says why rounds could not be used.
	Lost []string `json:"lost,omitempty"`
}

// Figures are joined over the rounds.
type Figures struct {
	Rounds     int               `json:"rounds"`
	Throughput *results.Estimate `json:"throughput_per_s,omitempty"`
	P50        *results.Estimate `json:"latency_p50_ms,omitempty"`
	P95        *results.Estimate `json:"latency_p95_ms,omitempty"`
}

// side gathers one model's rounds, alone or together.
type side struct{ throughput, p50, p95 pareto.Figure }

func newSide() side { return side{pareto.Figure{}, pareto.Figure{}, pareto.Figure{}} }

// Analyze compares the records of a run: each model's alone, and those together
// with others.
func Analyze(records []results.Record) *Report {
	r := &Report{Models: []Effect{}}
	type key struct {
		model    string
		together bool
	}
	sides := map[key]side{}
	effects := map[string]*Effect{}
	var names []string
	for _, s := range records {
		together := len(s.Together) > 0
		r.Rounds = max(r.Rounds, s.Round)
		if effects[s.Model] == nil {
			effects[s.Model] = &Effect{Model: s.Model, Load: s.Load}
			names = append(names, s.Model)
			sides[key{s.Model, false}], sides[key{s.Model, true}] = newSide(), newSide()
		}
		if !s.Verdict.Usable() {
			effects[s.Model].Lost = append(effects[s.Model].Lost, fmt.Sprintf("round %d %s: %s: %s", s.Round, Occasion(s), s.Verdict, strings.Join(s.Reasons, "; ")))
			continue
		}
		to := sides[key{s.Model, together}]
		to.throughput.Put(s.Round, s.Client.Throughput)
		to.p50.Put(s.Round, s.Client.P50)
		to.p95.Put(s.Round, s.Client.P95)
	}
	var throughput, latency []pareto.Figure
	for _, name := range names { // in order, so that sums are the same to the bit
		for _, together := range []bool{false, true} {
			s := sides[key{name, together}]
			throughput, latency = append(throughput, s.throughput), append(latency, s.p50)
		}
	}
	noise := pareto.EstimateNoise(throughput, stats.DefaultNoise)
	slow := pareto.EstimateNoise(latency, stats.DefaultNoise)
	for _, name := range names {
		e := effects[name]
		e.compare(sides[key{name, false}], sides[key{name, true}], noise, slow)
		r.Models = append(r.Models, *e)
	}
	slices.SortStableFunc(r.Models, func(a, b Effect) int { return cmp.Compare(a.keeps(), b.keeps()) })
	return r
}

// Occasion says in a word how a record was measured.
func Occasion(r results.Record) string {
	if len(r.Together) > 0 {
		return "together"
	}
	return "alone"
}

func (e *Effect) compare(alone, together side, noise, slow stats.Noise) {
	e.Alone, e.Together = figures(alone, noise, slow), figures(together, noise, slow)
	throughput := together.throughput.RatioTo(alone.throughput, noise)
	p50, p95 := together.p50.RatioTo(alone.p50, slow), together.p95.RatioTo(alone.p95, slow)
	e.Throughput, e.P50, e.P95 = pareto.Estimate(throughput.Interval), pareto.Estimate(p50.Interval), pareto.Estimate(p95.Interval)
	e.Slower = throughput.Value < 1 && throughput.Significant(pareto.Floor(noise)) ||
		p50.Value > 1 && p50.Significant(pareto.Floor(slow))
}

// keeps is the share of its throughput that a model keeps; one that was not
// measured goes last.
func (e Effect) keeps() float64 {
	if e.Throughput == nil {
		return 1e9
	}
	return e.Throughput.Value
}

func figures(s side, noise, slow stats.Noise) Figures {
	return Figures{
		Rounds: len(s.throughput), Throughput: pareto.Estimate(s.throughput.Combined(noise).Interval),
		P50: pareto.Estimate(s.p50.Combined(slow).Interval), P95: pareto.Estimate(s.p95.Combined(slow).Interval),
	}
}

// Legend explains the figures of Lines.
func (r *Report) Legend() string {
	text := fmt.Sprintf("Ratios are together by alone, with 95 %% intervals over %d rounds. ≈ is no significant difference.", r.Rounds)
	if r.Rounds == 1 {
		text = "Ratios are together by alone, with 95 % intervals of one round: how much rounds differ was not measured (hint: --rounds 3)."
	}
	return text
}

// Lines puts into words what the others cost the model.
func (e Effect) Lines() []string {
	word := "≈ "
	if e.Slower || e.Throughput == nil {
		word = ""
	}
	lines := []string{
		fmt.Sprintf("throughput %s/s alone, %s/s together: %s%s", value(e.Alone.Throughput), value(e.Together.Throughput), word, ratio(e.Throughput)),
		fmt.Sprintf("p50 %s ms alone, %s ms together: %s%s", value(e.Alone.P50), value(e.Together.P50), word, ratio(e.P50)),
	}
	if e.P95 != nil {
		lines = append(lines, fmt.Sprintf("p95 %s ms alone, %s ms together: %s", value(e.Alone.P95), value(e.Together.P95), ratio(e.P95)))
	}
	return append(lines, e.Lost...)
}

func value(e *results.Estimate) string {
	if e == nil {
		return "n/a"
	}
	return fmt.Sprintf("%.4g", e.Value)
}

func ratio(e *results.Estimate) string {
	if e == nil {
		return "n/a"
	}
	return fmt.Sprintf("%+.1f%% [%+.1f%%, %+.1f%%]", 100*(e.Value-1), 100*(e.Low-1), 100*(e.High-1))
}
