package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
	"tritonsweep/results/report"
	"tritonsweep/runner"
	"tritonsweep/runner/load"
	"tritonsweep/runner/pipeline"
	"tritonsweep/sweep"
)

// pipelineName is the command, and the name of its plans.
const pipelineName = "pipeline"

func pipelineCommand() *cli.Command {
	return &cli.Command{
		Name:  pipelineName,
		Usage: "measure an HTTP API from end to end: what its users feel",
		Description: "Measures the targets of a spec, or one target given by flags, under rising load. Only\n" +
			"answers of 2xx that keep the target's rule count. A target that refuses its first\n" +
			"request stops the run with the server's answer. Nothing is changed anywhere.\n" +
			"The exit code is 4 when a goal or a limit is missed.",
		Flags:  pipelineFlags(1),
		Action: measurePipelines,
	}
}

// pipelineFlags say what is measured, and how; rounds is the default.
func pipelineFlags(rounds int) []cli.Flag {
	return join(pipelineTargetFlags(), arrivalFlags("1,4,16,64"), []cli.Flag{
		&cli.IntFlag{Name: "rounds", EnvVars: env("ROUNDS"), Value: rounds, Usage: "how often every point is measured, the targets in another order each time"},
		&cli.DurationFlag{Name: "duration", EnvVars: env("DURATION"), Value: 10 * time.Second, Usage: "the longest a point is measured; it ends sooner when throughput and p99 are as precise as asked"},
		warmupFlag(), precisionFlag(),
		memoryLimitFlag(), requestTimeoutFlag(), seedFlag(), maxP99Flag(), maxP95Flag(), dryRunFlag(), dbFlag(), outputFlag(), formatFlag(),
	}, metricsFlags())
}

// pipelines is what the command measures, and how.
type pipelines struct {
	targets []*pipeline.Target
	folder  string // that the targets' files are relative to
	plan    sweep.Plan
	limit   results.Limit
	load    load.Spec
	// done is called with all records after the last point; its error decides
	// about the exit code as well.
	done func(results.Run, []results.Record) error
	// show prints what came out.
	show func(*results.Store, string) error
}

func measurePipelines(c *cli.Context) error {
	format, err := readFormat(c)
	if err != nil {
		return err
	}
	p, err := readPipelines(c, pipelineName)
	if err != nil {
		return err
	}
	p.done = pipelineVerdict
	p.show = func(store *results.Store, id string) error { return writeReport(c, store, id, format) }
	return p.measure(c)
}

// measure encodes the requests, asks each target once, and carries the plan out.
func (p pipelines) measure(c *cli.Context) (err error) {
	requests := map[string]*pipeline.Request{}
	for _, t := range p.targets {
		if requests[t.Name], err = t.Encode(p.folder); err != nil {
			return usagef("%w", err)
		}
	}
	if err := sameFiles(p, requests); err != nil {
		return err
	}
	printPipelinePlan(c.App.ErrWriter, p, requests)
	if c.Bool("dry-run") {
		return writePlan(c, p.plan)
	}
	for _, t := range p.targets {
		if err := probe(c.Context, requests[t.Name], p.load.Timeout); err != nil {
			return err
		}
	}
	return executePipelines(c, p, requests)
}

// readPipelines reads the flags and the spec.
func readPipelines(c *cli.Context, name string) (p pipelines, err error) {
	if p.targets, p.folder, err = readTargets(c); err != nil {
		return p, err
	}
	if p.limit, err = readLimit(c); err != nil {
		return p, err
	}
	if err := checkMeasuring(c, "duration", "warmup", "request-timeout"); err != nil {
		return p, err
	}
	p.load = load.Spec{
		Timeout: c.Duration("request-timeout"), Warmup: c.Duration("warmup"), Precision: c.Float64("precision"),
		MaxDuration: c.Duration("duration"), MinDuration: min(c.Duration("duration"), shortestWindow),
	}
	p.load.Quantile = 0.99 // what users of an API complain about
	if text := c.String("memory-limit"); text != "" {
		if p.load.MemoryLimit, err = parseBytes(text); err != nil {
			return p, usagef("--memory-limit: %w", err)
		}
	}
	return p, p.makePlan(c, name)
}

// makePlan makes the targets the plan's models: the rounds are the outer loop,
// and inside a round the targets take turns in a shuffled order.
func (p *pipelines) makePlan(c *cli.Context, name string) error {
	var o options
	recorded, err := o.readLoads(c)
	if err != nil {
		return err
	}
	p.load.Intervals, p.load.Outstanding = recorded, c.Int("max-outstanding")
	var spaces []sweep.Space
	for _, t := range p.targets {
		spaces = append(spaces, sweep.Space{Model: t.Name, Settings: onlyUntouched(), Loads: o.loads})
	}
	p.plan, err = sweep.NewPlan(name, spaces, c.Int("rounds"), readSeed(c))
	return withCode(exitUsage, err)
}

func (p pipelines) cost() sweep.Cost {
	return sweep.Cost{Point: p.load.Warmup + p.load.MaxDuration}
}

func printPipelinePlan(w io.Writer, p pipelines, requests map[string]*pipeline.Request) {
	fmt.Fprintf(w, "plan: %d targets, %d points in %d rounds, about %s (seed %d)\n",
		len(p.targets), p.plan.Points(), p.plan.Rounds, round(p.plan.Estimate(0, p.cost())), p.plan.Seed)
	for _, t := range p.targets {
		line := fmt.Sprintf("  %s: %s %s, %d different bodies", t.Name, t.Method, t.Address(), requests[t.Name].Distinct())
		if t.Goal > 0 {
			line += fmt.Sprintf(", goal %g/s", t.Goal)
		}
		fmt.Fprintln(w, printable(line))
	}
}

// probe sends a target's first request: one that refuses it would make the whole
// run a measurement of refusals.
func probe(ctx context.Context, r *pipeline.Request, timeout time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := pipeline.Probe(limited, r)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case pipeline.Unreachable(err):
		return withCode(exitUnreachable, fmt.Errorf("target %s at %s: %w", r.Target().Name, r.Target().Address(), err))
	}
	return usagef("target %s refuses its first request, nothing was measured: %w (hint: compare method, fields and success with what the API asks for)", r.Target().Name, err)
}

// executePipelines measures, keeps every record and reports.
func executePipelines(c *cli.Context, p pipelines, requests map[string]*pipeline.Request) error {
	watcher, err := listenMetrics(c)
	if err != nil {
		return err
	}
	defer watcher.close()
	durable := context.WithoutCancel(c.Context)
	info := newRun(c, &target{}, p.plan, options{limit: p.limit})
	info.Goals = p.goals()
	store, err := createRun(durable, c.String("db"), info)
	if err != nil {
		return err
	}
	display := newProgress(c.App.ErrWriter, p.plan, p.cost())
	outcome, runErr := runner.RunPipelines(c.Context, runner.Config{
		Run: info.ID, Plan: p.plan, Load: p.load, Progress: watcher.watch(info, display.event),
		Base:   results.Environment{Tool: version, Transport: "http"},
		Record: func(r results.Record) error { return store.Append(durable, r) },
	}, requests)
	display.close()
	err = verdictOf(outcome, runErr)
	if records, readErr := store.Records(durable, info.ID); readErr == nil {
		err = errors.Join(err, p.done(info, records))
	}
	err = endRun(c.Context, store, info, err)
	if p.show != nil {
		err = errors.Join(err, p.show(store, info.ID))
	}
	return errors.Join(err, store.Close())
}

func (p pipelines) goals() map[string]float64 {
	goals := map[string]float64{}
	for _, t := range p.targets {
		if t.Goal > 0 {
			goals[t.Name] = t.Goal
		}
	}
	return goals
}

// pipelineVerdict tells by its exit code whether goals and limits are kept.
func pipelineVerdict(run results.Run, records []results.Record) error {
	var missed []string
	for _, m := range report.Analyze(run, records).Models {
		switch {
		case m.Goal != nil && m.Goal.Standing == pareto.Missed:
			missed = append(missed, fmt.Sprintf("the goal of %g/s by %s", m.Goal.Wanted, m.Name))
		case m.Goal == nil && m.Recommendation.Limit == pareto.Missed:
			missed = append(missed, "the limit by "+m.Name)
		}
	}
	if len(missed) == 0 {
		return nil
	}
	return withCode(exitLimit, errors.New("missed: "+strings.Join(missed, ", ")))
}
