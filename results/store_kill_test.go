package results

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

const childVariable = "TRITONSWEEP_TEST_APPEND_TO"

// TestMain turns the test program into the writer that TestKill kills.
func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		fmt.Fprintln(os.Stderr, appendForever(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// appendForever prints the number of each record once it is durable.
func appendForever(path string) error {
	ctx := context.Background()
	s, err := Open(ctx, path)
	if err != nil {
		return err
	}
	first, err := s.Records(ctx, "r")
	if err != nil {
		return err
	}
	for i := len(first) + 1; ; i++ {
		if err := s.Append(ctx, testRecord("r", i)); err != nil {
			return err
		}
		if _, err := fmt.Println(i); err != nil {
			return err
		}
	}
}

func TestKillLosesNoAcknowledgedRecord(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "run.db")
	s, err := Open(ctx, path)
	must(t, err)
	must(t, s.CreateRun(ctx, testRun("r")))
	must(t, s.Close())

	for kill := range 5 {
		acknowledged := killAfter(t, path, 3+7*kill)
		s, err := Open(ctx, path) // quick_check included
		must(t, err)
		records, err := s.Records(ctx, "r")
		must(t, err)
		must(t, s.Close())
		if len(records) < acknowledged {
			t.Fatalf("kill %d: %d records, %d were acknowledged", kill, len(records), acknowledged)
		}
		for i, rec := range records {
			if rec.Sequence != i+1 || !bytesEqual(t, rec, testRecord("r", i+1)) {
				t.Fatalf("kill %d: record %d is %+v", kill, i+1, rec)
			}
		}
	}
}

// killAfter starts the writer, kills it with SIGKILL while it works on the
// record after the nth acknowledged one, and returns the last acknowledged
// number. Lines that were in the pipe at the kill count too.
func killAfter(t *testing.T, path string, n int) (last int) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	lines := bufio.NewScanner(out)
	for seen := 1; lines.Scan(); seen++ {
		last, err = strconv.Atoi(lines.Text())
		must(t, err)
		if seen == n {
			must(t, child.Process.Kill())
		}
	}
	child.Wait() // killed: an error is expected
	if child.ProcessState.ExitCode() != -1 {
		t.Fatalf("the writer ended by itself: %v", child.ProcessState)
	}
	return last
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	must(t, err)
	return data
}

func bytesEqual(t testing.TB, a, b any) bool {
	t.Helper()
	return string(encode(t, a)) == string(encode(t, b))
}
