package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"tritonsweep/runner/docker/dockertest"
	"tritonsweep/runner/undo"
)

// socketProxy stands before Docker's socket and lets through what
// docs/docker-calls.md allows a sweep in place, for one container.
type socketProxy struct {
	behind  *httputil.ReverseProxy
	allowed []string // METHOD /path
	names   []string // of the container
	mu      sync.Mutex
	denied  []string
}

// newSocketProxy returns the proxy and its DOCKER_HOST.
func newSocketProxy(t *testing.T, names ...string) (*socketProxy, string) {
	t.Helper()
	engine := strings.TrimPrefix(os.Getenv("DOCKER_HOST"), "unix://")
	if engine == "" {
		engine = "/var/run/docker.sock"
	}
	p := &socketProxy{behind: httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "docker"}), names: names}
	dialer := net.Dialer{}
	p.behind.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "unix", engine)
	}}
	p.behind.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) } // a client that left
	for call, commands := range documented(t) {
		if strings.Contains(commands, "all below") || strings.Contains(commands, "`queue-delay`") {
			p.allowed = append(p.allowed, call)
		}
	}
	return p, serveSocket(t, p)
}

var (
	apiVersion = regexp.MustCompile(`^/v[0-9.]+/`)
	ofOne      = regexp.MustCompile(`^/containers/([^/]+)(/[a-z]+)?$`)
)

func (p *socketProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := apiVersion.ReplaceAllString(r.URL.Path, "/")
	call := r.Method + " " + path
	if m := ofOne.FindStringSubmatch(path); m != nil && m[1] != "json" && m[1] != "create" && slices.Contains(p.names, m[1]) {
		call = r.Method + " /containers/{id}" + m[2]
	}
	if !slices.Contains(p.allowed, call) {
		p.mu.Lock()
		p.denied = append(p.denied, call)
		p.mu.Unlock()
		http.Error(w, `{"message":"denied by the proxy"}`, http.StatusForbidden)
		return
	}
	p.behind.ServeHTTP(w, r)
}

// TestRealSocketProxy sweeps a real container through a proxy that allows only
// what is documented for it; a copy of it, which needs more, is refused and says so.
func TestRealSocketProxy(t *testing.T) {
	dockertest.Require(t)
	server := dockertest.Start(t, "none", arcface)
	id := inspectFormat(t, server.Name, "{{.Id}}")
	proxy, host := newSocketProxy(t, server.Name, id)
	dir := t.TempDir()
	s := &simulation{repository: server.Models, state: filepath.Join(dir, "state"), db: filepath.Join(dir, "run.db")}
	before := readConfigs(t, server.Models)
	command := func(args ...string) *exec.Cmd {
		cmd := s.command(append(args, "--container", server.Name)...)
		cmd.Env = append(cmd.Env, "DOCKER_HOST="+host, undo.StateEnv+"="+s.state)
		return cmd
	}
	sweep := []string{"queue-delay", "--model", arcface, "--delays", "1000", "--concurrency", "1", "--rounds", "1", "--duration", "300ms", "--warmup", "100ms", "--db", s.db}
	expect(t, command("doctor"), exitOK, server.Name)
	if out, err := command(sweep...).CombinedOutput(); err != nil && exitOf(err) != exitSome { // a busy machine
		t.Errorf("a sweep through the proxy: %v\n%s", err, out)
	}
	if len(proxy.denied) > 0 {
		t.Errorf("calls that are not documented: %q", proxy.denied)
	}
	expect(t, command(append(sweep, "--isolate")...), exitUnreachable, "the Docker socket's proxy forbids this call")
	if !slices.Contains(proxy.denied, "POST /containers/create") {
		t.Errorf("denied were only %q", proxy.denied)
	}
	expectConfigs(t, server.Models, before)
}
