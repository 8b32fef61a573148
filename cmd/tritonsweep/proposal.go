package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
	"tritonsweep/results/report"
	"tritonsweep/runner"
	"tritonsweep/runner/load"
	"tritonsweep/tritonconfig"
)

// proposal is what a run recommends for one model, and what it rests on.
type proposal struct {
	run      results.Run
	records  []results.Record // of the model
	model    string
	settings tritonconfig.Settings
	point    report.Point // whose settings they are
	// objective is the latency that the run weighed.
	objective pareto.Quantile
}

func readProposal(c *cli.Context) (_ *proposal, err error) {
	store, err := openResults(c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	p := &proposal{}
	if p.run, p.records, err = readRun(c.Context, store, c.String("run")); err != nil {
		return nil, err
	}
	return p, p.choose(c.StringSlice("model"))
}

// choose finds the advice that the run's records support, for one of the models.
func (p *proposal) choose(models []string) (err error) {
	made := report.Analyze(p.run, p.records)
	if p.model, p.settings, err = recommended(made, models); err != nil {
		return err
	}
	p.records = slices.DeleteFunc(p.records, func(r results.Record) bool { return r.Model != p.model })
	for _, m := range made.Models {
		for _, point := range m.Points {
			if m.Name == p.model && point.ID == m.Recommendation.Point {
				p.point, p.objective = point, m.Objective
				return nil
			}
		}
	}
	return usagef("run %s does not say which point its advice for %s rests on", p.run.ID, p.model)
}

// printPatch prints the change to the config that the run measured. It needs no
// server.
func (p *proposal) printPatch(c *cli.Context) error {
	original, known := p.run.Originals[p.model]
	if !known {
		return usagef("run %s kept no config file of %s: it wrote none (hint: apply without --dry-run prints the patch before it changes anything)", p.run.ID, p.model)
	}
	file, err := tritonconfig.Parse(original.Path, original.Text)
	if err != nil {
		return withCode(exitUsage, err)
	}
	edited, _, err := file.Apply(p.settings)
	if err != nil {
		return withCode(exitUsage, err)
	}
	_, err = fmt.Fprint(c.App.Writer, tritonconfig.Diff("a/"+original.Path, "b/"+original.Path, original.Text, edited.Bytes()))
	return err
}

// measuredBy reads from the run's own command line how its points were measured.
func (p *proposal) measuredBy(c *cli.Context) (o options, err error) {
	app := newApp(strings.NewReader(""), io.Discard, io.Discard, false)
	app.Before = nil // the log is this command's
	for _, command := range app.Commands {
		command.Action = func(c *cli.Context) (err error) {
			o, err = readOptions(c)
			return err
		}
	}
	err = app.RunContext(c.Context, repeatable(p.run.Command))
	if err != nil && c.Bool("no-canary") { // one request must do, whatever it carries
		o = options{mode: runner.Restart, spec: load.Spec{Data: load.Data{Source: load.Zeros}}}
		return o, o.secure(c)
	} else if err != nil {
		return o, usagef("run %s cannot be measured again as it was: %w (hint: run apply in the same directory, or with --no-canary)", p.run.ID, err)
	}
	o.mode = runner.Restart
	o.spec.MaxDuration *= time.Duration(max(1, p.run.Plan.Rounds))
	if d := c.Duration("canary-duration"); d > 0 {
		o.spec.MaxDuration = d
	}
	o.spec.MinDuration = min(o.spec.MinDuration, o.spec.MaxDuration)
	return o, o.secure(c)
}

// secure takes what no run records, and what may have moved, from this command.
func (o *options) secure(c *cli.Context) error {
	now, err := secureOptions(c)
	if err != nil {
		return err
	}
	if now.TLS != nil {
		o.spec.Via.TLS = now.TLS
	}
	o.spec.Via.Headers, o.spec.Via.Insecure = now.Headers, now.Insecure
	return nil
}
