package docker

import (
	"context"
	"fmt"
	"time"
)

// ExitError says how a container's process ended.
type ExitError struct {
	Container string
	ExitCode  int
	OOMKilled bool
	// Restarts counts the starts by the restart policy since then: more than
	// one is a crash loop.
	Restarts int
	// Replaced tells that the container runs again, started by somebody else
	// or by its policy; ExitCode is then not known.
	Replaced bool
	// Status is Docker's word for the state, Reason its own error, if any.
	Status, Reason string
}

// Error names the kind of end: the exit codes 137, 139 and 134 have different
// causes and different cures.
func (e *ExitError) Error() string {
	text := fmt.Sprintf("container %s %s", e.Container, e.cause())
	if e.Restarts > 0 {
		text += fmt.Sprintf("; starts by its restart policy since: %d", e.Restarts)
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

func (e *ExitError) cause() string {
	switch {
	case e.OOMKilled:
		return "was killed for lack of memory (OOMKilled); raise its memory limit or use fewer instances"
	case e.Replaced:
		return "was restarted meanwhile"
	case e.Status == "created":
		return "was never started"
	case e.ExitCode == 134:
		return "aborted (exit code 134, SIGABRT)"
	case e.ExitCode == 137:
		return "was killed (exit code 137, SIGKILL, not for lack of memory): a stop timeout or somebody's kill"
	case e.ExitCode == 139:
		return "crashed (exit code 139, SIGSEGV)"
	case e.ExitCode > 128 && e.ExitCode < 160:
		return fmt.Sprintf("ended by signal %d (exit code %d)", e.ExitCode-128, e.ExitCode)
	}
	return fmt.Sprintf("exited with code %d", e.ExitCode)
}

// Ended compares the state after a start with a later one. It returns nil when
// that start is still running, otherwise an *ExitError.
func (c *Container) Ended(start, now State) error {
	same := now.StartedAt.Equal(start.StartedAt) && now.RestartCount == start.RestartCount
	if same && now.Running && !now.Restarting {
		return nil
	}
	return &ExitError{
		Container: c.Name,
		ExitCode:  now.ExitCode,
		OOMKilled: now.OOMKilled,
		Restarts:  max(0, now.RestartCount-start.RestartCount),
		Replaced:  now.Running && !now.Restarting,
		Status:    now.Status,
		Reason:    now.Error,
	}
}

// inspectEvery is how often WatchExit looks without being told, in case an
// event was lost between a reconnecting daemon and us.
const inspectEvery = 5 * time.Second

// WatchExit blocks until the start that the state describes has ended and then
// returns an *ExitError. It returns ctx.Err() when ctx ends first, and wraps
// ErrGone or ErrUnreachable when the container or the Engine goes away.
func (c *Container) WatchExit(ctx context.Context, start State) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	messages, errs := c.subscribe(ctx, time.Now())
	ticker := time.NewTicker(inspectEvery)
	defer ticker.Stop()
	for {
		// First after subscribing, so that nothing falls between.
		now, err := c.Inspect(ctx)
		if err == nil {
			err = c.Ended(start, now)
		}
		if err != nil {
			return err
		}
		select {
		case <-messages:
		case <-ticker.C:
		case err := <-errs:
			return c.streamFail(ctx, err)
		}
	}
}
