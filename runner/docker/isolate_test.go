package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/mount"
)

// production is a container as people run it: with a GPU, limits, several
// mounts, a socket among them, a policy and labels of their own.
func production(t *testing.T) *fakeContainer {
	socket := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	c := triton(idA, "production")
	c.Labels = map[string]string{"com.docker.compose.service": "triton", "token": canary}
	c.Mounts = []map[string]any{
		{"Type": "bind", "Source": "/srv", "Destination": "/workspace", "RW": true},
		{"Type": "bind", "Source": "/srv/models", "Destination": "/models", "RW": true},
		{"Type": "volume", "Name": "cache", "Source": "/var/lib/docker/volumes/cache/_data", "Destination": "/cache", "RW": true},
		{"Type": "bind", "Source": socket, "Destination": "/var/run/docker.sock", "RW": true},
	}
	c.HostConfig = map[string]any{
		"RestartPolicy": map[string]any{"Name": "always"}, "ShmSize": 8 << 30, "Runtime": "nvidia", "AutoRemove": true,
		"DeviceRequests": []map[string]any{{"Driver": "nvidia", "DeviceIDs": []string{"0"}, "Capabilities": [][]string{{"gpu"}}}},
		"Ulimits":        []map[string]any{{"Name": "memlock", "Soft": -1, "Hard": -1}},
		"ExtraHosts":     []string{"db:10.0.0.1"}, "IpcMode": "host",
	}
	return c
}

func isolation(t *testing.T) Isolation {
	owner, err := NewOwner()
	if err != nil {
		t.Fatal(err)
	}
	return Isolation{Owner: owner, Models: "/state/models", Binds: []string{"m/1"}, Ports: [3]int{5001, 5002, 5003}}
}

// isolated starts the fake and copies its only container.
func isolated(t *testing.T, c *fakeContainer, o Isolation) (*fakeEngine, *Engine, *Container, []string, error) {
	f := &fakeEngine{containers: []*fakeContainer{c}}
	started := time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC)
	f.onStart = func(c *fakeContainer) { c.State = running(started) }
	e := f.start(t)
	found, err := e.Find(context.Background(), Query{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := found.Repository()
	if err != nil {
		t.Fatal(err)
	}
	twin, notes, err := found.Isolate(context.Background(), r, o)
	return f, e, twin, notes, err
}

func TestIsolateCopiesWhatDecides(t *testing.T) {
	f, _, twin, notes, err := isolated(t, production(t), isolation(t))
	if err != nil {
		t.Fatal(err)
	}
	got, host := f.created, f.createdHost
	if got.Image != "sha256:0123" || !slices.Equal(got.Cmd, []string{"tritonserver", "--model-repository=/models"}) || !slices.Equal(got.Env, []string{"TOKEN=" + canary}) {
		t.Errorf("image, command or environment: %+v", got)
	}
	if host.ShmSize != 8<<30 || host.Runtime != "nvidia" || len(host.DeviceRequests) != 1 || len(host.Ulimits) != 1 ||
		host.IpcMode != "host" || len(host.ExtraHosts) != 1 || host.Memory != 4<<30 || host.MemorySwap != host.Memory {
		t.Errorf("resources: %+v", host)
	}
	if host.RestartPolicy.Name != "no" || host.AutoRemove || got.Labels["com.docker.compose.service"] != "" || got.Labels["token"] != "" {
		t.Errorf("it is taken for the original: %+v %v", host.RestartPolicy, got.Labels)
	}
	for port, bindings := range host.PortBindings {
		if len(bindings) != 1 || bindings[0].HostIP != "127.0.0.1" || bindings[0].HostPort != "" {
			t.Errorf("port %s: %v", port, bindings)
		}
	}
	if len(host.PortBindings) != 3 {
		t.Errorf("ports: %v", host.PortBindings)
	}
	if twin.Image != "nvcr.io/nvidia/tritonserver:24.10-py3" || twin.Name == "production" {
		t.Errorf("pinned: %+v", twin)
	}
	want := map[string]string{"/cache": "cache", "/models": "/state/models", "/models/m/1": "/srv/models/m/1", "/workspace": "/srv"}
	for _, m := range host.Mounts {
		if !m.ReadOnly || want[m.Target] != m.Source || (m.Type == mount.TypeVolume) != (m.Target == "/cache") {
			t.Errorf("mount %+v", m)
		}
		delete(want, m.Target)
	}
	if len(want) > 0 || len(notes) != 1 || !strings.Contains(notes[0], "docker.sock") {
		t.Errorf("missing mounts %v, notes %q", want, notes)
	}
}

func TestIsolateOnTheHostsNetwork(t *testing.T) {
	c := production(t)
	c.Network = "host"
	f, _, _, _, err := isolated(t, c, isolation(t))
	if err != nil {
		t.Fatal(err)
	}
	cmd := strings.Join(f.created.Cmd, " ")
	for _, want := range []string{"--http-port=5001 --http-address=127.0.0.1", "--grpc-port=5002", "--metrics-port=5003"} {
		if !strings.Contains(cmd, want) {
			t.Errorf("command %q lacks %q", cmd, want)
		}
	}
	if len(f.createdHost.PortBindings) > 0 {
		t.Errorf("ports are published: %v", f.createdHost.PortBindings)
	}
}

func TestIsolateRefuses(t *testing.T) {
	for name, change := range map[string]func(*fakeContainer){
		"script on the host's network": func(c *fakeContainer) {
			c.Network, c.Cmd = "host", []string{"bash", "-c", "tritonserver --model-repository=/models"}
		},
		"another container's network": func(c *fakeContainer) { c.Network = "container:other" },
		"another container's memory":  func(c *fakeContainer) { c.HostConfig["IpcMode"] = "container:other" },
		"no network":                  func(c *fakeContainer) { c.Network = "none" },
		"no memory limit":             func(c *fakeContainer) { c.HostConfig["Memory"] = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			c := production(t)
			change(c)
			f, _, _, _, err := isolated(t, c, isolation(t))
			if !errors.Is(err, ErrCannotIsolate) {
				t.Errorf("got %v", err)
			}
			if len(f.containers) != 1 {
				t.Error("something was created")
			}
		})
	}
}

// A copy that does not start must not stay.
func TestIsolateRemovesWhatDoesNotStart(t *testing.T) {
	c := production(t)
	f := &fakeEngine{containers: []*fakeContainer{c}, status: map[string]int{"start": http.StatusInternalServerError}}
	found, err := f.start(t).Find(context.Background(), Query{})
	if err != nil {
		t.Fatal(err)
	}
	r, _ := found.Repository()
	if _, _, err := found.Isolate(context.Background(), r, isolation(t)); err == nil || len(f.containers) != 1 {
		t.Errorf("%v, %d containers", err, len(f.containers))
	}
}

func TestRemoveSparesOthers(t *testing.T) {
	f, c := only(t, production(t))
	if err := c.Remove(context.Background()); err == nil || !strings.Contains(err.Error(), "stays") || len(f.containers) != 1 {
		t.Errorf("%v, %d containers", err, len(f.containers))
	}
}

func TestOrphansAreToldFromTheLiving(t *testing.T) {
	living := isolation(t)
	f, e, twin, _, err := isolated(t, production(t), living)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Owner){
		"ended": func(o *Owner) { o.PID = 1 << 22 }, "number used again": func(o *Owner) { o.Start = "1" },
		"before the last boot": func(o *Owner) { o.Boot = "another" },
	} {
		o := living.Owner
		if change(&o); !o.Dead() {
			t.Errorf("%s: lives", name)
		}
	}
	if other := (Owner{Host: "elsewhere"}); living.Owner.Dead() || other.Dead() {
		t.Error("we, or somebody on another host, are taken for dead")
	}
	copies, err := e.Copies(context.Background())
	if err != nil || len(copies) != 1 || copies[0].Owner != living.Owner || copies[0].ID != twin.ID {
		t.Fatalf("%v %+v", err, copies)
	}
	if err := copies[0].Remove(context.Background()); err != nil || len(f.containers) != 1 {
		t.Errorf("%v", err)
	}
	if err := twin.Remove(context.Background()); err != nil {
		t.Errorf("removed twice: %v", err)
	}
}

// TestIsolateThroughAProxy allows exactly the documented calls, compares those
// that were made, and forbids the new ones once.
func TestIsolateThroughAProxy(t *testing.T) {
	f := &fakeEngine{containers: []*fakeContainer{production(t)}}
	f.onStart = func(c *fakeContainer) { c.State = running(time.Now()) }
	f.start(t)
	allowed := regexp.MustCompile(`^(HEAD /_ping|GET /v1\.41/containers/(json|[0-9a-z]+/json)|POST /v1\.41/containers/(create|[0-9a-f]{64}/start)|DELETE /v1\.41/containers/[0-9a-f]{64})$`)
	for _, forbid := range []bool{false, true} {
		t.Run(fmt.Sprint("forbidden=", forbid), func(t *testing.T) {
			seen := proxy(t, func(call string) bool {
				return allowed.MatchString(call) && !(forbid && strings.HasPrefix(call, "POST"))
			})
			e, err := Open(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			c, err := e.Find(context.Background(), Query{Name: "production"})
			if err != nil {
				t.Fatal(err)
			}
			r, _ := c.Repository()
			twin, _, err := c.Isolate(context.Background(), r, isolation(t))
			if forbid {
				if err == nil || !strings.Contains(err.Error(), "proxy forbids") {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := twin.Remove(context.Background()); err != nil {
				t.Error(err)
			}
			kinds := map[string]bool{}
			for _, call := range seen() {
				kinds[regexp.MustCompile(`[0-9a-f]{64}`).ReplaceAllString(call, "ID")] = true
			}
			if len(kinds) != 6 { // ping, inspection by name and by ID, create, start, delete
				t.Errorf("calls: %v", kinds)
			}
		})
	}
}

// proxy stands before the socket of DOCKER_HOST and takes its place.
func proxy(t *testing.T, allow func(call string) bool) (seen func() []string) {
	t.Helper()
	behind := strings.TrimPrefix(os.Getenv("DOCKER_HOST"), "unix://")
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", behind)
	}}
	forward := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "docker"})
	forward.Transport = transport
	calls := make(chan string, 1000)
	socket := filepath.Join(t.TempDir(), "proxy.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := r.Method + " " + r.URL.Path
		calls <- call
		if !allow(call) {
			http.Error(w, `{"message":"forbidden"}`, http.StatusForbidden)
			return
		}
		forward.ServeHTTP(w, r)
	})}
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-done; transport.CloseIdleConnections() })
	t.Setenv("DOCKER_HOST", "unix://"+socket)
	return func() []string {
		var all []string
		for len(calls) > 0 {
			all = append(all, <-calls)
		}
		return all
	}
}

// An owner can be read from the name of its directory, whatever its machine is
// called; other names are no owners.
func TestOwnerNamed(t *testing.T) {
	owner, err := NewOwner()
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{owner.Host, "", "a_b", "../..", "a/b:c d", "ü%2F"} {
		owner.Host = host
		name := owner.Name()
		if strings.ContainsAny(name, "/: ") {
			t.Errorf("%q is no name of a directory that can be mounted", name)
		}
		if got, ok := OwnerNamed(name); !ok || got != owner {
			t.Errorf("%q was read as %+v, %t", name, got, ok)
		}
	}
	for _, name := range []string{"", "abc", ".half.owner.json", "k_x_1_b_h", "k_1_1_b_%zz", "k_1_1_b"} {
		if got, ok := OwnerNamed(name); ok {
			t.Errorf("%q was read as %+v", name, got)
		}
	}
}
