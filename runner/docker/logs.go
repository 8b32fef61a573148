package docker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// MaxLog is the largest piece of a log that is ever kept, in bytes.
const MaxLog = 64 << 10

// maxLines bounds what the Engine has to read: 64 KiB of Triton's log are some
// hundred lines.
const maxLines = 4000

// Logs returns the end of what the container wrote since that time (zero: ever),
// standard output and error together, at most size bytes (MaxLog when 0 or
// larger) of whole lines. Control characters are removed and what looks like a
// credential is replaced, so that the text can be shown and stored.
func (c *Container) Logs(ctx context.Context, since time.Time, size int) ([]byte, error) {
	if size <= 0 || size > MaxLog {
		size = MaxLog
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	raw, err := c.openLogs(ctx, container.LogsOptions{Since: timestamp(since), Tail: strconv.Itoa(maxLines)})
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	// Twice the size, so that the cut falls before anything that is shown:
	// half a line could hold half a secret.
	end := &tail{limit: 2 * MaxLog}
	if err := c.demultiplex(end, raw); err != nil {
		return nil, c.fail("reading the log of", err)
	}
	text := redact([]byte(clean(string(end.bytes()))))
	return lastLines(text, size), nil
}

func (c *Container) openLogs(ctx context.Context, options container.LogsOptions) (io.ReadCloser, error) {
	options.ShowStdout, options.ShowStderr = true, true
	raw, err := c.engine.api.ContainerLogs(ctx, c.ID, options)
	if err != nil {
		return nil, c.fail("reading the log of", err)
	}
	return raw, nil
}

// demultiplex joins both streams in the order they were written.
func (c *Container) demultiplex(to io.Writer, raw io.Reader) error {
	var err error
	if c.TTY {
		_, err = io.Copy(to, raw)
	} else {
		_, err = stdcopy.StdCopy(to, to, raw)
	}
	return err
}

// tail is a writer that keeps the last limit bytes.
type tail struct {
	limit int
	kept  []byte
	cut   bool
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	// Moving on each small write would be quadratic: let it grow to twice.
	if len(t.kept) > 2*t.limit {
		t.shorten()
	}
	return len(p), nil
}

func (t *tail) shorten() {
	if extra := len(t.kept) - t.limit; extra > 0 {
		t.kept = append(t.kept[:0], t.kept[extra:]...)
		t.cut = true
	}
}

// bytes returns the end of what was written, from the start of a line.
func (t *tail) bytes() []byte {
	t.shorten()
	if !t.cut {
		return t.kept
	}
	_, whole, _ := bytes.Cut(t.kept, []byte("\n"))
	return whole
}

// lastLines returns the last whole lines of text that fit into size.
func lastLines(text []byte, size int) []byte {
	if len(text) <= size {
		return text
	}
	start := len(text) - size
	if text[start-1] == '\n' {
		return text[start:]
	}
	_, whole, found := bytes.Cut(text[start:], []byte("\n"))
	if !found {
		return fmt.Appendf(nil, "(a line of %d bytes was left out)\n", len(text))
	}
	return whole
}
