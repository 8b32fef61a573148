package docker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestFault33StopTimeout(t *testing.T) {
	for _, test := range []struct {
		name  string
		own   int
		flags []string
		given time.Duration
		want  string
	}{
		{"default", 0, nil, 0, "t=40"},
		{"shorter own", 5, nil, 0, "t=40"},
		{"longer own", 120, nil, 0, "t=120"},
		{"longer exit timeout", 0, []string{"--exit-timeout-secs=60"}, 0, "t=70"},
		{"given", 120, nil, 3 * time.Second, "t=3"},
		{"rounded up", 0, nil, 1500 * time.Millisecond, "t=2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fake := triton(idA, "a")
			fake.StopTimeout, fake.Cmd = test.own, append(fake.Cmd, test.flags...)
			f, c := only(t, fake)
			f.onStart = func(c *fakeContainer) { c.State = running(noon.Add(time.Minute)) }
			s, err := c.Restart(context.Background(), test.given)
			if err != nil || !s.StartedAt.Equal(noon.Add(time.Minute)) || !s.Running {
				t.Fatalf("state %+v, error %v", s, err)
			}
			if want := "POST /v1.41/containers/" + idA + "/restart?" + test.want; !slices.Contains(f.recorded(), want) {
				t.Errorf("%s is not among %v", want, f.recorded())
			}
		})
	}
}

func TestRestartReadsPortsAgain(t *testing.T) {
	f, c := only(t, triton(idA, "a"))
	f.onStart = func(c *fakeContainer) {
		c.State = running(noon.Add(time.Minute))
		c.Ports["8000/tcp"] = []map[string]string{{"HostIp": "127.0.0.1", "HostPort": "49153"}}
	}
	s, err := c.Restart(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	want := Endpoints{HTTP: "127.0.0.1:49153", GRPC: "127.0.0.1:4601", Metrics: "172.17.0.2:8002"}
	if got := c.Endpoints(s); got != want {
		t.Errorf("endpoints %+v, want %+v", got, want)
	}
}

func TestRestartOfStopped(t *testing.T) {
	fake := triton(idA, "a")
	f, c := only(t, fake)
	f.change(func() { fake.State = exited(1, false) })
	f.onStart = func(c *fakeContainer) { c.State = running(noon.Add(time.Minute)) }
	if s, err := c.Restart(context.Background(), 0); err != nil || !s.Running {
		t.Errorf("state %+v, error %v", s, err)
	}
}

func TestStartLeavesRunningAlone(t *testing.T) {
	f, c := only(t, triton(idA, "a"))
	if s, err := c.Start(context.Background()); err != nil || !s.Running {
		t.Errorf("state %+v, error %v", s, err)
	}
	for _, r := range f.recorded() {
		if strings.HasPrefix(r, "POST") {
			t.Errorf("a running container got %s", r)
		}
	}
}

// A daemon that shuts down answers OK and starts nothing.
func TestRestartWithoutAStart(t *testing.T) {
	_, c := only(t, triton(idA, "a"))
	c.engine.settle = 20 * time.Millisecond
	_, err := c.Restart(context.Background(), time.Second)
	if !errors.Is(err, ErrNotRestarted) || !strings.Contains(err.Error(), "Docker reported success") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	c.engine.settle = time.Minute
	if _, err := c.Restart(ctx, time.Second); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrNotRestarted) {
		t.Errorf("at the caller's deadline: %v", err)
	}
}

func TestRestartRefusedByTheEngine(t *testing.T) {
	f, c := only(t, triton(idA, "a"))
	f.status = map[string]int{"restart": 500}
	_, err := c.Restart(context.Background(), 0)
	if err == nil || !strings.Contains(err.Error(), "restarting a: ") || !strings.Contains(err.Error(), "port is already allocated") {
		t.Errorf("got %v", err)
	}
}

// A removed container is gone, also when a new one has its name.
func TestFault25ContainerGone(t *testing.T) {
	f, c := only(t, triton(idA, "a"))
	f.change(func() { f.containers = []*fakeContainer{triton(idB, "a")} })
	ctx := context.Background()
	calls := map[string]func() error{
		"inspect": func() error { _, err := c.Inspect(ctx); return err },
		"restart": func() error { _, err := c.Restart(ctx, 0); return err },
		"start":   func() error { _, err := c.Start(ctx); return err },
		"logs":    func() error { _, err := c.Logs(ctx, noon, 0); return err },
		"stats":   func() error { _, err := c.Stats(ctx); return err },
		"watch":   func() error { return c.WatchExit(ctx, State{}) },
		"sample":  func() error { _, err := c.SampleMemory(ctx, time.Hour); return err },
		"follow": func() (last error) {
			for _, err := range c.Follow(ctx, noon) {
				last = err
			}
			return last
		},
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, ErrGone) {
			t.Errorf("%s: %v, want ErrGone", name, err)
		}
	}
	for _, r := range f.recorded() {
		if strings.HasPrefix(r, "POST") {
			t.Errorf("the namesake got %s", r)
		}
	}
}

// A rename changes nothing: the ID counts.
func TestFault26Renamed(t *testing.T) {
	fake := triton(idA, "a")
	f, c := only(t, fake)
	f.change(func() { fake.Name = "b" })
	if _, err := c.Inspect(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestFault29MissingNetworkIsNotGone(t *testing.T) {
	_, c := only(t, triton(idA, "a"))
	err := c.fail("starting", notFoundError("network backend not found"))
	if errors.Is(err, ErrGone) {
		t.Errorf("a missing network is taken for a missing container: %v", err)
	}
}

type notFoundError string

func (e notFoundError) Error() string { return string(e) }
func (notFoundError) NotFound()       {}
