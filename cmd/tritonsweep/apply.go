package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"tritonsweep/internal/atomicfile"
	"tritonsweep/runner"
	"tritonsweep/runner/undo"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

func applyCommand() *cli.Command {
	return &cli.Command{
		Name:  "apply",
		Usage: "write the recommended settings of a run into the config, restart, and prove that they are better",
		Description: "Refused when the config, the model's files, the image, the server or the GPU are not\n" +
			"those that the run measured. The load of the recommendation is measured before the\n" +
			"change and after it; when the new settings are worse than the old ones or than the run\n" +
			"predicted, or miss its limit, the old file comes back and the exit code is 4.",
		Flags: join(targetFlags(), otherFlags(), []cli.Flag{
			&cli.StringFlag{Name: "run", Value: "latest", Usage: "`ID` of the run, or a unique beginning of it"},
			&cli.BoolFlag{Name: "dry-run", Usage: "print the patch and stop"},
			&cli.BoolFlag{Name: "no-canary", EnvVars: env("NO_CANARY"), Usage: "measure nothing: keep the change when the server runs it and answers a request"},
			&cli.DurationFlag{Name: "canary-duration", EnvVars: env("CANARY_DURATION"), Usage: "the longest that each of the two measurements takes (default: as long as all rounds of a point of the run)"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, EnvVars: env("YES"), Usage: "do not ask before the change"},
			dbFlag(),
		}),
		Action: apply,
	}
}

// byRestart refuses another way to change the config than a new file and a restart.
func byRestart(c *cli.Context) error {
	if mode := c.String("mode"); mode != string(runner.Restart) {
		return usagef("--mode %s: %s writes the config file and restarts the server (hint: --mode restart)", printable(mode), c.Command.Name)
	}
	return nil
}

func apply(c *cli.Context) error {
	if err := byRestart(c); err != nil {
		return err
	}
	if d := c.Duration("canary-duration"); d < 0 || c.IsSet("canary-duration") && d == 0 || d > 24*time.Hour {
		return usagef("--canary-duration: %s is not between 0 and 24h", d)
	}
	p, err := readProposal(c)
	if err != nil {
		return err
	}
	if c.Bool("dry-run") {
		return p.printPatch(c)
	}
	o, err := p.measuredBy(c)
	if err != nil {
		return err
	}
	return applyProposal(c, p, o)
}

// applyProposal does it, after everything that could speak against it was asked.
func applyProposal(c *cli.Context, p *proposal, o options) (err error) {
	if err := c.Set("model", p.model); err != nil {
		return err
	}
	target, err := openTarget(c, runner.Restart)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.close()) }()
	file := target.files[p.model]
	edited, _, err := file.Apply(p.settings)
	if err != nil {
		return withCode(exitUsage, err)
	}
	if string(edited.Bytes()) == string(file.Bytes()) {
		fmt.Fprintf(c.App.Writer, "%s: already applied\n", printable(p.model))
		return nil
	}
	if err := p.fresh(c, target, o); err != nil {
		return err
	}
	if o.data, err = target.inputs(c, o); err != nil {
		return err
	}
	path := target.paths[p.model]
	fmt.Fprint(c.App.Writer, tritonconfig.Diff("a/"+path, "b/"+path, file.Bytes(), edited.Bytes()))
	if err := confirm(c, target); err != nil {
		return err
	}
	return p.carryOut(c, target, o, edited.Bytes())
}

// carryOut applies the change and tells how it went.
func (p *proposal) carryOut(c *cli.Context, target *target, o options, data []byte) error {
	canary := newCanary(p, c.App.Writer)
	entry := undo.Applied{
		Time: time.Now().UTC(), Run: p.run.ID, Model: p.model, Repository: target.directory,
		Settings: p.settings.String(), After: atomicfile.Sum(data),
	}
	change := runner.Change{
		Model: p.model, Settings: p.point.Settings, Data: data, Infer: true,
		Entry: func(original atomicfile.Snapshot) undo.Applied {
			entry.Before, entry.Canary = original, canary.lines
			return entry
		},
	}
	if !c.Bool("no-canary") {
		change.Canary = &runner.Canary{Load: p.point.Load, Judge: canary.judge}
	}
	err := runChange(c, target, o, change, sweep.Plan{Sweep: "apply", Rounds: 1, Seed: p.run.Plan.Seed})
	if err != nil {
		return p.notKept(c, target, entry, canary, err)
	}
	fmt.Fprintf(c.App.Writer, "%s: applied %s, the server runs it (take it back: tritonsweep rollback --model %s)\n",
		printable(p.model), p.settings, printable(p.model))
	return nil
}

// runChange shows what a change does, on the same display as a sweep.
func runChange(c *cli.Context, target *target, o options, change runner.Change, plan sweep.Plan) error {
	run := newRun(c, target, plan, o)
	if change.Canary != nil {
		plan.Trials = []sweep.Trial{
			{Model: change.Model, Control: true, Loads: []sweep.Load{change.Canary.Load}},
			{Index: 1, Model: change.Model, Settings: change.Settings, Loads: []sweep.Load{change.Canary.Load}},
		}
	}
	display := newProgress(c.App.ErrWriter, plan, sweep.Cost{})
	config := target.config(c, run, o)
	config.Progress = func(e runner.Event) {
		display.event(e)
		onEvent(e)
	}
	err := runner.Apply(c.Context, config, change)
	display.close()
	return err
}

// notKept remembers a change that was taken back by itself. The old config is in
// force, unless err says that it is not.
func (p *proposal) notKept(c *cli.Context, target *target, entry undo.Applied, canary *canary, err error) error {
	if is[*runner.NotRestoredError](err) || is[*runner.NotVerifiedError](err) || errors.Is(err, context.Canceled) {
		return err
	}
	entry.Failed, entry.Canary = printable(err.Error()), canary.lines
	fmt.Fprintf(c.App.Writer, "%s: not applied, the server runs the config of before\n", printable(p.model))
	if remembered := undo.Remember(target.lock, entry); remembered != nil {
		fmt.Fprintf(c.App.ErrWriter, "note: the history does not tell of it: %s\n", printable(remembered.Error()))
	}
	return err
}
