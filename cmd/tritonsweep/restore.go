package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"tritonsweep/runner"
	"tritonsweep/runner/docker"
	"tritonsweep/runner/guardian"
	"tritonsweep/runner/load/region"
	"tritonsweep/runner/undo"
)

func restoreCommand() *cli.Command {
	return &cli.Command{
		Name:  "restore",
		Usage: "put back what a killed run left behind",
		Description: "Restores every config file of runs that did not end, restarts their servers, removes\n" +
			"overrides that mode reload left in force, and verifies what the servers run. May be run\n" +
			"at any time and any number of times.",
		Flags:  connectionFlags(),
		Action: restore,
	}
}

func restore(c *cli.Context) error {
	find, err := finder(c)
	if err != nil {
		return err
	}
	state, err := undo.OpenState()
	if err != nil {
		return withCode(exitPermission, err)
	}
	pending, err := undo.Pending(state)
	if err != nil {
		return withCode(exitConflict, err)
	}
	if err := tellReports(c.App.Writer, state); err != nil {
		return err
	}
	_, err = region.Reap(region.Dir) // shared memory; a restarted server has unmapped it
	if err := errors.Join(err, state.Tidy("restore"), state.Reap()); err != nil {
		return withCode(exitPermission, err)
	}
	if len(pending) == 0 {
		fmt.Fprintln(c.App.Writer, "nothing to restore")
	}
	var errs []error
	for _, journal := range pending {
		errs = append(errs, recoverOne(c.Context, c.App.Writer, state, find, journal.Document))
	}
	// Files first: copies are in nobody's way. A host without Docker has none.
	if err := reapAll(c.Context, state, c.App.Writer); err != nil && !errors.Is(err, docker.ErrUnreachable) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// readyTimeout is how long a server may take to come back from a restore.
const readyTimeout = 3 * time.Minute

// recoverOne restores one repository and says so on w.
func recoverOne(ctx context.Context, w io.Writer, state undo.State, find findServer, doc undo.Document) error {
	what := "restored %s, the server is verified\n"
	if doc.Phase == undo.Committed {
		what = "completed the change of %s that was decided before its process died\n"
	} else {
		fmt.Fprintf(w, "restoring %s, which a run of %s left changed\n",
			printable(undo.Name(doc.Repository)), doc.Holder.Since.Local().Format(time.DateTime))
	}
	recovery := runner.Recovery{State: state, Find: find, ReadyTimeout: readyTimeout, Patience: patience,
		Note: func(text string) { fmt.Fprintf(w, "warning: %s\n", printable(text)) }}
	if err := recovery.Recover(ctx, doc, "restore"); err != nil {
		return err
	}
	fmt.Fprintf(w, what, printable(undo.Name(doc.Repository)))
	return nil
}

// patience is how long to wait for whoever holds the repository of a pending
// journal: a guardian at work is worth it, a living run is not.
func patience(h *undo.Holder) time.Duration {
	if h != nil && h.Command == guardianName {
		return 2 * readyTimeout
	}
	return time.Second // a process that was just killed, or a guardian that begins
}

// tellReports prints what guardians did, once.
func tellReports(w io.Writer, state undo.State) error {
	reports, err := guardian.Reports(state.Dir())
	for _, r := range reports {
		fmt.Fprintln(w, printable(r.String()))
		err = errors.Join(err, guardian.Forget(state.Dir(), r))
	}
	return err
}

// findServer returns the server of a journal.
type findServer func(ctx context.Context, ref undo.Reference) (runner.Server, error)

// finder finds the container of a journal, by its ID: a namesake is somebody
// else's. How to speak to it the command's own flags say.
func finder(c *cli.Context) (findServer, error) {
	dial, err := secureOptions(c)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, ref undo.Reference) (runner.Server, error) {
		if ref.Simulated {
			return nil, runner.ErrServerEnded
		}
		dial := dial
		dial.GRPCAddr = ref.GRPC
		if ref.ContainerID == "" {
			return runner.NewAddress(dial), nil
		}
		engine, err := docker.Open(ctx)
		if err != nil {
			return nil, err
		}
		container, err := engine.Find(ctx, docker.Query{Name: ref.ContainerID})
		if err != nil {
			return nil, fmt.Errorf("finding container %s: %w", ref.ContainerName, err)
		}
		return runner.NewContainer(ctx, container, dial)
	}, nil
}

// recoverFirst restores what an earlier run left behind in this place, or on this
// server, and tells of others.
func (t *target) recoverFirst(c *cli.Context, place string) error {
	find, err := finder(c)
	if err != nil {
		return err
	}
	pending, err := undo.Pending(t.state)
	if err != nil {
		return withCode(exitConflict, err)
	}
	if err := tellReports(c.App.ErrWriter, t.state); err != nil {
		return withCode(exitPermission, err)
	}
	for _, journal := range pending {
		if journal.Server.Scratch { // nobody's, and gone with its run
			if err := discard(c.Context, t.state, journal.Document); err != nil {
				return err
			}
			continue
		}
		if t.mode == runner.None || !t.concerns(c, place, journal.Document) {
			if journal.Running() {
				continue
			}
			fmt.Fprintf(c.App.ErrWriter, "warning: an earlier run left %s changed (hint: tritonsweep restore)\n", printable(undo.Name(journal.Repository)))
			continue
		}
		if err := recoverOne(c.Context, c.App.ErrWriter, t.state, find, journal.Document); err != nil {
			return err
		}
	}
	return nil
}

// discard removes the journal of a simulation that was killed.
func discard(ctx context.Context, state undo.State, doc undo.Document) error {
	if _, err := os.Stat(doc.Repository); !errors.Is(err, fs.ErrNotExist) {
		return nil // it lives
	}
	return runner.Recovery{State: state}.Recover(ctx, doc, "restore")
}

// concerns reports whether a journal is about what this run works on.
func (t *target) concerns(c *cli.Context, place string, doc undo.Document) bool {
	if doc.Repository == place || sameDirectory(doc.Repository, place) {
		return true
	}
	if t.container != nil && doc.Server.ContainerID != "" {
		return doc.Server.ContainerID == t.container.ID
	}
	return len(doc.Overrides) > 0 && doc.Server.GRPC != "" && doc.Server.GRPC == c.String("grpc-url")
}

func sameDirectory(a, b string) bool {
	first, err := os.Stat(a)
	second, secondErr := os.Stat(b)
	return err == nil && secondErr == nil && os.SameFile(first, second)
}
