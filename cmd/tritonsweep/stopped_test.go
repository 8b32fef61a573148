package main

import (
	"bytes"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFault46StoppedProcess: a process that is stopped for more than a second,
// again and again, as on a laptop whose lid is closed, measured nothing: both tries
// are void, no figure is printed, and the exit code says so.
func TestFault46StoppedProcess(t *testing.T) {
	s := newSimulation(t)
	cmd := s.command("bench", "--sim", "--model", "arcface_w600k_r50", "--concurrency", "2",
		"--duration", "2s", "--warmup", "100ms", "--db", s.db)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // its code is looked at below
	// Any window of two seconds holds a whole stop.
	for stopped := false; ; stopped = !stopped {
		signal, pause := syscall.SIGSTOP, 1300*time.Millisecond
		if stopped {
			signal, pause = syscall.SIGCONT, 400*time.Millisecond
		}
		select {
		case <-ended:
		default:
			_ = cmd.Process.Signal(signal) // unless it has just ended
		}
		select {
		case <-ended:
			text := stdout.String()
			if code := cmd.ProcessState.ExitCode(); code != exitSome {
				t.Errorf("exit %d\n%s%s", code, text, stderr.String())
			}
			for _, want := range []string{"void", "sleep: asleep for", "measured again; first time: "} {
				if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
					t.Errorf("%q is missing:\n%s", want, text)
				}
			}
			return
		case <-time.After(pause):
		}
	}
}
