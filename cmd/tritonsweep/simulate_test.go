package main

import (
	"bytes"
	"net"
	"strings"
	"testing"
)

// A port that somebody has is nobody's wrong flag.
func TestSimulateOnATakenPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"tritonsweep", "simulate", "--repository", newSimulation(t).repository, "--http", l.Addr().String()},
		strings.NewReader(""), &stdout, &stderr)
	if code != exitFailed || stdout.Len() > 0 || !strings.Contains(stderr.String(), "tritonsweep: the simulated server exited with code 1: opening a port: ") {
		t.Errorf("exit code %d\n%s%s", code, &stdout, &stderr)
	}
}
