package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tritonsweep/results"
	"tritonsweep/results/histogram"
	"tritonsweep/results/pareto"
	"tritonsweep/results/report"
	"tritonsweep/runner"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// benchName is the command, and the name of its plans.
const benchName = "bench"

func benchCommand() *cli.Command {
	return &cli.Command{
		Name:  benchName,
		Usage: "measure one model under one load, and show all there is to know about it",
		Description: "Changes no config, and unless --mode says so the server is not even restarted.\n" +
			"The exit code is 4 when a limit was missed.",
		Flags: join(
			[]cli.Flag{
				&cli.StringFlag{Name: "mix", EnvVars: env("MIX"), Usage: "`MODEL=WEIGHT,...`: several models at once, which share the load in these proportions"},
				&cli.StringFlag{Name: "hdr-log", EnvVars: env("HDR_LOG"), Usage: "`FILE` for the latencies as an HdrHistogram log"},
				seedFlag(), maxP99Flag(), maxP95Flag(), dryRunFlag(), yesFlag(), dbFlag(), outputFlag(), formatFlag(),
			},
			withDefault(targetFlags(), "mode", "none"), loadFlags("1"),
		),
		Action: bench,
	}
}

// bench is a plan of one point.
func bench(c *cli.Context) (err error) {
	o, err := readOptions(c)
	if err != nil {
		return err
	}
	if n := len(o.loads); n != 1 {
		return usagef("bench measures one load, not %d (hint: one --concurrency and one --client-batch; tritonsweep concurrency measures several)", n)
	}
	if c.IsSet("mix") {
		return benchMix(c, o)
	}
	if err := o.prepareBench(c); err != nil {
		return err
	}
	target, plan, err := o.planOne(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.close()) }()
	return perform(c, target, plan, o)
}

// planOne opens the target of a command for one model as it is, and plans its loads.
func (o *options) planOne(c *cli.Context) (_ *target, plan sweep.Plan, err error) {
	t, err := openTarget(c, o.mode)
	if err != nil {
		return nil, plan, err
	}
	if err = t.onlyModel(c, o.loads); err == nil {
		plan, err = makePlan(c, t, *o, untouched)
	}
	if err != nil {
		return nil, plan, errors.Join(err, t.close())
	}
	return t, plan, nil
}

// prepareBench completes the options. The log's file is made before anything is
// measured, because a name that cannot be written is better known at once.
func (o *options) prepareBench(c *cli.Context) error {
	o.rounds = 1
	log := c.String("hdr-log")
	if log != "" && !c.Bool("dry-run") {
		if err := writeFile(log, func(io.Writer) error { return nil }); err != nil {
			return withCode(exitPermission, fmt.Errorf("--hdr-log: %w", err))
		}
	}
	o.verdict = func(outcome runner.Outcome, run results.Run, records []results.Record) error {
		var err error
		if log != "" {
			if err = writeFile(log, func(w io.Writer) error { return writeLog(w, run, records) }); err != nil {
				err = withCode(exitNotRecorded, fmt.Errorf("--hdr-log: %w", err))
			}
		}
		return errors.Join(err, verdictOf(outcome, nil), benchVerdict(run, records))
	}
	return nil
}

// onlyModel makes sure that the command has one model that takes its loads.
func (t *target) onlyModel(c *cli.Context, loads []sweep.Load) error {
	if len(t.models) != 1 {
		return usagef("%s measures one model, not %d (hint: --model NAME)", c.Command.Name, len(t.models))
	}
	model := t.models[0]
	if most := max(1, int(t.configs[model].GetMaxBatchSize())); len(t.fitting(model, loads)) < len(loads) {
		return usagef("--client-batch: above max_batch_size %d of %s", most, model)
	}
	return nil
}

// untouched is the axis of the commands that change no config.
func untouched(*cli.Context, *tritonconfig.File) ([]tritonconfig.Settings, error) {
	return onlyUntouched(), nil
}

// writeLog writes what may be used of a run as an HdrHistogram log.
func writeLog(w io.Writer, run results.Run, records []results.Record) error {
	var intervals []histogram.Interval
	for _, r := range records {
		if !r.Verdict.Usable() || len(r.Client.Histogram) == 0 {
			continue
		}
		values := histogram.New()
		if err := values.UnmarshalBinary(r.Client.Histogram); err != nil {
			return err
		}
		length := time.Duration(r.Duration * float64(time.Second))
		intervals = append(intervals, histogram.Interval{Start: r.Start, Duration: length, Values: values})
	}
	return histogram.WriteLog(w, fmt.Sprintf("tritonsweep %s of %s, run %s", run.Plan.Sweep, strings.Join(run.Plan.Models(), " "), run.ID), intervals)
}

// benchVerdict tells by its exit code how the point stands to the limit.
func benchVerdict(run results.Run, records []results.Record) error {
	made, err := report.NewBench(run, records)
	if err != nil || !made.Point.Verdict.Usable() {
		return nil // what ended it is known already
	}
	switch made.Point.Limit {
	case pareto.Missed:
		return withCode(exitLimit, errors.New("the limit is missed"))
	case pareto.Unknown:
		return withCode(exitSome, errors.New("whether the limit is met is not known (hint: a longer --duration)"))
	}
	return nil
}
