package main

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tritonsweep/results"
	"tritonsweep/runner"
)

// acknowledged is what a sweep prints for every record that was stored, when
// the hook says "records".
const acknowledged = "stored record "

// TestChaosSweeps kills simulated sweeps at random moments; every second time
// the guardian is killed as well, so that the next start has to do its work.
// After each the files are the originals byte for byte, no stored record is
// lost, the store opens, and nothing is left behind (make chaos-long N=1000).
func TestChaosSweeps(t *testing.T) {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("TRITONSWEEP_CHAOS_SWEEPS"), "3"))
	if err != nil {
		t.Fatal(err)
	}
	s := newSimulation(t)
	var sum struct{ kills, dirty, restored, lost, leftovers int }
	var slowest time.Duration
	for i := range n {
		var output bytes.Buffer
		cmd := s.sweep()
		cmd.Env = append(cmd.Env, hookEnv+"=recorded:records")
		cmd.Stderr = &output
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(2500 * time.Millisecond))))
		if i%2 == 1 {
			s.killGuardians(t, cmd.Process.Pid)
		}
		_ = cmd.Process.Kill() // it may have ended by itself
		died := time.Now()
		_ = cmd.Wait()
		if cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled() {
			sum.kills++
		}
		if len(differing(t, s.repository, s.before)) > 0 {
			sum.dirty++
		}
		if i%2 == 0 { // the guardian alone
			for len(differing(t, s.repository, s.before)) > 0 && time.Since(died) < time.Minute {
				time.Sleep(5 * time.Millisecond)
			}
			slowest = max(slowest, time.Since(died))
		}
		if out, err := s.command("restore").CombinedOutput(); err != nil {
			t.Fatalf("kill %d: restore: %v\n%s", i, err, out)
		}
		if left := differing(t, s.repository, s.before); len(left) > 0 {
			t.Errorf("kill %d: not restored: %v", i, left)
		} else {
			sum.restored++
		}
		sum.lost += s.lost(t, output.String())
		if left := s.afterAWhile(t); len(left) > 0 {
			t.Errorf("kill %d: left behind: %v", i, left)
			sum.leftovers += len(left)
		}
		if t.Failed() {
			break
		}
	}
	fmt.Printf("sweeps %d, kills %d, config changed at the kill %d, restored %d, lost records %d, leftovers %d, slowest guardian %s\n",
		n, sum.kills, sum.dirty, sum.restored, sum.lost, sum.leftovers, slowest.Round(time.Millisecond))
	if sum.restored != n || sum.lost+sum.leftovers > 0 {
		t.Error("see above")
	}
}

// killGuardians kills the children of a process.
func (s *simulation) killGuardians(t *testing.T, parent int) {
	t.Helper()
	for _, pid := range children(t, parent) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// lost counts the records that a sweep said were stored and that are not there.
func (s *simulation) lost(t *testing.T, output string) int {
	t.Helper()
	said := map[string]bool{}
	for line := range strings.Lines(output) {
		if _, id, ok := strings.Cut(strings.TrimSpace(line), acknowledged); ok {
			said[id] = true
		}
	}
	store, err := results.Open(t.Context(), s.db)
	if err != nil {
		t.Errorf("the store does not open: %v", err)
		return len(said)
	}
	defer store.Close()
	runs, err := store.Runs(t.Context())
	if err != nil {
		t.Error(err)
	}
	for _, run := range runs {
		records, err := store.Records(t.Context(), run.ID)
		if err != nil {
			t.Error(err)
		}
		for _, r := range records {
			delete(said, recordID(r))
		}
	}
	return len(said)
}

func recordID(r results.Record) string { return fmt.Sprintf("%s/%d", r.Run, r.Sequence) }

// afterAWhile lists what is left, once a guardian at work had its time.
func (s *simulation) afterAWhile(t *testing.T) []string {
	t.Helper()
	var left []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if left = s.leftovers(t); len(left) == 0 {
			return nil
		}
		if _, err := s.command("restore").CombinedOutput(); err != nil {
			t.Error(err)
		}
	}
	return left
}

// sayRecord is the hook's action "records".
func sayRecord(e runner.Event) {
	if e.Step == runner.Recorded {
		fmt.Fprintf(os.Stderr, "\n%s%s\n", acknowledged, recordID(*e.Record))
	}
}
