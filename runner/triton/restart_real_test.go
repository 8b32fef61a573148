package triton_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tritonsweep/runner/docker"
	"tritonsweep/runner/docker/dockertest"
	"tritonsweep/runner/triton"
)

// TestRealRestart goes the way of a trial: restart, wait, and what happens
// when the new config is refused.
func TestRealRestart(t *testing.T) {
	ctx := limited(t)
	own := dockertest.Start(t, "none", arcface)
	container, c := find(t, own.Name), dial(t, own.GRPC(), own.MetricsURL())
	infer(ctx, t, c, 1)
	before, metricsBefore := readCounters(ctx, t, c)
	start, err := container.Restart(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	// The port is open: a connection proves nothing yet.
	if conn, err := net.DialTimeout("tcp", own.GRPC(), time.Second); err == nil {
		conn.Close()
		t.Log("the port proxy accepts before Triton listens")
	}
	wait := triton.Wait{Stopped: func() error {
		now, err := container.Inspect(ctx)
		if err != nil {
			return err
		}
		return container.Ended(start, now)
	}}
	asked := time.Now()
	if err := c.WaitReady(ctx, arcface, wait); err != nil {
		t.Fatal(err)
	}
	t.Logf("ready %v after the restart call returned", time.Since(asked))
	infer(ctx, t, c, 1)
	after, metricsAfter := readCounters(ctx, t, c)
	if after.Success.Count != 1 || before.Success.Count != 1 {
		t.Errorf("successes %d and %d, want 1 and 1: a restart starts at zero", before.Success.Count, after.Success.Count)
	}
	if *metricsAfter.Success != 1 || *metricsBefore.Success != 1 {
		t.Errorf("metrics %v and %v", *metricsBefore.Success, *metricsAfter.Success)
	}
	writeConfig(t, own, func(text string) string { return strings.Replace(text, "max_batch_size", "max_batch_sise", 1) })
	if start, err = container.Restart(ctx, 0); err != nil {
		t.Fatal(err)
	}
	asked = time.Now()
	var exit *docker.ExitError
	if err := c.WaitReady(ctx, arcface, wait); !errors.As(err, &exit) || exit.ExitCode != 1 {
		t.Errorf("a refused config: %v", err)
	}
	t.Logf("refusal seen after %v", time.Since(asked))
}

func writeConfig(t *testing.T, own dockertest.Server, change func(string) string) {
	t.Helper()
	path := filepath.Join(own.Models, arcface, "config.pbtxt")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := change(string(text))
	if changed == string(text) {
		t.Fatal("the change does not apply")
	}
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestRealPaused: a server that accepts and never answers.
func TestRealPaused(t *testing.T) {
	own := dockertest.Start(t, "none", arcface)
	c := dial(t, own.GRPC(), "")
	ctx := limited(t)
	if err := c.WaitReady(ctx, arcface, triton.Wait{}); err != nil {
		t.Fatal(err)
	}
	dockertest.Pause(t, own.Name)
	short, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
	defer cancel()
	if err := c.WaitReady(short, arcface, triton.Wait{Ask: 300 * time.Millisecond}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("paused: %v", err)
	}
	fresh := dial(t, own.GRPC(), "")
	short, cancel = context.WithTimeout(ctx, 1500*time.Millisecond)
	defer cancel()
	if _, err := fresh.Live(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a new connection: %v", err)
	}
	dockertest.Unpause(t, own.Name)
	if err := fresh.WaitReady(ctx, arcface, triton.Wait{}); err != nil {
		t.Error(err)
	}
}
