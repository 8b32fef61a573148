package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// signals is the state of the two-stage interruption: the first signal ends the
// measuring and restores, the second does not wait for the server.
type signals struct {
	first  atomic.Int64  // the first signal's number, 0 for none
	second chan struct{} // closed by the second
}

type signalsKey struct{}

// withSignals returns a context that the first SIGINT, SIGTERM or SIGHUP ends.
func withSignals(ctx context.Context, stderr io.Writer) (context.Context, func()) {
	s := &signals{second: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.WithValue(ctx, signalsKey{}, s))
	// A reader that goes away (`| head -1`) must not end a run before its restore.
	signal.Ignore(syscall.SIGPIPE)
	incoming := make(chan os.Signal, 2)
	signal.Notify(incoming, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case got := <-incoming:
				s.receive(n, got, stderr, cancel)
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(incoming)
		close(done)
		cancel()
	}
}

func (s *signals) receive(n int, got os.Signal, stderr io.Writer, cancel func()) {
	switch n {
	case 0:
		if number, ok := got.(syscall.Signal); ok {
			s.first.Store(int64(number))
		}
		fmt.Fprintf(stderr, "\ntritonsweep: %v: stopping, then restoring the config (again: do not wait for the server)\n", got)
		cancel()
	case 1:
		fmt.Fprintf(stderr, "\ntritonsweep: %v again: restoring the config files only\n", got)
		close(s.second)
	}
}

// signalOf returns the number of the signal that ended ctx, or 0.
func signalOf(ctx context.Context) int {
	if s, ok := ctx.Value(signalsKey{}).(*signals); ok {
		return int(s.first.Load())
	}
	return 0
}

// hurry returns the channel that a second signal closes.
func hurry(ctx context.Context) <-chan struct{} {
	if s, ok := ctx.Value(signalsKey{}).(*signals); ok {
		return s.second
	}
	return nil
}
