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
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"tritonsweep/runner/docker/dockertest"
	"tritonsweep/runner/load/region"
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

// TestRealKilledSweeps kills sweeps of a real server at random moments, every second
// one with its tensors in shared memory, and every third together with its guardian.
// After each, restore brings every file back byte for byte, the server runs it, no
// stored record is lost, and neither state, temporary files nor shared memory are
// left. The number of kills comes from TRITONSWEEP_KILLS (make kills N=30).
func TestRealKilledSweeps(t *testing.T) {
	dockertest.Require(t)
	kills, err := strconv.Atoi(cmp.Or(os.Getenv("TRITONSWEEP_KILLS"), "3"))
	if err != nil {
		t.Fatal(err)
	}
	dockertest.ShareMemory(t)
	w := newBroken(t)
	var sum struct{ changed, shared, restored, lost, leftovers int }
	for i := range kills {
		var more []string
		if i%2 == 0 {
			// Longer under load: there is shared memory only then.
			more = []string{"--shared-memory", "system", "--duration", "10s", "--precision", "0.001"}
		}
		cmd := w.real(more...)
		cmd.Env = append(cmd.Env, hookEnv+"=recorded:records")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		moment := time.Duration(rand.Int64N(int64(20 * time.Second)))
		time.Sleep(moment)
		if i%3 == 2 {
			w.killGuardians(t, cmd.Process.Pid)
		}
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()
		if len(differing(t, w.repository, w.before)) > 0 {
			sum.changed++
		}
		sum.shared += min(1, len(deadRegions(t)))
		if out, err := w.command("restore").CombinedOutput(); err != nil {
			t.Fatalf("kill %d after %s: restore: %v\n%s\n%s", i, moment, err, out, &stderr)
		}
		left := append(w.afterAWhile(t), deadRegions(t)...)
		if changed := differing(t, w.repository, w.before); len(changed) > 0 || !proto.Equal(servedConfig(t, w.own.GRPC()), w.served) {
			t.Errorf("kill %d after %s: not restored: %v", i, moment, changed)
		} else {
			sum.restored++
		}
		if len(left) > 0 {
			t.Errorf("kill %d after %s: left behind: %v", i, moment, left)
			sum.leftovers += len(left)
		}
		sum.lost += w.lost(t, stderr.String())
	}
	fmt.Printf("kills %d, config changed at the kill %d, shared memory at the kill %d, restored %d, lost records %d, leftovers %d\n",
		kills, sum.changed, sum.shared, sum.restored, sum.lost, sum.leftovers)
	if sum.lost > 0 {
		t.Error("records are lost")
	}
}

// deadRegions lists the regions of shared memory whose owner has ended.
func deadRegions(t *testing.T) (dead []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(region.Dir, region.Prefix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		file, err := os.Open(name)
		if err != nil {
			continue // gone meanwhile
		}
		if unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB) == nil {
			dead = append(dead, name)
		}
		_ = file.Close() // and with it the lock
	}
	return dead
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
