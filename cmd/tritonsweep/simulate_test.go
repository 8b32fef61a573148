package main

import (
	"bufio"
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// serve starts `tritonsweep simulate` in a process of its own and returns, when it
// has printed its addresses, that of gRPC.
func (s *simulation) serve(t *testing.T, more ...string) (cmd *exec.Cmd, grpc string) {
	t.Helper()
	cmd = s.command(append([]string{"simulate", "--repository", s.repository}, more...)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		switch name, address, _ := strings.Cut(lines.Text(), " "); name {
		case "grpc":
			grpc = strings.TrimSpace(address)
		case "metrics": // the last of them
			return cmd, grpc
		}
	}
	t.Fatalf("the server did not start: %v", cmd.Wait())
	return nil, ""
}

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

// A model that is refused keeps the others from being served, unless told.
func TestSimulateWithoutARefusedModel(t *testing.T) {
	s := newSimulation(t)
	if err := os.MkdirAll(filepath.Join(s.repository, "refused"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.repository, "refused", "config.pbtxt"), []byte("max_batch_size: x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := s.command("simulate", "--repository", s.repository).CombinedOutput(); err == nil || !bytes.Contains(out, []byte("Poll failed for model directory 'refused'")) {
		t.Errorf("%v\n%s", err, out)
	}
	cmd, _ := s.serve(t, "--exit-on-error=false")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != 128+int(syscall.SIGTERM) {
		t.Errorf("exit code %d", cmd.ProcessState.ExitCode())
	}
}
