package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
)

// Event is something that happened to the container.
type Event struct {
	Time time.Time // the Engine's clock
	// Action is "die", "oom", "kill", "start", "restart", "stop", "pause",
	// "unpause" or "destroy".
	Action string
	// ExitCode belongs to "die"; -1 for the others.
	ExitCode int
}

// actions leaves out the noise of health checks, which fills the Engine's
// buffer of past events.
var actions = []events.Action{
	events.ActionDie, events.ActionOOM, events.ActionKill, events.ActionStart, events.ActionRestart,
	events.ActionStop, events.ActionPause, events.ActionUnPause, events.ActionDestroy,
}

// Events yields what happens to the container from the moment since (by the
// Engine's clock; it remembers about the last 250 events of all its objects),
// until ctx ends or the loop is left. The end of the stream for another reason
// is yielded as an error, which wraps ErrUnreachable when the daemon went away.
func (c *Container) Events(ctx context.Context, since time.Time) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		messages, errs := c.subscribe(ctx, since)
		for {
			select {
			case m := <-messages:
				if !yield(eventOf(m), nil) {
					return
				}
			case err := <-errs:
				if ctx.Err() == nil {
					yield(Event{}, c.streamFail(ctx, err))
				}
				return
			}
		}
	}
}

func (c *Container) subscribe(ctx context.Context, since time.Time) (<-chan events.Message, <-chan error) {
	args := filters.NewArgs(
		filters.Arg("type", string(events.ContainerEventType)),
		filters.Arg("container", c.ID),
	)
	for _, a := range actions {
		args.Add("event", string(a))
	}
	return c.engine.api.Events(ctx, events.ListOptions{Since: timestamp(since), Filters: args})
}

// streamFail explains the end of an event stream, which the client reports in
// whatever words the connection used.
func (c *Container) streamFail(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("following %s: %w at %s: the event stream ended", c.Name, ErrUnreachable, c.engine.host)
	}
	return c.fail("following", err)
}

func eventOf(m events.Message) Event {
	e := Event{Time: time.Unix(0, m.TimeNano), Action: string(m.Action), ExitCode: -1}
	if e.Action == string(events.ActionDie) {
		if code, err := strconv.Atoi(m.Actor.Attributes["exitCode"]); err == nil {
			e.ExitCode = code
		}
	}
	return e
}

// timestamp writes a time as the Engine's API wants it; the zero time is "now
// on" for events and "from the beginning" for logs.
func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
