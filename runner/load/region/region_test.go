//go:build linux

package region

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const childEnv = "TRITONSWEEP_REGION_CHILD"

// TestMain is also the process that TestReapAfterKill kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		r, err := Create(dir, 4096)
		if err != nil {
			os.Exit(1)
		}
		fmt.Println(r.Name)
		time.Sleep(time.Minute)
		runtime.KeepAlive(r) // a file that is collected is closed, and its lock gone
	}
	os.Exit(m.Run())
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestRegion(t *testing.T) {
	dir := t.TempDir()
	r, err := Create(dir, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Data) != 10_000 || !Exists(dir, "/"+r.Name) {
		t.Errorf("%d bytes at %s", len(r.Data), r.Name)
	}
	copy(r.Data[9_990:], "0123456789")
	if data, err := os.ReadFile(filepath.Join(dir, r.Name)); err != nil || string(data[9_990:]) != "0123456789" {
		t.Errorf("another process would read %q, %v", data[9_990:], err)
	}
	if names, err := Reap(dir); len(names) != 0 || err != nil {
		t.Errorf("a living region was reaped: %v, %v", names, err)
	}
	for range 2 { // closing twice is no error
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestReapAfterKill: what a process that was killed left behind goes at the next
// start; what is not ours stays.
func TestReapAfterKill(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, filepath.Join(dir, Prefix+"link")); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+dir)
	said, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	// Before it is locked, a file may be taken by whoever reaps; its owner makes another.
	if _, err := fmt.Fscanln(said, new(string)); err != nil {
		t.Fatalf("the owner did not say what it made: %v", err)
	}
	if made := files(t, dir); len(made) != 3 {
		t.Errorf("it made %v", made)
	}
	if names, err := Reap(dir); len(names) != 0 || err != nil {
		t.Errorf("while its owner lives: %v, %v", names, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // killed
	if names, err := Reap(dir); len(names) != 1 || err != nil {
		t.Errorf("after the kill: %v, %v", names, err)
	}
	if left := files(t, dir); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
}

func TestTooLarge(t *testing.T) {
	var space *SpaceError
	if _, err := Create(t.TempDir(), 1<<60); !errors.As(err, &space) || space.Want != 1<<60 {
		t.Errorf("error %v", err)
	}
	if _, err := Create("/no/such/directory", 1); !errors.Is(err, unix.ENOENT) {
		t.Errorf("error %v", err)
	}
}
