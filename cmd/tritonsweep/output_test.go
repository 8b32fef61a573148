package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func readDirectory(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(data)
	}
	return files
}

// TestFault9KilledWhileReporting kills the writing of reports at random moments:
// each file stays whole, and the next report removes what was half-written.
func TestFault9KilledWhileReporting(t *testing.T) {
	s := newSimulation(t)
	out := filepath.Join(t.TempDir(), "out")
	if text, err := s.sweep("--output", out).CombinedOutput(); err != nil && !bytes.Contains(text, []byte("reports: ")) {
		t.Fatalf("%v\n%s", err, text)
	}
	begin := time.Now()
	cmd := s.command("report", "--db", s.db, "--output", out)
	text := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = text, text
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	took := time.Since(begin)
	whole := readDirectory(t, out)
	killed := 0
	for range 12 {
		cmd := s.command("report", "--db", s.db, "--output", out)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(took/2 + time.Duration(rand.Int64N(int64(took))))
		_ = cmd.Process.Kill() // it may have ended by itself
		if err := cmd.Wait(); err != nil {
			killed++
		}
		for name, text := range readDirectory(t, out) {
			if !strings.Contains(name, ".tritonsweep-") && text != whole[name] {
				t.Errorf("%s is not whole: %d bytes instead of %d", name, len(text), len(whole[name]))
			}
		}
	}
	if out, err := s.command("report", "--db", s.db, "--output", out).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if now := readDirectory(t, out); len(now) != len(whole) {
		t.Errorf("left behind: %d files instead of %d", len(now), len(whole))
	}
	t.Logf("%d of 12 were killed", killed)
}

// TestFault54ReportPath: a place that cannot be written is refused before the
// first change; one that goes wrong later costs the report and nothing else.
func TestFault54ReportPath(t *testing.T) {
	s := newSimulation(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := s.sweep("--output", filepath.Join(file, "out"))
	if text, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != exitPermission || !bytes.Contains(text, []byte("nothing was touched")) {
		t.Errorf("below a file: exit code %d\n%s", cmd.ProcessState.ExitCode(), text)
	}
	if _, err := os.Stat(s.db); err == nil {
		t.Error("a results file was made")
	}

	taken := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(taken, "report.html"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd = s.sweep("--output", taken)
	if text, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != exitFailed || !bytes.Contains(text, []byte("tritonsweep report writes it again")) {
		t.Errorf("a directory in its place: exit code %d\n%s", cmd.ProcessState.ExitCode(), text)
	}
	s.expectRecords(t, 1)
	s.expectClean(t)

	linked := filepath.Join(dir, "linked")
	if err := os.Mkdir(linked, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, filepath.Join(linked, "report.html")); err != nil {
		t.Fatal(err)
	}
	if text, err := s.command("report", "--db", s.db, "--output", linked).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	if data, err := os.ReadFile(file); err != nil || len(data) > 0 {
		t.Errorf("the link was followed: %d bytes, %v", len(data), err)
	}
}
