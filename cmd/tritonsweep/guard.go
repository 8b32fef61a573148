package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
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
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "run", Required: true},
			&cli.StringFlag{Name: "key", Required: true},
		},
		Action: guard,
	}
}

// guardArgs is the command line of a guardian.
func guardArgs(journal *undo.Journal) []string {
	return []string{"tritonsweep", "guard", "--run", journal.Run, "--key", journal.Key()}
}

// startGuardian lets a process of this binary watch over the journal.
func (t *target) startGuardian(ctx context.Context, journal *undo.Journal) (func() error, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("starting the guardian: %w", err)
	}
	environment := append(os.Environ(), undo.StateEnv+"="+t.state.Dir())
	g, err := guardian.Start(ctx, self, guardArgs(journal), environment)
	if err != nil {
		return nil, err
	}
	return g.Dismiss, nil
}

// guard watches, and works when the run died. Nothing but a kill -9 of its own
// stops it: it is alone when it is needed.
func guard(c *cli.Context) error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE)
	state, err := undo.OpenState()
	if err != nil {
		return withCode(exitPermission, err)
	}
	died, err := guardian.Watch(c.App.Reader, c.App.Writer)
	if !died {
		return err
	}
	return repair(context.WithoutCancel(c.Context), state, c.String("key"), c.String("run"))
}

// repair restores the repository of a run that died, unless somebody was faster.
func repair(ctx context.Context, state undo.State, key, run string) error {
	report := guardian.Report{Run: run, Died: time.Now()}
	doc, err := undo.PendingOf(state, key)
	if err != nil || doc == nil || doc.Run != run {
		return err // the next start, or the run itself, has done it
	}
	report.Repository = doc.Repository
	recovery := runner.Recovery{
		State: state, Find: findAgain, ReadyTimeout: readyTimeout, Run: run, Patience: patience,
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
