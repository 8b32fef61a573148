package main

import (
	"fmt"
	"io"
	"strings"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
	"tritonsweep/results/report"
	"tritonsweep/sweep"
)

// canary judges a change by one load, measured before it and after it: beside
// each other, beside what the run predicted, and beside the run's limit.
type canary struct {
	*proposal
	out   io.Writer
	lines []string // what was measured, for people
}

func newCanary(p *proposal, out io.Writer) *canary { return &canary{proposal: p, out: out} }

// judge returns why the change must not stay.
func (k *canary) judge(before, after results.Record) error {
	measured := report.Side{Run: k.asRun(), Records: []results.Record{before, after}}
	now := report.Analyze(measured.Run, measured.Records)
	then := report.CompareRuns(report.Side{Run: k.run, Records: k.records}, measured, report.ProvenanceParts())
	k.print(then, before, after)
	if !after.Verdict.Usable() {
		return unmeasured(fmt.Sprintf("%s: %s", after.Verdict, strings.Join(after.Reasons, "; ")))
	}
	if reason := k.worse(now.Models[0], then, before, after); reason != "" {
		return withCode(exitLimit, fmt.Errorf("the change was taken back: %s", reason))
	}
	if now.Models[0].Points[0].Limit == pareto.Unknown { // what nobody saw met must not stay
		return unmeasured("too few requests to know whether the limit is met: " + strings.Join(after.Reasons, "; "))
	}
	return nil
}

func unmeasured(why string) error {
	return withCode(exitSome, fmt.Errorf("the change was taken back, because its canary could not be measured: %s (hint: try again on a quieter server, a longer --canary-duration, or --no-canary)", why))
}

// worse returns what is worse than it was, or than it was said to be.
func (k *canary) worse(now report.Model, then *report.Comparison, before, after results.Record) string {
	q := k.objective
	p := now.Points[0]
	switch {
	case len(after.Client.Errors) > 0 && len(before.Client.Errors) == 0:
		return fmt.Sprintf("requests fail with the new settings: %v", after.Client.Errors)
	case p.Limit == pareto.Missed:
		return "the new settings miss the limit that the run said they meet: " + figures(p.Throughput, q, p.Latency.Get(q))
	case p.NotRecommended != "" && p.Latency.Get(q) != nil:
		return p.NotRecommended
	case p.Effect != nil && p.Effect.Verdict == report.Worse:
		return "the new settings are worse than the old ones were a minute ago: " + ratios(p.Effect.Throughput, q, p.Effect.Latency[q])
	}
	predicted, control := pairOf(then, after), pairOf(then, before)
	if predicted == nil || predicted.Verdict != report.Worse {
		return ""
	}
	if control != nil && control.Verdict == report.Worse {
		k.say("note: both are slower than the run measured them: the server is busier now, and the change is judged beside the old settings")
		return ""
	}
	return "the new settings are worse than the run predicted, and the old ones are not: " + ratios(predicted.Throughput, q, predicted.Latency[q])
}

// pairOf returns what the run measured beside the record.
func pairOf(then *report.Comparison, r results.Record) *report.Pair {
	for i, p := range then.Pairs {
		if p.Control == r.Control && p.Load == r.Load && p.Settings.Key() == r.Settings.Key() {
			return &then.Pairs[i]
		}
	}
	return nil
}

// asRun is the run that the two records make.
func (k *canary) asRun() results.Run {
	return results.Run{
		ID: "canary", Plan: sweep.Plan{Sweep: "apply", Rounds: 1, Seed: k.run.Plan.Seed},
		Limit: k.run.Limit, Objective: string(k.objective), Originals: k.run.Originals,
	}
}

// print shows prediction and measurements side by side.
func (k *canary) print(then *report.Comparison, before, after results.Record) {
	q := k.objective
	k.say("canary at %s", k.point.Load)
	k.say("  %-12s  %s", "predicted", figures(k.point.Throughput, q, k.point.Latency.Get(q)))
	for _, r := range []results.Record{before, after} {
		name := "before"
		if !r.Control {
			name = "after"
		}
		text := figures(r.Client.Throughput, q, quantileOf(r.Client, q))
		if !r.Verdict.Usable() {
			text = fmt.Sprintf("%s: %s", r.Verdict, strings.Join(r.Reasons, "; "))
		}
		k.say("  %-12s  %s", name, text)
	}
}

func (k *canary) say(format string, args ...any) {
	line := printable(fmt.Sprintf(format, args...))
	k.lines = append(k.lines, line)
	fmt.Fprintln(k.out, line)
}

func quantileOf(c results.Client, q pareto.Quantile) *results.Estimate {
	return map[pareto.Quantile]*results.Estimate{pareto.P50: c.P50, pareto.P90: c.P90, pareto.P95: c.P95, pareto.P99: c.P99}[q]
}

// figures writes a throughput and a latency with their intervals.
func figures(throughput *results.Estimate, q pareto.Quantile, latency *results.Estimate) string {
	return fmt.Sprintf("%s, %s %s", estimate(throughput, "/s"), q, estimate(latency, " ms"))
}

func estimate(e *results.Estimate, unit string) string {
	if e == nil {
		return "n/a"
	}
	return fmt.Sprintf("%.4g%s [%.4g, %.4g]", e.Value, unit, e.Low, e.High)
}

// ratios writes how much more or less a throughput and a latency are.
func ratios(throughput *results.Estimate, q pareto.Quantile, latency *results.Estimate) string {
	return fmt.Sprintf("throughput %s, %s %s", ratio(throughput), q, ratio(latency))
}

func ratio(e *results.Estimate) string {
	if e == nil {
		return "n/a"
	}
	return fmt.Sprintf("%+.0f%% [%+.0f%%, %+.0f%%]", 100*(e.Value-1), 100*(e.Low-1), 100*(e.High-1))
}
