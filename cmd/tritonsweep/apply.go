package main

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"tritonsweep/internal/atomicfile"
	"tritonsweep/results"
	"tritonsweep/runner"
	"tritonsweep/runner/undo"
	"tritonsweep/tritonconfig"
)

func applyCommand() *cli.Command {
	return &cli.Command{
		Name:  "apply",
		Usage: "write the recommended settings of a run into the config, and restart",
		Description: "Refused when the config is not the one that the run measured. When the server\n" +
			"does not come back with the new settings, the old file is put back.",
		Flags: join(targetFlags(), []cli.Flag{
			&cli.StringFlag{Name: "run", Value: "latest", Usage: "`ID` of the run, or a unique beginning of it"},
			&cli.BoolFlag{Name: "dry-run", Usage: "print the patch and stop"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, EnvVars: env("YES"), Usage: "do not ask before the change"},
			dbFlag(),
		}),
		Action: apply,
	}
}

func apply(c *cli.Context) (err error) {
	store, err := openResults(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	made, err := analyze(c.Context, store, c.String("run"))
	if err != nil {
		return err
	}
	model, settings, err := recommended(made, c.StringSlice("model"))
	if err != nil {
		return err
	}
	run, err := store.Run(c.Context, made.Run.ID)
	if err != nil {
		return err
	}
	change, err := changeOf(run, model, settings)
	if err != nil {
		return err
	}
	if c.Bool("dry-run") {
		return printChange(c, run, change)
	}
	return applyChange(c, run, change)
}

// changeOf edits the config that the run measured.
func changeOf(run results.Run, model string, settings tritonconfig.Settings) (runner.Change, error) {
	original := run.Originals[model]
	file, err := tritonconfig.Parse(original.Path, original.Text)
	if err != nil {
		return runner.Change{}, withCode(exitUsage, err)
	}
	edited, _, err := file.Apply(settings)
	if err != nil {
		return runner.Change{}, withCode(exitUsage, err)
	}
	return runner.Change{Model: model, Settings: settings, Data: edited.Bytes()}, nil
}

func printChange(c *cli.Context, run results.Run, change runner.Change) error {
	path := run.Originals[change.Model].Path
	_, err := fmt.Fprint(c.App.Writer, tritonconfig.Diff("a/"+path, "b/"+path, run.Originals[change.Model].Text, change.Data))
	return err
}

func applyChange(c *cli.Context, run results.Run, change runner.Change) (err error) {
	if err := c.Set("model", change.Model); err != nil {
		return err
	}
	target, err := openTarget(c, runner.Restart)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.close()) }()
	now := target.files[change.Model].Bytes()
	if bytes.Equal(now, change.Data) {
		fmt.Fprintf(c.App.Writer, "%s: already applied\n", change.Model)
		return nil
	}
	if sum := atomicfile.Sum(now); sum != run.Originals[change.Model].SHA256 {
		return withCode(exitConflict, fmt.Errorf("%s: the config is not the one that run %s measured (hint: sweep again)", change.Model, run.ID))
	}
	if err := printChange(c, run, change); err != nil {
		return err
	}
	if err := confirm(c, target); err != nil {
		return err
	}
	before, err := runner.Apply(c.Context, target.config(c, run, options{mode: runner.Restart}), change)
	if err != nil {
		return err
	}
	if err := undo.Remember(target.lock, runner.Remembered(change, before, run.ID, time.Now())); err != nil {
		return fmt.Errorf("applied, but not remembered for a rollback: %w", err)
	}
	fmt.Fprintf(c.App.Writer, "%s: applied %s, the server runs it (take it back: tritonsweep rollback --model %s)\n",
		change.Model, change.Settings, change.Model)
	return nil
}

func rollbackCommand() *cli.Command {
	return &cli.Command{
		Name:  "rollback",
		Usage: "take the last apply of a model back",
		Flags: join(targetFlags(), []cli.Flag{
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, EnvVars: env("YES"), Usage: "do not ask before the change"},
		}),
		Action: rollback,
	}
}

func rollback(c *cli.Context) (err error) {
	if len(c.StringSlice("model")) != 1 {
		return usagef("name one model (hint: --model NAME)")
	}
	target, err := openTarget(c, runner.Restart)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.close()) }()
	model := target.models[0]
	last, err := undo.LastApplied(target.lock, model)
	if err != nil {
		return withCode(exitUsage, err)
	}
	now := target.files[model].Bytes()
	if atomicfile.Sum(now) != last.After {
		return withCode(exitConflict, fmt.Errorf("%s: the config was changed since it was applied on %s; it is kept (hint: edit it by hand)",
			model, last.Time.Local().Format(time.DateTime)))
	}
	path := target.paths[model]
	fmt.Fprint(c.App.Writer, tritonconfig.Diff("a/"+path, "b/"+path, now, last.Before.Data))
	if err := confirm(c, target); err != nil {
		return err
	}
	change := runner.Change{Model: model, Data: last.Before.Data}
	if _, err := runner.Apply(c.Context, target.config(c, results.Run{ID: "rollback"}, options{mode: runner.Restart}), change); err != nil {
		return err
	}
	fmt.Fprintf(c.App.Writer, "%s: rolled back, the server runs the config of before %s\n", model, last.Time.Local().Format(time.DateTime))
	return undo.Forget(target.lock, last)
}
