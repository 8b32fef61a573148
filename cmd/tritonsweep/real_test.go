package main

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// realTriton returns the container and the repository of the real server.
// Without TRITONSWEEP_REAL=1 these tests are left out, by name and with the
// reason; with it a missing server is a failure.
func realTriton(t *testing.T) (container, repository string) {
	t.Helper()
	if os.Getenv("TRITONSWEEP_REAL") != "1" {
		t.Skip("needs the real Triton: make test sets it up")
	}
	container = os.Getenv("TRITONSWEEP_REAL_CONTAINER")
	if container == "" {
		container = "tritonsweep-triton"
	}
	out, err := exec.Command("docker", "inspect", "--format",
		`{{range .Mounts}}{{if eq .Destination "/models"}}{{.Source}}{{end}}{{end}}`, container).Output()
	if err != nil {
		t.Fatalf("inspecting %s: %v (hint: make triton)", container, err)
	}
	repository = strings.TrimSpace(string(out))
	if repository == "" {
		t.Fatalf("%s mounts no repository at /models", container)
	}
	return container, repository
}

// TestRealScripts runs the commands against the real server, as a person would.
func TestRealScripts(t *testing.T) {
	container, repository := realTriton(t)
	before := readConfigs(t, repository)
	scripts, err := filepath.Glob("testdata/real/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, script := range scripts {
		// A run of its own for each: inside one they would be parallel, and the
		// server is one.
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txtar"), func(t *testing.T) {
			testscript.Run(t, testscript.Params{
				Files: []string{script}, Cmds: scriptCommands, RequireExplicitExec: true,
				Setup: func(e *testscript.Env) error {
					if err := environment(e); err != nil {
						return err
					}
					e.Setenv("DOCKER_HOST", os.Getenv("DOCKER_HOST"))
					e.Setenv("CONTAINER", container)
					e.Setenv("REPO", repository)
					return nil
				},
			})
		})
	}
	expectConfigs(t, repository, before)
}

// TestRealKilledSweeps kills a sweep at random moments; after each, restore
// brings every file back byte for byte and the server serves. The number of
// kills comes from TRITONSWEEP_KILLS (make kills N=30).
func TestRealKilledSweeps(t *testing.T) {
	container, repository := realTriton(t)
	kills, err := strconv.Atoi(cmp.Or(os.Getenv("TRITONSWEEP_KILLS"), "3"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TRITONSWEEP_STATE", t.TempDir())
	binary := build(t)
	before := readConfigs(t, repository)
	changed, restored := 0, 0
	for i := range kills {
		args := []string{"queue-delay", "--model", "arcface_w600k_r50", "--container", container, "--delays", "1000,2000",
			"--concurrency", "4", "--rounds", "1", "--duration", "300ms", "--warmup", "100ms",
			"--db", filepath.Join(t.TempDir(), "run.db")}
		cmd := exec.Command(binary, args...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		moment := time.Duration(rand.Int64N(int64(20 * time.Second)))
		time.Sleep(moment)
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()
		dirty := differing(t, repository, before)
		if len(dirty) > 0 {
			changed++
		}
		out, err := exec.Command(binary, "restore").CombinedOutput()
		if err != nil {
			t.Fatalf("kill %d after %s: restore: %v\n%s\n%s", i, moment, err, out, &stderr)
		}
		if left := differing(t, repository, before); len(left) > 0 {
			t.Errorf("kill %d after %s: not restored: %v", i, moment, left)
			continue
		}
		restored++
	}
	fmt.Printf("kills %d, config changed at the kill %d, restored %d\n", kills, changed, restored)
}

// readConfigs returns every file beside a config, with its mode and time.
func readConfigs(t testing.TB, repository string) map[string]string {
	t.Helper()
	files := map[string]string{}
	names, err := filepath.Glob(filepath.Join(repository, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	hidden, _ := filepath.Glob(filepath.Join(repository, "*", ".*"))
	for _, name := range append(names, hidden...) {
		info, err := os.Stat(name)
		if err != nil || info.IsDir() {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = fmt.Sprintf("%s %s %s", info.Mode(), info.ModTime(), data)
	}
	if len(files) == 0 {
		t.Fatalf("no files in %s", repository)
	}
	return files
}

func differing(t testing.TB, repository string, before map[string]string) []string {
	t.Helper()
	now := readConfigs(t, repository)
	var names []string
	for name := range now {
		if now[name] != before[name] {
			names = append(names, name)
		}
	}
	for name := range before {
		if _, there := now[name]; !there {
			names = append(names, name)
		}
	}
	return names
}

func expectConfigs(t *testing.T, repository string, before map[string]string) {
	t.Helper()
	if left := differing(t, repository, before); len(left) > 0 {
		t.Errorf("the repository was left changed: %v", left)
	}
}
