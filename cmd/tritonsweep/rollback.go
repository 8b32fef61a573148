package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tritonsweep/internal/atomicfile"
	"tritonsweep/runner"
	"tritonsweep/runner/undo"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

func rollbackCommand() *cli.Command {
	return &cli.Command{
		Name:  "rollback",
		Usage: "take the last apply of a model back",
		Description: "Refused when the config was changed since. Taking back what was taken back does\n" +
			"nothing; an older change is named with --run.",
		Flags: join(targetFlags(), []cli.Flag{
			&cli.StringFlag{Name: "run", Usage: "`ID` of the run whose apply is taken back (default: the last one)"},
			&cli.BoolFlag{Name: "dry-run", Usage: "print the patch and stop"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, EnvVars: env("YES"), Usage: "do not ask before the change"},
		}),
		Action: rollback,
	}
}

func rollback(c *cli.Context) (err error) {
	if err := byRestart(c); err != nil {
		return err
	}
	if len(c.StringSlice("model")) != 1 {
		return usagef("name one model (hint: --model NAME)")
	}
	target, err := openTarget(c, runner.Restart)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.close()) }()
	if len(target.models) != 1 {
		return usagef("name one model, not all (hint: --model NAME)")
	}
	model := target.models[0]
	last, err := undo.LastApplied(target.lock, model, c.String("run"))
	if errors.Is(err, undo.ErrNoHistory) {
		return usagef("%w (hint: tritonsweep history lists what was)", err)
	} else if err != nil {
		return withCode(exitConflict, err)
	}
	return target.takeBack(c, last)
}

// takeBack brings the config of before a change back.
func (t *target) takeBack(c *cli.Context, last undo.Applied) error {
	now, path, when := t.files[last.Model].Bytes(), t.paths[last.Model], last.Time.Local().Format(time.DateTime)
	switch sum := atomicfile.Sum(now); {
	case !last.Undone.IsZero():
		fmt.Fprintf(c.App.Writer, "%s: what was applied on %s was taken back on %s; nothing to do\n",
			printable(last.Model), when, last.Undone.Local().Format(time.DateTime))
		return nil
	case sum == last.Before.SHA256: // by hand
		last.Undone = time.Now().UTC()
		fmt.Fprintf(c.App.Writer, "%s: the config is that of before %s already; nothing to do\n", printable(last.Model), when)
		return undo.Remember(t.lock, last)
	case sum != last.After:
		return withCode(exitConflict, fmt.Errorf("%s: the config was changed since it was applied on %s; it is kept (hint: edit it by hand)", last.Model, when))
	}
	fmt.Fprint(c.App.Writer, tritonconfig.Diff("a/"+path, "b/"+path, now, last.Before.Data))
	if c.Bool("dry-run") {
		return nil
	}
	if err := confirm(c, t); err != nil {
		return err
	}
	last.Undone = time.Now().UTC()
	change := runner.Change{Model: last.Model, Data: last.Before.Data, Entry: func(atomicfile.Snapshot) undo.Applied { return last }}
	if err := runChange(c, t, options{mode: runner.Restart}, change, sweep.Plan{Sweep: "rollback"}); err != nil {
		return err
	}
	fmt.Fprintf(c.App.Writer, "%s: rolled back, the server runs the config of before %s\n", printable(last.Model), when)
	return nil
}

func historyCommand() *cli.Command {
	return &cli.Command{
		Name:        "history",
		Usage:       "list what was applied, taken back, or did not stay",
		Description: "Reads the state directory only: no server is asked.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "model", Aliases: []string{"m"}, EnvVars: env("MODEL"), Usage: "only of this model; repeatable"},
		},
		Action: history,
	}
}

func history(c *cli.Context) error {
	state, err := undo.OpenState()
	if err != nil {
		return withCode(exitPermission, err)
	}
	all, err := undo.History(state)
	if err != nil {
		return withCode(exitConflict, err)
	}
	models, shown := c.StringSlice("model"), 0
	for _, a := range all {
		if len(models) > 0 && !slices.Contains(models, a.Model) {
			continue
		}
		shown++
		fmt.Fprintf(c.App.Writer, "%s  %s  %s  run %s  %s  %s\n", a.Time.Local().Format(time.DateTime),
			printable(a.Model), printable(a.Settings), printable(a.Run), printable(a.Repository), outcomeOf(a))
		for _, line := range a.Canary {
			fmt.Fprintf(c.App.Writer, "    %s\n", printable(line))
		}
	}
	if shown == 0 {
		fmt.Fprintln(c.App.Writer, "nothing was applied")
	}
	return nil
}

func outcomeOf(a undo.Applied) string {
	switch {
	case a.Failed != "":
		return "did not stay: " + printable(strings.ReplaceAll(a.Failed, "\n", "; "))
	case !a.Undone.IsZero():
		return "taken back on " + a.Undone.Local().Format(time.DateTime)
	}
	return "in force"
}
