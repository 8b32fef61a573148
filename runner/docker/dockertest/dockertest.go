// Package dockertest gives tests a real Triton in a real container.
//
// Such tests run only with TRITONSWEEP_REAL=1, and then they fail, not skip,
// when the container is missing. The shared container (Shared) is for tests
// that only read; whoever restarts it or changes its models starts one of
// their own (Start), which goes away with the test.
package dockertest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// startTimeout covers a first build of the image on a slow machine.
const startTimeout = 10 * time.Minute

// Require skips the test unless TRITONSWEEP_REAL is 1.
func Require(t *testing.T) {
	t.Helper()
	if os.Getenv("TRITONSWEEP_REAL") != "1" {
		t.Skip("needs a real Triton: TRITONSWEEP_REAL=1")
	}
}

// Shared returns the name of the container that other tests use as well, once
// it runs: another test may just be restarting it. It fails the test when it
// does not run within a minute.
func Shared(t *testing.T) string {
	t.Helper()
	Require(t)
	name := os.Getenv("TRITONSWEEP_REAL_CONTAINER")
	if name == "" {
		name = "tritonsweep-triton"
	}
	var last string
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		text, err := exec.Command("docker", "container", "inspect", "--format", "{{.State.Status}}", name).CombinedOutput()
		last = strings.TrimSpace(string(text))
		if err == nil && last == "running" {
			return name
		}
	}
	t.Fatalf("the container %s does not run (%s): examples/triton-cpu/up.sh starts it", name, last)
	return ""
}

// Server is a container of one test.
type Server struct {
	Name                            string
	HTTPPort, GRPCPort, MetricsPort int
	// Models is the repository on the host: the test's own copy.
	Models string
}

// GRPC returns host:port of the gRPC service.
func (s Server) GRPC() string { return fmt.Sprintf("127.0.0.1:%d", s.GRPCPort) }

// MetricsURL returns the address of the metrics page.
func (s Server) MetricsURL() string { return fmt.Sprintf("http://127.0.0.1:%d/metrics", s.MetricsPort) }

// Start runs examples/triton-cpu/up.sh for a container of the test's own, with
// copies of the models named, in model control mode "none", "explicit" or
// "poll", and removes it when the test ends. It returns when Triton is ready.
func Start(t *testing.T, mode string, models ...string) Server {
	t.Helper()
	Require(t)
	var folders []string
	for _, m := range models {
		folders = append(folders, filepath.Join(examplesDir(t), "models", m))
	}
	return StartFolders(t, mode, folders...)
}

// ShareMemory lets the containers that a test starts from now on see this machine's
// shared memory. What Triton's Python backend leaves there when its container is
// killed is removed when the test ends.
func ShareMemory(t *testing.T) {
	t.Helper()
	Require(t)
	t.Setenv("DOCKER_ARGS", "--volume /dev/shm:/dev/shm")
	const pattern = "/dev/shm/triton_python_backend_shm_region_*"
	before, _ := filepath.Glob(pattern)
	t.Cleanup(func() { // after the containers' own
		after, _ := filepath.Glob(pattern)
		for _, path := range after {
			if !slices.Contains(before, path) {
				if err := os.Remove(path); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

// StartFolders is Start with models from anywhere: each folder is copied and
// becomes a model of its name.
func StartFolders(t *testing.T, mode string, folders ...string) Server {
	t.Helper()
	Require(t)
	examples := examplesDir(t)
	s := Server{
		Name:     fmt.Sprintf("tritonsweep-test-%d-%d", os.Getpid(), time.Now().UnixNano()%1e6),
		HTTPPort: freePort(t), GRPCPort: freePort(t), MetricsPort: freePort(t),
		Models: filepath.Join(t.TempDir(), "models"),
	}
	if err := os.MkdirAll(s.Models, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders { // links are followed: the models share one file
		if out, err := exec.Command("cp", "-aL", folder, s.Models).CombinedOutput(); err != nil {
			t.Fatalf("copying %s: %v\n%s", folder, err, out)
		}
	}
	t.Cleanup(func() { Remove(t, s.Name) })
	environment := append(os.Environ(), "NAME="+s.Name, "MODELS="+s.Models, "MODEL_CONTROL_MODE="+mode,
		fmt.Sprintf("HTTP_PORT=%d", s.HTTPPort), fmt.Sprintf("GRPC_PORT=%d", s.GRPCPort),
		fmt.Sprintf("METRICS_PORT=%d", s.MetricsPort))
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	// On a machine under load Triton's Python backend has aborted while its
	// instances started (lock_exception, exit code 134): once more, then.
	for try := 1; ; try++ {
		up := exec.CommandContext(ctx, filepath.Join(examples, "triton-cpu", "up.sh"))
		up.Env = environment
		text, err := up.CombinedOutput()
		if err == nil {
			return s
		}
		if try == 2 || !strings.Contains(string(text), "lock_exception") {
			t.Fatalf("starting a Triton of its own: %v\n%s", err, text)
		}
		t.Logf("Triton aborted in its own start; trying again\n%s", text)
	}
}

// Remove deletes the container, which must exist no longer for the test to pass.
func Remove(t *testing.T, name string) {
	t.Helper()
	if text, err := exec.Command("docker", "rm", "--force", "--volumes", name).CombinedOutput(); err != nil &&
		!strings.Contains(string(text), "No such container") {
		t.Errorf("removing %s: %v\n%s", name, err, text)
	}
}

// Pause freezes the container, so that it accepts connections and never
// answers. The kernel may refuse while it is busy, so this tries more than once.
func Pause(t *testing.T, name string) {
	t.Helper()
	var last string
	for range 20 {
		text, err := exec.Command("docker", "pause", name).CombinedOutput()
		if err == nil {
			return
		}
		last = string(text)
		time.Sleep(200 * time.Millisecond)
	}
	t.Fatal(last)
}

// Unpause lets it go on.
func Unpause(t *testing.T, name string) {
	t.Helper()
	if text, err := exec.Command("docker", "unpause", name).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

// examplesDir is found from this file, so that tests of any package may call.
func examplesDir(t *testing.T) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("cannot tell where the examples are")
	}
	return filepath.Join(filepath.Dir(file), "..", "..", "..", "examples")
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
