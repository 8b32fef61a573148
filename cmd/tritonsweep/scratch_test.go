package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// copied returns a sweep of a copy of the repository, as --sim does it.
func (s *simulation) copied(mode string) []string {
	return []string{"queue-delay", "--sim", "--mode", mode, "--repository", s.repository, "--model", arcface,
		"--delays", "1000", "--concurrency", "2", "--rounds", "1", "--duration", "200ms", "--warmup", "50ms", "--db", s.db}
}

// TestFault51SimulatedCopies: a simulation is killed with its guardian; the next
// one, or restore, removes its copy of the repository, and leaves that of one
// that goes on.
func TestFault51SimulatedCopies(t *testing.T) {
	for mode, command := range map[string]string{"restart": "restore", "reload": "queue-delay", "none": "queue-delay"} {
		t.Run(mode, func(t *testing.T) {
			s := newSimulation(t)
			next := s.copied("restart")
			if command == "restore" {
				next = []string{command}
			}
			dead := hold(t, s.command(s.copied(mode)...), "measuring")
			dead.await(t, hookSays)
			s.killGuardians(t, dead.Process.Pid)
			_ = dead.Process.Kill()
			_ = dead.Wait()
			living := hold(t, s.command(s.copied(mode)...), "measuring")
			living.await(t, hookSays)
			if err := syscall.Kill(living.Process.Pid, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			cmd := s.command(next...)
			if out, err := cmd.CombinedOutput(); err != nil && next[0] != "restore" && cmd.ProcessState.ExitCode() != exitSome {
				t.Errorf("%s: %v\n%s", next[0], err, out)
			}
			if left, _ := filepath.Glob(filepath.Join(s.state, "scratch", "*")); len(left) != 1 {
				t.Errorf("after %s the copies are %v, want that of the living", next[0], left)
			}
			if err := syscall.Kill(living.Process.Pid, syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			living.goOn()
			if err := living.Wait(); err != nil && living.ProcessState.ExitCode() != exitSome {
				t.Errorf("the living: %v", err)
			}
			s.expectClean(t)
			if left, err := os.ReadDir(s.state); err != nil || len(left) > 0 {
				t.Errorf("left in the state directory: %v, %v", left, err)
			}
		})
	}
}
