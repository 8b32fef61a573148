package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tritonsweep/runner"
	"tritonsweep/runner/docker"
	"tritonsweep/runner/guardian"
	"tritonsweep/runner/undo"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:        "doctor",
		Usage:       "say what tritonsweep sees: Docker, the server, the repository, pending restores",
		Description: "Changes nothing.",
		Flags:       targetFlags(),
		Action:      doctor,
	}
}

// doctor runs the preflight of a sweep step by step and prints each finding.
func doctor(c *cli.Context) error {
	w := c.App.Writer
	state, err := undo.OpenState()
	if !finding(w, "state directory", state.Dir(), err) {
		return withCode(exitPermission, errSilent)
	}
	pending, running, err := pendingAndRunning(state)
	detail := "none"
	if n := len(pending); n > 0 {
		detail = fmt.Sprintf("%d (hint: tritonsweep restore)", n)
	}
	sound := finding(w, "pending restores", detail, err) && len(pending) == 0
	for _, journal := range running {
		fmt.Fprintf(w, "     %s is being swept by pid %d\n", printable(undo.Name(journal.Repository)), journal.Holder.PID)
	}
	for _, journal := range pending {
		fmt.Fprintf(w, "     %s, left by pid %d %s ago%s\n", printable(undo.Name(journal.Repository)), journal.Holder.PID,
			round(journal.Age(time.Now())), printable(overrides(journal.Document)))
	}
	reports, err := guardian.Reports(state.Dir())
	for _, r := range reports {
		fmt.Fprintf(w, "     %s\n", printable(r.String()))
	}
	if err != nil {
		finding(w, "guardians", "", err)
	}
	if err := doctorCopies(c, w); err != nil {
		return err
	}
	if err := doctorTarget(c, w, state); err != nil {
		return err
	}
	if !sound {
		return withCode(exitNotVerified, errSilent)
	}
	return nil
}

// pendingAndRunning returns the journals of runs that have died, and of those
// that go on.
func pendingAndRunning(state undo.State) (pending, running []*undo.Journal, err error) {
	all, err := undo.Pending(state)
	for _, journal := range all {
		if journal.Running() {
			running = append(running, journal)
		} else {
			pending = append(pending, journal)
		}
	}
	return pending, running, err
}

// overrides says which models may run with another config than their file's.
func overrides(doc undo.Document) string {
	var models []string
	for _, o := range doc.Active() {
		models = append(models, o.Model)
	}
	if len(models) == 0 {
		return ""
	}
	return ": an override of " + strings.Join(models, ", ") + " may still be in force"
}

// doctorCopies tells of isolated copies of killed runs. Without Docker there are
// none, which the target's findings will say.
func doctorCopies(c *cli.Context, w io.Writer) error {
	if c.Bool("sim") {
		return nil
	}
	engine, err := docker.Open(c.Context)
	if err != nil {
		return nil
	}
	dead, err := orphans(c.Context, engine)
	if err = errors.Join(err, engine.Close()); err == nil && len(dead) > 0 {
		err = fmt.Errorf("%d of killed runs are left (hint: tritonsweep restore)", len(dead))
	}
	if !finding(w, "isolated copies", "none is left behind", err) {
		return withCode(exitNotVerified, errSilent)
	}
	return nil
}

func doctorTarget(c *cli.Context, w io.Writer, state undo.State) (err error) {
	mode, err := runner.ParseMode(c.String("mode"))
	if err != nil {
		return usagef("--mode: %w", err)
	}
	t := newTarget(mode)
	t.state = state
	defer func() { err = errors.Join(err, t.close()) }()
	steps := []struct {
		name   string
		find   func(*cli.Context) error
		detail func() string
	}{
		{"container", t.findServer, t.containerLine},
		{"Triton", t.connect, t.serverLine},
		{"repository", t.inspectRepository, func() string { return t.directory }},
	}
	for _, step := range steps {
		err := step.find(c)
		if !finding(w, step.name, step.detail(), err) {
			return withCode(exitCode(err), errSilent)
		}
	}
	return nil
}

// finding prints one line and reports whether all is well.
func finding(w io.Writer, what, detail string, err error) bool {
	mark := "ok  "
	if err != nil {
		mark, detail = "BAD ", err.Error()
	}
	fmt.Fprintf(w, "%s %s: %s\n", mark, what, printable(detail))
	return err == nil
}
