package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"tritonsweep/results"
	"tritonsweep/sweep"
)

// resumeFlag is set by the command resume alone: the run that a sweep continues.
const resumeFlag = "resume"

// resumable are the commands whose plan is known before the first point.
var resumable = []string{"queue-delay", "batch-size", "instances", "concurrency", "sweep"}

func resumeCommand() *cli.Command {
	return &cli.Command{
		Name:      "resume",
		Usage:     "go on with a run that was ended by anything",
		ArgsUsage: "[RUN]",
		Description: "Makes a new run with the plan and the flags of the old one. Points of it are kept\n" +
			"where everything that decides about a figure is as it was: model files, config, image,\n" +
			"server, GPU, driver, client. The others are measured again, and it says why.",
		Flags:  []cli.Flag{dbFlag(), outputFlag(), formatFlag(), dryRunFlag(), yesFlag(), listFlag(headerName, "HEADER", "`NAME=VALUE` of the old run, which kept none; repeatable")},
		Action: resume,
	}
}

func resume(c *cli.Context) error {
	if c.NArg() > 1 {
		return usagef("resume takes one run, but got %q too (hint: flags stand before the run)", c.Args().Get(1))
	}
	ref := c.Args().First()
	if ref == "" {
		ref = results.Latest
	}
	store, err := openResults(c)
	if err != nil {
		return err
	}
	run, err := findRun(c.Context, store, ref)
	if err = errors.Join(err, store.Close()); err != nil {
		return err
	}
	if len(run.Command) < 2 || !slices.Contains(resumable, run.Command[1]) || run.Plan.Search != nil {
		return usagef("run %s cannot be resumed: what it tries depends on what it measures (hint: run it again: %s)", run.ID, strings.Join(run.Command, " "))
	}
	app := newApp(c.App.Reader, c.App.Writer, c.App.ErrWriter, false)
	return app.RunContext(c.Context, resumeLine(c, run))
}

// resumeLine is the old command line with this one's results file and views.
func resumeLine(c *cli.Context, run results.Run) []string {
	own := append(c.FlagNames(), "db", "output", "o", "format", "dry-run", "yes", "y", "seed", resumeFlag)
	line := []string{run.Command[0], run.Command[1]}
	for _, word := range repeatable(run.Command[2:]) {
		name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if !slices.Contains(own, name) {
			line = append(line, word)
		}
	}
	for _, text := range listOf(c, headerName) { // the old run did not keep its own
		line = append(line, "--"+headerName+"="+text)
	}
	line = append(line, "--db="+c.String("db"), "--format="+c.String("format"), "--"+resumeFlag+"="+run.ID, fmt.Sprintf("--seed=%d", run.Plan.Seed))
	if dir := c.String("output"); dir != "" {
		line = append(line, "--output="+dir)
	}
	for _, name := range []string{"dry-run", "yes"} {
		if c.Bool(name) {
			line = append(line, "--"+name)
		}
	}
	return line
}

// resumption is what of an old run is kept.
type resumption struct {
	run     results.Run
	kept    []results.Record
	dropped []string // why others are not, each reason once, with their number
}

// resumption reads the run that is continued, and sorts its records; nil where
// nothing is.
func (t *target) resumption(c *cli.Context, now map[string]results.Environment) (*resumption, error) {
	ref := c.String(resumeFlag)
	if ref == "" {
		return nil, nil
	}
	store, err := openResults(c)
	if err != nil {
		return nil, err
	}
	run, records, err := readRun(c.Context, store, ref)
	if err = errors.Join(err, store.Close()); err != nil {
		return nil, err
	}
	for _, model := range run.Plan.Models() {
		if !slices.Contains(t.models, model) {
			return nil, usagef("run %s measured %s, which is not among the models now", run.ID, printable(model))
		}
	}
	r := &resumption{run: run}
	r.sort(records, now)
	return r, nil
}

// planPoint names one measurement of a plan.
type planPoint struct {
	model, settings string
	control         bool
	round           int
	load            sweep.Load
}

func planPointOf(t sweep.Trial, l sweep.Load) planPoint {
	return planPoint{t.Model, t.Settings.Key(), t.Control, t.Round, l}
}

func pointOf(r results.Record) planPoint {
	return planPoint{r.Model, r.Settings.Key(), r.Control, r.Round, r.Load}
}

// without is a trial without the points that need not be measured again.
func without(t sweep.Trial, have map[planPoint]bool) sweep.Trial {
	t.Loads = slices.DeleteFunc(slices.Clone(t.Loads), func(l sweep.Load) bool { return have[planPointOf(t, l)] })
	return t
}

// points are those of a plan.
func points(plan sweep.Plan) map[planPoint]bool {
	all := map[planPoint]bool{}
	for _, t := range plan.Trials {
		for _, l := range t.Loads {
			all[planPointOf(t, l)] = true
		}
	}
	return all
}

// sort keeps the usable records whose provenance is unchanged.
func (r *resumption) sort(records []results.Record, now map[string]results.Environment) {
	reasons := map[string]int{}
	var order []string
	drop := func(reason string) {
		if reasons[reason]++; reasons[reason] == 1 {
			order = append(order, reason)
		}
	}
	planned := points(r.run.Plan)
	for _, record := range records {
		changed := record.Environment.Changed(now[record.Model])
		switch {
		case record.Verdict != results.Inert && !record.Verdict.Usable():
			drop(fmt.Sprintf("%s: the verdict is %s", record.Model, record.Verdict))
		case len(changed) > 0:
			drop(record.Model + ": " + changed[0].String())
		case !record.Final && !planned[pointOf(record)]:
			drop(record.Model + ": the load or the settings are not those of the plan")
		default:
			r.kept = append(r.kept, record)
		}
	}
	r.sortFinals(drop)
	for _, reason := range order {
		r.dropped = append(r.dropped, fmt.Sprintf("%d measured again, %s", reasons[reason], reason))
	}
}

// sortFinals keeps finals only where all that they were chosen from is kept: a
// round that is measured again may choose others, and figures older than the
// choice are not fresh.
func (r *resumption) sortFinals(drop func(string)) {
	if len(r.rest(r.run.Plan).Trials) == 0 {
		return
	}
	r.kept = slices.DeleteFunc(r.kept, func(record results.Record) bool {
		if record.Final {
			drop(record.Model + ": the rounds before the finals are not complete")
		}
		return record.Final
	})
}

// rest is the plan without the points that are kept.
func (r *resumption) rest(plan sweep.Plan) sweep.Plan {
	if r == nil {
		return plan
	}
	have := map[planPoint]bool{}
	for _, record := range r.kept {
		have[pointOf(record)] = true
	}
	rest := plan
	rest.Trials = nil
	for _, t := range plan.Trials {
		if t = without(t, have); len(t.Loads) > 0 {
			rest.Trials = append(rest.Trials, t)
		}
	}
	return rest
}

// carry stores the kept records in the run that continues theirs.
func (r *resumption) carry(ctx context.Context, store *results.Store, run string) error {
	if r == nil {
		return nil
	}
	for i, record := range r.kept {
		record.Run, record.Sequence = run, i+1
		if err := store.Append(ctx, record); err != nil {
			return err
		}
	}
	return nil
}

// count is the number of records that the new run begins with.
func (r *resumption) count() int {
	if r == nil {
		return 0
	}
	return len(r.kept)
}

// finals is how many of the kept records are of the finals.
func (r *resumption) finals() int {
	n := 0
	for _, record := range r.kept {
		if record.Final {
			n++
		}
	}
	return n
}

func (r *resumption) describe(w io.Writer, plan sweep.Plan) {
	fmt.Fprintf(w, "resume: run %s, %d of %d points are kept\n", r.run.ID, len(r.kept), plan.Points()+r.finals())
	for _, reason := range r.dropped {
		fmt.Fprintf(w, "resume: %s\n", printable(reason))
	}
}
