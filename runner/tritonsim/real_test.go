package tritonsim_test

import (
	"context"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"tritonsweep/runner/docker"
	"tritonsweep/runner/docker/dockertest"
	"tritonsweep/runner/tritonsim/contract"
)

// The same tests on the real server, with TRITONSWEEP_REAL=1. Each has a
// container of its own, since they restart it and count what it did.

func realTarget(t *testing.T, control string) contract.Target {
	t.Helper()
	own := dockertest.Start(t, control, contract.Model)
	engine, err := docker.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	container, err := engine.Find(t.Context(), docker.Query{Name: own.Name})
	if err != nil {
		t.Fatal(err)
	}
	started, err := container.Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return contract.Target{
		GRPC: own.GRPC(), HTTP: fmt.Sprintf("127.0.0.1:%d", own.HTTPPort), MetricsURL: own.MetricsURL(), Models: own.Models,
		Patience: 8 * time.Second,
		Limit: func(t *testing.T, processes int) {
			if processes == 0 {
				processes = -1
			}
			text, err := exec.Command("docker", "update", "--pids-limit", fmt.Sprint(processes), own.Name).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, text)
			}
		},
		Restart: func(ctx context.Context) (err error) {
			// Each instance takes a second to stop, which is nothing to wait for here.
			_ = exec.CommandContext(ctx, "docker", "kill", own.Name).Run() // it may have ended
			started, err = container.Restart(ctx, 0)
			return err
		},
		Stopped: func(ctx context.Context) error {
			now, err := container.Inspect(ctx)
			if err != nil {
				return err
			}
			return container.Ended(started, now)
		},
		Log: func(ctx context.Context, since time.Time) (string, error) {
			log, err := container.Logs(ctx, since, docker.MaxLog)
			return string(log), err
		},
	}
}

func TestRealAnswers(t *testing.T) {
	g := realTarget(t, "none")
	g.Restart = nil // and so no model control
	contract.Answers(t, g)
	contract.Wrong(t, g)
	contract.DeviceMemory(t, g)
}

func TestRealCounters(t *testing.T) { contract.Counters(t, realTarget(t, "none")) }
func TestRealRefusals(t *testing.T) { contract.Refusals(t, realTarget(t, "none")) }
func TestRealControl(t *testing.T)  { contract.Control(t, realTarget(t, "explicit")) }

func TestRealLenient(t *testing.T) {
	t.Setenv("EXTRA_ARGS", "--exit-on-error=false")
	contract.Lenient(t, realTarget(t, "none"))
}

// TestRealSharedMemory has a container that sees this machine's shared memory.
func TestRealSharedMemory(t *testing.T) {
	dockertest.ShareMemory(t)
	contract.SharedMemory(t, realTarget(t, "none"))
}
