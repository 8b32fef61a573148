package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/container"
)

const (
	// minStopTimeout is what a healthy and an unhealthy Triton need to stop:
	// its own --exit-timeout-secs is 30 s, and a server with a failed model
	// uses all of it. Docker's default of 10 s would be a SIGKILL.
	minStopTimeout = 40 * time.Second
	// exitMargin is added to an --exit-timeout-secs that people set.
	exitMargin = 10 * time.Second
	// startTimeout bounds what the Engine itself needs to start a container:
	// mounts, network, devices. It does not cover Triton.
	startTimeout = 90 * time.Second
)

// stopTimeout returns the time that Docker should wait before it kills.
func (c *Container) stopTimeout() time.Duration {
	timeout := max(c.StopTimeout, minStopTimeout)
	if text, ok := c.Flag("exit-timeout-secs"); ok {
		if exit, err := time.ParseDuration(text + "s"); err == nil {
			timeout = max(timeout, exit+exitMargin)
		}
	}
	return timeout
}

// Restart stops the container and starts it again, or starts it when it is
// stopped, and returns its state after a changed start time. It says nothing
// about whether Triton serves, nor whether it still runs.
//
// stopTimeout is the time between the stop signal and the kill; 0 means the
// longest of 40 s, the container's own, and Triton's exit timeout with a
// margin. Restart wraps ErrGone, ErrUnreachable or ErrNotRestarted.
func (c *Container) Restart(ctx context.Context, stopTimeout time.Duration) (State, error) {
	if stopTimeout <= 0 {
		stopTimeout = c.stopTimeout()
	}
	return c.begin(ctx, "restarting", stopTimeout+startTimeout, func(ctx context.Context) error {
		seconds := int((stopTimeout + time.Second - 1) / time.Second)
		return c.engine.api.ContainerRestart(ctx, c.ID, container.StopOptions{Timeout: &seconds})
	})
}

// Start starts the container when it is stopped and returns its state after a
// changed start time; of a running container it returns the state.
func (c *Container) Start(ctx context.Context) (State, error) {
	before, err := c.Inspect(ctx)
	if err != nil || before.Running && !before.Restarting {
		return before, err
	}
	return c.begin(ctx, "starting", startTimeout, func(ctx context.Context) error {
		return c.engine.api.ContainerStart(ctx, c.ID, container.StartOptions{})
	})
}

// begin calls the Engine and waits for a start time other than the one before:
// a daemon that is shutting down has answered OK and left the container down.
func (c *Container) begin(ctx context.Context, doing string, timeout time.Duration, call func(context.Context) error) (State, error) {
	before, err := c.Inspect(ctx)
	if err != nil {
		return State{}, err
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := call(limited); err != nil {
		return State{}, c.fail(doing, err)
	}
	return c.waitStarted(ctx, doing, before.StartedAt)
}

// waitStarted returns the state once the start time differs from the one
// before. The call has returned, so it comes at once or never.
func (c *Container) waitStarted(ctx context.Context, doing string, before time.Time) (State, error) {
	limited, cancel := context.WithTimeout(ctx, c.engine.settle)
	defer cancel()
	for {
		now, err := c.Inspect(limited)
		switch {
		case err == nil && !now.StartedAt.Equal(before) && !now.StartedAt.IsZero():
			return now, nil
		case errors.Is(err, ErrGone):
			return State{}, err
		case err == nil:
			err = fmt.Errorf("its status is %q", now.Status)
		}
		select {
		case <-time.After(c.engine.poll):
		case <-limited.Done():
			if ctx.Err() != nil {
				return State{}, fmt.Errorf("%s %s: %w", doing, c.Name, ctx.Err())
			}
			return State{}, fmt.Errorf("%s %s: Docker reported success, but %w: %w", doing, c.Name, ErrNotRestarted, err)
		}
	}
}
