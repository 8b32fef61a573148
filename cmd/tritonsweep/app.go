package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/urfave/cli/v2"
)

// version is set by the build.
var version = "0.1.0-dev"

// run is the whole program: it parses args and returns the exit code. Standard
// output carries results and nothing else.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := withSignals(ctx, stderr)
	defer stop()
	args, completing := guardCompletion(args)
	app := newApp(stdin, stdout, stderr, completing)
	err := app.RunContext(ctx, args)
	code := exitCodeFor(ctx, err)
	if err != nil && !errors.Is(err, errSilent) {
		fmt.Fprintln(stderr, "tritonsweep:", printable(recordable(err.Error())))
	}
	return code
}

// errSilent ends a command whose message was already printed.
var errSilent = errors.New("")

func newApp(stdin io.Reader, stdout, stderr io.Writer, completing bool) *cli.App {
	app := &cli.App{
		Name:                 "tritonsweep",
		Usage:                "finds, proves and applies the fastest safe configuration of a model on Triton",
		Version:              version,
		Reader:               stdin,
		Writer:               stdout,
		ErrWriter:            stderr,
		EnableBashCompletion: true,
		Suggest:              true,
		HideHelpCommand:      true,
		// Without a handler of its own the library ends the process, also a test's.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   usageError,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "verbose", Usage: "log what happens to standard error"},
			&cli.StringFlag{Name: "config", EnvVars: env("CONFIG"), Usage: "`FILE` with a project's flags (default: " + configName + " here, if it is there)"},
		},
		Before: func(c *cli.Context) error { return setupLog(c, stderr) },
		Action: noCommand,
		Commands: []*cli.Command{
			queueDelayCommand(), batchSizeCommand(), instancesCommand(), concurrencyCommand(), pipelineCommand(), compareCommand(),
			benchCommand(), capacityCommand(),
			specCommand(), initCommand(), interferenceCommand(), allocateCommand(),
			resumeCommand(), applyCommand(), rollbackCommand(), historyCommand(), restoreCommand(),
			runsCommand(), showCommand(), reportCommand(), summaryCommand(), predictCommand(),
			doctorCommand(), guardCommand(), simulateCommand(), completionCommand(),
		},
	}
	for _, c := range app.Commands {
		c.OnUsageError = usageError
		c.Action = guardAction(c.Action, completing, c.ArgsUsage != "")
	}
	return app
}

// guardAction keeps a command from running where it must not: while the shell
// asks for completions (the library runs the action for TAB after "--"), and
// with arguments that it does not take (flags behind one would be ignored).
func guardAction(action cli.ActionFunc, completing, takesArgs bool) cli.ActionFunc {
	return func(c *cli.Context) error {
		if completing {
			return nil
		}
		if !takesArgs && c.NArg() > 0 {
			return usagef("%s takes no arguments, but got %q (hint: flags begin with --)", c.Command.Name, c.Args().First())
		}
		if err := applyConfig(c); err != nil {
			return err
		}
		return action(c)
	}
}

func usageError(c *cli.Context, err error, _ bool) error {
	name := c.Command.Name
	if name == "" || name == c.App.Name {
		return usagef("%w (hint: tritonsweep --help)", err)
	}
	return usagef("%w (hint: tritonsweep %s --help)", err, name)
}

func noCommand(c *cli.Context) error {
	if !c.Args().Present() {
		return cli.ShowAppHelp(c)
	}
	name := c.Args().First()
	var known []string
	for _, command := range c.App.VisibleCommands() {
		known = append(known, command.Name)
	}
	return usagef("unknown command %q%s", name, didYouMean(name, known))
}

func setupLog(c *cli.Context, stderr io.Writer) error {
	level := slog.LevelWarn
	if c.Bool("verbose") {
		level = slog.LevelDebug
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level})))
	return nil
}

// completionFlag is what the completion scripts append to the words typed so far.
const completionFlag = "--generate-bash-completion"

// guardCompletion reports whether the shell asks for completions, and changes
// args so that the library answers instead of running a command: it takes a
// word "--" for the end of the flags.
func guardCompletion(args []string) (guarded []string, completing bool) {
	if len(args) == 0 || args[len(args)-1] != completionFlag {
		return args, false
	}
	guarded = slices.Clone(args)
	if n := len(args); n >= 2 && args[n-2] == "--" {
		guarded[n-2] = "-"
	}
	return guarded, true
}
