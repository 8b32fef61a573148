package docker

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestCallsAreLimited walks through everything a sweep does and compares the
// requests with the list in the package comment.
func TestCallsAreLimited(t *testing.T) {
	f := &fakeEngine{containers: []*fakeContainer{triton(idA, "a")}, memory: map[string]any{"usage": 9, "limit": 10}}
	started := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	f.onStart = func(c *fakeContainer) { started = started.Add(time.Second); c.State = running(started) }
	e := f.start(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, q := range []Query{{}, {Name: "a"}, {Port: 4600}, {Name: "nobody"}, {Port: 1}} {
		e.Find(ctx, q)
	}
	c, err := e.Find(ctx, Query{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Restart(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.change(func() { f.containers[0].State = exited(1, false) })
	if _, err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	c.Logs(ctx, s.StartedAt, 0)
	shortly, end := context.WithTimeout(ctx, 5*time.Millisecond)
	defer end()
	for range c.Follow(shortly, s.StartedAt) {
	}
	c.Stats(ctx)
	c.WatchExit(ctx, s)
	f.emit(map[string]any{"Type": "container", "Action": "die"})
	for range c.Events(ctx, s.StartedAt) {
		break
	}
	short, stop := context.WithTimeout(ctx, 5*time.Millisecond)
	defer stop()
	c.SampleMemory(short, time.Millisecond)

	allowed := regexp.MustCompile(`^(HEAD /_ping|GET /v1\.41/containers/json(\?all=1)?|` +
		`GET /v1\.41/containers/(a|nobody|` + idA + `)/json|` +
		`POST /v1\.41/containers/` + idA + `/(restart\?t=40|start)|` +
		`GET /v1\.41/containers/` + idA + `/(logs|stats)\?\S+|` +
		`GET /v1\.41/events\?filters=\S+` + idA + `\S+)$`)
	kinds := map[string]bool{}
	for _, r := range f.recorded() {
		if !allowed.MatchString(r) {
			t.Errorf("call outside the list: %s", r)
		}
		path, _, _ := strings.Cut(r, "?")
		kinds[path] = true
	}
	// HEAD ping, list, three inspections, restart, start, logs, stats, events.
	if len(kinds) != 10 {
		t.Errorf("%d kinds of call, want all 10: %v", len(kinds), kinds)
	}
}

func TestOpenRefusesPlainTextOffLoopback(t *testing.T) {
	for _, test := range []struct {
		host, certs, verify string
		refused             bool
	}{
		{"tcp://192.0.2.1:2375", "", "", true},
		{"http://192.0.2.1:2375", "", "", true},
		{"tcp://docker.example:2376", "certs", "", true}, // encrypted, to whomever
		{"tcp://docker.example:2376", "certs", "1", false},
		{"tcp://127.0.0.1:2375", "", "", false},
		{"tcp://[::1]:2375", "", "", false},
		{"tcp://localhost:2375", "", "", false},
		{"unix:///run/docker.sock", "", "", false},
	} {
		t.Setenv("DOCKER_CERT_PATH", test.certs)
		t.Setenv("DOCKER_TLS_VERIFY", test.verify)
		_, err := checkHost(test.host)
		if got := errors.Is(err, ErrInsecure); got != test.refused || err != nil && !got {
			t.Errorf("%s (certs %q, verify %q): %v, refused must be %v", test.host, test.certs, test.verify, err, test.refused)
		}
	}
	if _, err := checkHost("ssh://me@server"); err == nil || !strings.Contains(err.Error(), "forward the socket") {
		t.Errorf("ssh: %v", err)
	}
}

func TestOpenUnreachable(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(dir, "none.sock"))
	_, err := Open(context.Background())
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "is the Docker daemon running?") {
		t.Errorf("no socket: %v", err)
	}
	if os.Getuid() == 0 {
		return // root may use any socket
	}
	closed := filepath.Join(dir, "closed.sock")
	l, err := net.Listen("unix", closed)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	os.Chmod(closed, 0)
	t.Setenv("DOCKER_HOST", "unix://"+closed)
	if _, err := Open(context.Background()); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("closed socket: %v", err)
	}
}

func TestReachHintOfPermission(t *testing.T) {
	err := &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", os.ErrPermission)}
	if hint := reachHint(err); !strings.Contains(hint, "sudo") {
		t.Errorf("hint %q", hint)
	}
}

func TestOpenFindsRootlessSocket(t *testing.T) {
	if exists(defaultSocket()) {
		t.Setenv("DOCKER_HOST", "")
		t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
		if got := hostFromEnvironment(); got != "unix://"+defaultSocket() {
			t.Errorf("the system's socket has to win, got %s", got)
		}
		return
	}
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "docker.sock"), nil, 0o600)
	t.Setenv("DOCKER_HOST", "")
	t.Setenv("XDG_RUNTIME_DIR", dir)
	if got := hostFromEnvironment(); got != "unix://"+filepath.Join(dir, "docker.sock") {
		t.Errorf("got %s", got)
	}
}

// A daemon that takes the connection and never answers must not hold us.
func TestOpenHungDaemon(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("DOCKER_HOST", "unix://"+socket)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := Open(ctx); err == nil || !strings.Contains(err.Error(), "did not answer in time") && !errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}
