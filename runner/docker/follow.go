package docker

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"time"

	"github.com/docker/docker/api/types/container"
)

// Follow yields the container's log line by line from that time on, cleaned
// and redacted like Logs, until the container stops, ctx ends or the loop is
// left. A failure is yielded once as an error.
//
// It asks again and again instead of holding one stream open: Engine 20.10
// sometimes misses lines written while a stream is opened, and then delivers
// them only when the container ends.
func (c *Container) Follow(ctx context.Context, since time.Time) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		reader := &follower{container: c, since: since, yield: yield}
		for {
			// In this order: what a container wrote last is read after its end.
			state, err := c.Inspect(ctx)
			if err == nil {
				err = reader.read(ctx)
			}
			switch {
			case errors.Is(err, errStopped) || ctx.Err() != nil:
				return
			case err != nil:
				yield("", err)
				return
			case !state.Running:
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(c.engine.poll):
			}
		}
	}
}

// follower remembers how far a log was read.
type follower struct {
	container *Container
	since     time.Time // of the last line that was yielded
	yield     func(string, error) bool
}

func (f *follower) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	raw, err := f.container.openLogs(ctx, container.LogsOptions{Since: timestamp(f.since), Timestamps: true})
	if err != nil {
		return err
	}
	defer raw.Close()
	lines := &lineWriter{line: f.line}
	err = f.container.demultiplex(lines, raw)
	if err == nil {
		err = lines.flush()
	}
	if err != nil && !errors.Is(err, errStopped) {
		return f.container.fail("following the log of", err)
	}
	return err
}

// line takes a line with the Engine's time stamp before it. The Engine includes
// the instant that it is asked from, so the last line comes again.
func (f *follower) line(text []byte) bool {
	stamp, text, _ := bytes.Cut(text, []byte(" "))
	at, err := time.Parse(time.RFC3339Nano, string(stamp))
	if err != nil || !at.After(f.since) {
		return true
	}
	f.since = at
	return f.yield(string(redact([]byte(clean(string(text))))), nil)
}

// errStopped ends a copy whose reader has left the loop.
var errStopped = errors.New("stopped")

// lineWriter calls line for every complete line, which it cuts at MaxLog.
type lineWriter struct {
	line    func([]byte) bool
	partial []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for {
		text, rest, found := bytes.Cut(p, []byte("\n"))
		if room := MaxLog - len(w.partial); room > 0 {
			w.partial = append(w.partial, text[:min(room, len(text))]...)
		}
		if !found {
			return n, nil
		}
		if !w.line(w.partial) {
			return 0, errStopped
		}
		w.partial, p = w.partial[:0], rest
	}
}

func (w *lineWriter) flush() error {
	if len(w.partial) > 0 && !w.line(w.partial) {
		return errStopped
	}
	return nil
}
