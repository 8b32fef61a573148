package docker_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tritonsweep/runner/docker"
	"tritonsweep/runner/docker/dockertest"
)

func open(t *testing.T) *docker.Engine {
	t.Helper()
	e, err := docker.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func TestRealShared(t *testing.T) {
	name := dockertest.Shared(t)
	ctx := context.Background()
	e := open(t)
	c, err := e.Find(ctx, docker.Query{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Inspect(ctx)
	if err != nil || !s.Running || s.StartedAt.IsZero() || s.Pid == 0 {
		t.Fatalf("state %+v, %v", s, err)
	}
	if !strings.HasPrefix(c.ImageDigest, "sha256:") || c.Image == "" {
		t.Errorf("image %q, digest %q", c.Image, c.ImageDigest)
	}
	byID, err := e.Find(ctx, docker.Query{Name: c.ID[:12]})
	if err != nil || byID.ID != c.ID {
		t.Errorf("by ID prefix: %v", err)
	}
	_, port, _ := strings.Cut(c.Endpoints(s).GRPC, ":")
	number, _ := strconv.Atoi(port)
	byPort, err := e.Find(ctx, docker.Query{Port: number, Host: "127.0.0.1"})
	if err != nil || byPort.ID != c.ID {
		t.Errorf("by port %d: %v", number, err)
	}
	// Other tests may run containers of their own: then it is ambiguous.
	if found, err := e.Find(ctx, docker.Query{}); !errors.Is(err, docker.ErrAmbiguous) && (err != nil || found.ID != c.ID) {
		t.Errorf("the only one: %v, %v", found, err)
	}
	r, err := c.Repository()
	if err != nil || r.ContainerPath != "/models" || r.Check(r.HostPath) != nil || r.CheckModel("arcface_w600k_r50") != nil {
		t.Errorf("repository %+v, %v", r, err)
	}
	if err := r.Check(t.TempDir()); !errors.Is(err, docker.ErrOtherRepository) {
		t.Errorf("another repository: %v", err)
	}
}

// sampleRealMemory compares with what the docker command shows.
func sampleRealMemory(t *testing.T, c *docker.Container) {
	time.Sleep(3 * time.Second) // until the models are loaded: memory grows before
	ctx, cancel := context.WithTimeout(context.Background(), 2500*time.Millisecond)
	defer cancel()
	peak, err := c.SampleMemory(ctx, 100*time.Millisecond)
	if err != nil || peak.Samples < 2 || peak.Used < 10<<20 || peak.Limit < peak.Used {
		t.Errorf("peak %+v, %v", peak, err)
	}
	text, err := exec.Command("docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", c.Name).Output()
	if err != nil {
		t.Fatal(err)
	}
	shown, unit, _ := strings.Cut(strings.TrimSpace(string(text)), "iB")
	scale := map[byte]float64{'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}[shown[len(shown)-1]]
	figure, err := strconv.ParseFloat(shown[:len(shown)-1], 64)
	if err != nil {
		t.Fatalf("%q: %v", unit, err)
	}
	if ratio := float64(peak.Used) / (figure * scale); ratio < 0.7 || ratio > 1.5 {
		t.Errorf("%d bytes, docker stats says %s", peak.Used, text)
	}
	t.Logf("peak %d MiB of %d samples; docker stats: %s", peak.Used>>20, peak.Samples, text)
}

// The life of a sweep's container: restart, refused config, repair, removal.
func TestRealLife(t *testing.T) {
	own := dockertest.Start(t, "none", "arcface_w600k_r50")
	ctx := context.Background()
	c, err := open(t).Find(ctx, docker.Query{Name: own.Name})
	if err != nil {
		t.Fatal(err)
	}
	before, err := c.Inspect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	after, err := c.Restart(ctx, 0)
	if err != nil || !after.StartedAt.After(before.StartedAt) || !after.Running || after.RestartCount != 0 {
		t.Fatalf("restart: %+v, %v", after, err)
	}
	sampleRealMemory(t, c)
	if got := c.Endpoints(after).GRPC; got != own.GRPC() {
		t.Errorf("gRPC at %s, want %s", got, own.GRPC())
	}
	refused := testRefusedConfig(t, c, own)
	// The repaired config starts again, from the exited state.
	if _, err := c.Restart(ctx, 0); err != nil {
		t.Fatal(err)
	}
	testRealEvents(t, c, refused)

	// A namesake of a removed container is not touched.
	dockertest.Remove(t, own.Name)
	if out, err := exec.Command("docker", "create", "--name", own.Name, c.ImageDigest, "true").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := c.Restart(ctx, 0); !errors.Is(err, docker.ErrGone) {
		t.Errorf("restart of a removed container: %v", err)
	}
}

// testRefusedConfig restarts with a config that Triton refuses and returns the
// state of that start. The config is repaired when it returns.
func testRefusedConfig(t *testing.T, c *docker.Container, own dockertest.Server) docker.State {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	path := filepath.Join(own.Models, "arcface_w600k_r50", "config.pbtxt")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(good, "\nno_such_field: 1 # password=CANARY\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	defer os.WriteFile(path, good, 0o644)
	start, err := c.Restart(ctx, 0)
	if err != nil {
		t.Fatalf("Docker restarts whatever the config says: %v", err)
	}
	var exit *docker.ExitError
	if err := c.WatchExit(ctx, start); !errors.As(err, &exit) || exit.ExitCode != 1 || exit.OOMKilled || exit.Replaced {
		t.Fatalf("end of the refused start: %v", err)
	}
	log, err := c.Logs(ctx, start.StartedAt, 0)
	if err != nil || !strings.Contains(string(log), `has no field named "no_such_field"`) {
		t.Errorf("the log does not tell the reason: %v\n%s", err, log)
	}
	if strings.Contains(string(log), "successfully loaded") {
		t.Errorf("the log reaches back before the start:\n%s", log)
	}
	if _, err := c.Stats(ctx); !errors.Is(err, docker.ErrNotRunning) {
		t.Errorf("memory of a stopped container: %v", err)
	}
	return start
}

// testRealEvents reads the past: the refused start has died, with its code.
func testRealEvents(t *testing.T, c *docker.Container, refused docker.State) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for e, err := range c.Events(ctx, refused.StartedAt) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Action == "die" {
			if e.ExitCode != 1 || e.Time.Before(refused.StartedAt) {
				t.Errorf("event %+v", e)
			}
			return
		}
	}
	t.Error("no die event")
}

// Ends that Triton cannot be made to show at will, by plain containers of the
// same image.
func TestRealEnds(t *testing.T) {
	name := dockertest.Shared(t)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	e := open(t)
	shared, err := e.Find(ctx, docker.Query{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	grow := "b=[]\nwhile True: b.append(bytearray(1<<22))"
	for _, test := range []struct {
		name    string
		options []string
		command []string
		check   func(*docker.ExitError) bool
	}{
		{"oom", []string{"--memory=64m", "--memory-swap=64m"}, []string{"python3", "-c", grow},
			func(e *docker.ExitError) bool { return e.OOMKilled && e.ExitCode == 137 }},
		{"segv", nil, []string{"sh", "-c", "exit 139"},
			func(e *docker.ExitError) bool { return e.ExitCode == 139 && !e.OOMKilled }},
		{"loop", []string{"--restart=always"}, []string{"sh", "-c", "sleep 0.2; exit 7"},
			func(e *docker.ExitError) bool { return e.ExitCode == 7 || e.Restarts > 0 }},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := create(t, e, shared.ImageDigest, test.options, test.command)
			start, err := c.Restart(ctx, 0) // of a container that never ran
			if err != nil {
				t.Fatal(err)
			}
			var exit *docker.ExitError
			if err := c.WatchExit(ctx, start); !errors.As(err, &exit) || !test.check(exit) {
				t.Errorf("end: %v", err)
			} else {
				t.Log(exit)
			}
		})
	}
	t.Run("paused, terminal", func(t *testing.T) {
		// As a shell's child the program is not process 1, which would ignore SIGTERM.
		c := create(t, e, shared.ImageDigest, []string{"--tty", "--init"}, []string{"sh", "-c", "echo one; echo two >&2; sleep 60"})
		start, err := c.Start(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for line, err := range c.Follow(ctx, start.StartedAt) {
			if err != nil {
				t.Fatal(err)
			}
			if line == "two" {
				break
			}
		}
		dockertest.Pause(t, c.ID)
		if s, err := c.Inspect(ctx); err != nil || !s.Paused || c.Ended(start, s) != nil {
			t.Errorf("paused: %+v, %v", s, err)
		}
		again, err := c.Restart(ctx, 3*time.Second)
		if err != nil || again.Paused || !again.Running {
			t.Errorf("restart of a paused container: %+v, %v", again, err)
		}
		log, err := c.Logs(ctx, again.StartedAt, 0)
		if err != nil || strings.Contains(string(log), "\r") {
			t.Errorf("log %q, %v", log, err)
		}
	})
}

// create makes a container that is removed with the test, and does not start it.
func create(t *testing.T, e *docker.Engine, image string, options, command []string) *docker.Container {
	t.Helper()
	name := "tritonsweep-test-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	arguments := append([]string{"create", "--name", name}, options...)
	arguments = append(append(arguments, image), command...)
	t.Cleanup(func() { dockertest.Remove(t, name) })
	if out, err := exec.Command("docker", arguments...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c, err := e.Find(context.Background(), docker.Query{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
