package main

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tritonsweep/results"
	"tritonsweep/results/report"
	"tritonsweep/runner/pipeline"
)

// referenceName is the target that a URL as --reference becomes.
const referenceName = "reference"

// compareAPI measures a target, and its reference in turns with it.
func compareAPI(c *cli.Context, format string) error {
	if c.IsSet("reference") == c.IsSet("figure") {
		return usagef("compare with what? (hint: either --reference or --figure with its --source)")
	}
	var figure report.RecordedFigure
	if c.IsSet("figure") {
		var err error
		if figure, err = readFigure(c.String("figure"), c.String("source")); err != nil {
			return err
		}
	}
	p, err := readPipelines(c, compareName)
	if err != nil {
		return err
	}
	if len(p.targets) != 1 {
		return usagef("compare measures one target, not %d (hint: --target NAME)", len(p.targets))
	}
	target := p.targets[0].Name
	if c.IsSet("reference") {
		if err := p.addReference(c); err != nil {
			return err
		}
	}
	p.done = func(run results.Run, records []results.Record) error {
		side := report.Side{Run: run, Records: records}
		made := report.CompareFigure(side, target, figure)
		if c.IsSet("reference") {
			made = report.CompareTargets(side, p.targets[1].Name, target)
		}
		if err := printComparison(c, made, format); err != nil {
			return err
		}
		return comparisonVerdict(made)
	}
	return p.measure(c)
}

// sameFiles makes sure that a target and its reference are asked the same.
func sameFiles(p pipelines, requests map[string]*pipeline.Request) error {
	if p.plan.Sweep != compareName || len(p.targets) < 2 {
		return nil
	}
	a, b := requests[p.targets[0].Name], requests[p.targets[1].Name]
	if a.Source() != b.Source() {
		return usagef("%s and %s are sent different files (%s and %s), which would be compared too (hint: the same files in both)",
			p.targets[0].Name, p.targets[1].Name, a.Source(), b.Source())
	}
	return nil
}

// addReference adds the target to compare with: one of the spec, or the same
// requests to another address.
func (p *pipelines) addReference(c *cli.Context) error {
	name := c.String("reference")
	var reference *pipeline.Target
	if strings.Contains(name, "://") {
		same := *p.targets[0]
		same.URL, same.Goal = name, 0
		reference = &same
		spec := pipeline.Spec{Targets: map[string]*pipeline.Target{referenceName: reference}}
		if err := spec.Resolve(""); err != nil {
			return usagef("--reference: %s", strings.TrimPrefix(err.Error(), "targets."+referenceName+"."))
		}
	} else {
		if !c.IsSet("spec") {
			return usagef("--reference: %q is no URL, and without --spec there are no other targets", name)
		}
		targets, _, err := specTargets(c, []string{name})
		if err != nil {
			return err
		}
		if reference = targets[0]; reference.Name == p.targets[0].Name {
			return usagef("--reference: %s is the target itself", name)
		}
	}
	p.targets = append(p.targets, reference)
	return p.makePlan(c, compareName)
}

// readFigure reads "throughput=820/s" or "p95=12ms".
func readFigure(text, source string) (report.RecordedFigure, error) {
	quantity, value, _ := strings.Cut(text, "=")
	f := report.RecordedFigure{Quantity: quantity, Source: source}
	switch quantity {
	case "throughput":
		number, unit, _ := strings.Cut(value, "/")
		v, err := strconv.ParseFloat(number, 64)
		if err != nil || unit != "s" || !(v > 0) || math.IsInf(v, 0) {
			return f, usagef("--figure: %q is no throughput (hint: throughput=820/s)", value)
		}
		f.Value = v
	case "p50", "p90", "p95", "p99":
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return f, usagef("--figure: %q is no latency (hint: p95=12ms)", value)
		}
		f.Value = float64(d) / float64(time.Millisecond)
	default:
		return f, usagef("--figure: unknown quantity %q (hint: throughput=820/s or p95=12ms)", quantity)
	}
	if strings.TrimSpace(source) == "" {
		return f, usagef("--source: a figure without a source is worth nothing (hint: --source \"README of the project, its GPU\")")
	}
	return f, nil
}
