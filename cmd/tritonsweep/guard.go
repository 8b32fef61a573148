package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"tritonsweep/runner"
	"tritonsweep/runner/guardian"
	"tritonsweep/runner/undo"
)

// guardCommand is what a run starts to watch over itself. People do not call it.
func guardCommand() *cli.Command {
	return &cli.Command{
		Name:   "guard",
		Hidden: true,
		Usage:  "restore a run's repository when the run dies",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "run", Required: true},
			&cli.StringFlag{Name: "key", Required: true},
		}, connectionFlags()...),
		Action: guard,
	}
}

// guardArgs is the command line of a guardian: whom it watches, and how to speak
// to the server. It works in another directory, so that paths must be absolute.
func guardArgs(c *cli.Context, journal *undo.Journal) ([]string, error) {
	args := []string{"tritonsweep", "guard", "--run", journal.Run, "--key", journal.Key()}
	for _, flag := range connectionFlags() {
		name := flag.Names()[0]
		if name == headerName || !c.IsSet(name) {
			continue
		}
		value := fmt.Sprint(c.Value(name))
		if slices.Contains(connectionFiles, name) {
			var err error
			if value, err = filepath.Abs(value); err != nil {
				return nil, fmt.Errorf("--%s: %w", name, err)
			}
		}
		args = append(args, "--"+name+"="+value)
	}
	return args, nil
}

// guardEnvironment is what a guardian knows beside that: other processes see
// command lines, so headers do not stand there.
func guardEnvironment(c *cli.Context, state undo.State) ([]string, error) {
	headers, err := serverHeaders(c)
	if err != nil {
		return nil, err
	}
	var lines []string
	for name, value := range headers {
		lines = append(lines, name+"="+value)
	}
	return append(os.Environ(), undo.StateEnv+"="+state.Dir(), env("HEADER")[0]+"="+strings.Join(lines, "\n")), nil
}

// startGuardian lets a process of this binary watch over the journal.
func (t *target) startGuardian(c *cli.Context) func(context.Context, *undo.Journal) (func() error, error) {
	return func(ctx context.Context, journal *undo.Journal) (func() error, error) {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("starting the guardian: %w", err)
		}
		args, err := guardArgs(c, journal)
		if err != nil {
			return nil, err
		}
		environment, err := guardEnvironment(c, t.state)
		if err != nil {
			return nil, err
		}
		g, err := guardian.Start(ctx, self, args, environment)
		if err != nil {
			return nil, err
		}
		return g.Dismiss, nil
	}
}

// guard watches, and works when the run died. Nothing but a kill -9 of its own
// stops it: it is alone when it is needed.
func guard(c *cli.Context) error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE)
	state, err := undo.OpenState()
	if err != nil {
		return withCode(exitPermission, err)
	}
	find, err := finder(c) // now, so that a run without a guardian that can help does not begin
	if err != nil {
		return err
	}
	died, err := guardian.Watch(c.App.Reader, c.App.Writer)
	if !died {
		return err
	}
	return repair(context.WithoutCancel(c.Context), state, find, c.String("key"), c.String("run"))
}

// repair restores the repository of a run that died, unless somebody was faster.
func repair(ctx context.Context, state undo.State, find findServer, key, run string) error {
	report := guardian.Report{Run: run, Died: time.Now()}
	doc, err := undo.PendingOf(state, key)
	if err != nil || doc == nil || doc.Run != run {
		return err // the next start, or the run itself, has done it
	}
	report.Repository = undo.Name(doc.Repository)
	recovery := runner.Recovery{
		State: state, Find: find, ReadyTimeout: readyTimeout, Run: run, Patience: patience,
		Restored: func() {
			report.Files = time.Now()
			_ = report.Save(state.Dir()) // the last one counts
		},
	}
	err = recovery.Recover(ctx, *doc, guardianName)
	if err == nil && report.Files.IsZero() {
		return nil // somebody else was faster
	}
	if err == nil {
		report.Server = time.Now()
	} else {
		report.Error = err.Error()
	}
	return errors.Join(err, report.Save(state.Dir()))
}

// guardianName is what the lock of a guardian says about its holder.
const guardianName = "guard"
