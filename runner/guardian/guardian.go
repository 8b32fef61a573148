// Package guardian restores what a killed run left changed, seconds after it
// died: kill -9, a crash, a terminal that went away.
//
// A guardian is a small process of the same binary. It opens no port, has a
// session of its own, so that neither Ctrl-C nor a closed terminal reaches it,
// and inherits nothing but one end of a pipe, whose other end the run alone
// holds: the kernel closes that one whatever ends the run. A run that ends well
// says so on the pipe first, and the guardian goes quietly.
//
// What a guardian does is up to its caller (Watch only tells that the run
// died), and what it did is a Report in the state directory.
package guardian

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// What the two processes say to each other.
const (
	isWatching = "watching\n"
	isDone     = "done\n"
)

// startTimeout bounds how long a guardian may need to begin watching. The run
// changes nothing before.
const startTimeout = 30 * time.Second

// dismissTimeout bounds the wait for a dismissed guardian, which only has to exit.
const dismissTimeout = 10 * time.Second

// Guardian is the run's end of a guardian.
type Guardian struct {
	pipe  *os.File
	ended chan error
	kill  func() error
}

// Start starts a guardian with this command, which must call Watch, and returns
// when it watches.
func Start(ctx context.Context, name string, args, env []string) (_ *Guardian, err error) {
	in, pipe, err := os.Pipe() // close-on-exec both, so nobody else holds an end
	if err != nil {
		return nil, err
	}
	answer, out, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, in.Close(), pipe.Close())
	}
	defer answer.Close()
	cmd := &exec.Cmd{Path: name, Args: args, Env: env, Stdin: in, Stdout: out}
	cmd.Dir = "/" // no directory is kept busy
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = errors.Join(cmd.Start(), in.Close(), out.Close())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the guardian: %w", err), pipe.Close())
	}
	g := &Guardian{pipe: pipe, ended: make(chan error, 1), kill: cmd.Process.Kill}
	go func() { g.ended <- cmd.Wait() }()
	if err := expect(ctx, answer); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the guardian: %w", err), g.kill(), pipe.Close())
	}
	return g, nil
}

func expect(ctx context.Context, answer *os.File) error {
	deadline := time.Now().Add(startTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if err := answer.SetReadDeadline(deadline); err != nil {
		return err
	}
	line, err := bufio.NewReader(answer).ReadString('\n')
	if line == isWatching {
		return nil
	}
	return fmt.Errorf("it does not watch (it said %q): %w", line, err)
}

// Dismiss tells the guardian that nothing is left to do, and waits for its end.
func (g *Guardian) Dismiss() error {
	_, err := io.WriteString(g.pipe, isDone)
	if err := errors.Join(err, g.pipe.Close()); err != nil {
		return fmt.Errorf("dismissing the guardian: %w", err)
	}
	select {
	case <-g.ended:
		return nil
	case <-time.After(dismissTimeout):
		return errors.Join(fmt.Errorf("the guardian did not end within %s", dismissTimeout), g.kill())
	}
}

// Watch is the guardian's part: it says that it watches, and returns true when
// the run died, false when it ended well.
func Watch(in io.Reader, out io.Writer) (died bool, err error) {
	if _, err := io.WriteString(out, isWatching); err != nil {
		return true, nil // nobody listens any more
	}
	said, err := io.ReadAll(io.LimitReader(in, int64(len(isDone))))
	if err != nil {
		return true, err
	}
	return string(said) != isDone, nil
}
