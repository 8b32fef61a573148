package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tritonsweep/runner/tritonsim"
)

// engine is a Docker Engine on a socket whose containers are simulated Tritons:
// whole commands run on it as on the real one. It writes down every call, and
// puts a secret wherever an Engine may have one.
type engine struct {
	host   string // its DOCKER_HOST
	secret string
	mu     sync.Mutex
	calls  []string // METHOD /path, identifiers replaced by {id}
	boxes  []*box
}

// box is one container.
type box struct {
	id, name string
	models   string // on the host
	labels   map[string]string
	created  bool // by a client
	running  bool
	started  time.Time
	server   *tritonsim.Server
}

// newEngine serves an Engine with one container that runs.
func newEngine(t *testing.T, models, secret string) *engine {
	t.Helper()
	e := &engine{secret: secret}
	t.Cleanup(func() {
		for _, b := range e.boxes {
			b.server.Close()
		}
	})
	e.add("production", models, map[string]string{"deploy.token": secret}).start(t)
	e.host = serveSocket(t, e) // from here on mu guards it
	return e
}

// serveSocket serves on a Unix socket until the test ends, and returns its
// DOCKER_HOST.
func serveSocket(t *testing.T, handler http.Handler) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "docker.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close(); <-served })
	return "unix://" + socket
}

func (e *engine) add(name, models string, labels map[string]string) *box {
	b := &box{id: fmt.Sprintf("%064x", 0xabc0+len(e.boxes)), name: name, models: models, labels: labels}
	ports, err := freePorts() // known before the server listens, as with published ports
	if err != nil {
		panic(err)
	}
	at := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i]) }
	if b.server, err = tritonsim.New(tritonsim.Options{Repository: models, HTTP: at(0), GRPC: at(1), Metrics: at(2)}); err != nil {
		panic(err) // an option of ours
	}
	e.boxes = append(e.boxes, b)
	return b
}

func (b *box) start(t *testing.T) {
	t.Helper()
	if err := b.server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.running, b.started = true, time.Now()
}

var containerCall = regexp.MustCompile(`^/containers/([0-9a-z.-]+)(/json|/restart|/start|/logs|/stats)?$`)

func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/v1.41")
	w.Header().Set("Api-Version", "1.41")
	w.Header().Set("Ostype", "linux")
	e.mu.Lock()
	defer e.mu.Unlock()
	match := containerCall.FindStringSubmatch(path)
	if match == nil || path == "/containers/json" || path == "/containers/create" {
		e.calls = append(e.calls, r.Method+" "+path)
	}
	switch {
	case path == "/_ping":
	case path == "/containers/json":
		e.list(w, r)
	case path == "/containers/create":
		e.create(w, r)
	case path == "/events":
		e.mu.Unlock() // nothing happens
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		e.mu.Lock()
	case match != nil:
		e.calls = append(e.calls, r.Method+" /containers/{id}"+match[2])
		e.container(w, r, match[1], r.Method+match[2])
	default:
		e.answer(w, http.StatusNotFound, map[string]string{"message": "page not found"})
	}
}

func (e *engine) answer(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document) // the client went away
}

func (e *engine) container(w http.ResponseWriter, r *http.Request, name, call string) {
	i := slices.IndexFunc(e.boxes, func(b *box) bool { return b.id == name || b.name == name })
	if i < 0 {
		e.answer(w, http.StatusNotFound, map[string]string{"message": "No such container: " + name})
		return
	}
	b := e.boxes[i]
	switch call {
	case "GET/json":
		e.answer(w, http.StatusOK, e.inspection(b))
	case "POST/restart", "POST/start":
		err := b.server.Restart(r.Context())
		b.running, b.started = err == nil, time.Now()
		w.WriteHeader(http.StatusNoContent) // whatever came of it, like the real one
	case "GET/logs":
		e.log(w, b)
	case "GET/stats":
		e.answer(w, http.StatusOK, map[string]any{"memory_stats": map[string]any{"usage": 1 << 28, "limit": 4 << 30}})
	case "DELETE":
		b.server.Close()
		e.boxes = slices.Delete(e.boxes, i, i+1)
		w.WriteHeader(http.StatusNoContent)
	default:
		e.answer(w, http.StatusMethodNotAllowed, map[string]string{"message": call})
	}
}

// log sends what the server printed, between lines with secrets, in Docker's frames.
func (e *engine) log(w http.ResponseWriter, b *box) {
	lines := fmt.Sprintf("HF_TOKEN=%s\nloading https://%s:%s@models.example/m\n%s\nAuthorization: Bearer %s\n",
		e.secret, e.secret, e.secret, b.server.Log(time.Time{}), e.secret)
	for line := range strings.Lines(lines) {
		n := len(line)
		_, _ = w.Write(append([]byte{2, 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, line...))
	}
}

func (e *engine) create(w http.ResponseWriter, r *http.Request) {
	var document struct {
		Labels     map[string]string
		HostConfig struct {
			Mounts []struct{ Source, Target string }
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&document); err != nil {
		e.answer(w, http.StatusBadRequest, map[string]string{"message": err.Error()})
		return
	}
	models := ""
	for _, m := range document.HostConfig.Mounts {
		if m.Target == "/models" {
			models = m.Source
		}
	}
	b := e.add(r.URL.Query().Get("name"), models, document.Labels)
	b.created = true
	e.answer(w, http.StatusCreated, map[string]any{"Id": b.id, "Warnings": []string{}})
}

func (e *engine) list(w http.ResponseWriter, r *http.Request) {
	list := []map[string]any{}
	for _, b := range e.boxes {
		labelled := strings.Contains(r.URL.Query().Get("filters"), "tritonsweep.isolate")
		if labelled && !b.created || !b.running && r.URL.Query().Get("all") == "" {
			continue
		}
		ports := []map[string]any{}
		for private, binding := range b.ports() {
			ports = append(ports, map[string]any{"IP": "127.0.0.1", "PrivatePort": private, "PublicPort": binding, "Type": "tcp"})
		}
		list = append(list, map[string]any{"Id": b.id, "Names": []string{"/" + b.name}, "Image": "tritonserver:2.51", "State": b.status(),
			"Command": "tritonserver --model-repository=/models", "Ports": ports, "Labels": b.labels,
			"HostConfig": map[string]any{"NetworkMode": "default"}, "NetworkSettings": map[string]any{"Networks": map[string]any{}}})
	}
	e.answer(w, http.StatusOK, list)
}

func (b *box) status() string {
	if b.running {
		return "running"
	}
	return "exited"
}

// ports are the published ports by those of Triton.
func (b *box) ports() map[int]int {
	out, ends := map[int]int{}, b.server.Endpoints()
	for private, address := range map[int]string{8000: ends.HTTP, 8001: ends.GRPC, 8002: ends.Metrics} {
		var port int
		if _, text, err := net.SplitHostPort(address); err == nil && b.running {
			_, _ = fmt.Sscan(text, &port)
			out[private] = port
		}
	}
	return out
}

func (e *engine) inspection(b *box) map[string]any {
	state := map[string]any{"Status": b.status(), "Running": b.running, "StartedAt": b.started.UTC().Format(time.RFC3339Nano), "FinishedAt": "0001-01-01T00:00:00Z"}
	if !b.running {
		state["ExitCode"], state["FinishedAt"] = 1, b.started.UTC().Format(time.RFC3339Nano)
		state["Error"] = "failed with token=" + e.secret
	}
	ports := map[string]any{}
	for private, public := range b.ports() {
		ports[fmt.Sprintf("%d/tcp", private)] = []map[string]string{{"HostIp": "127.0.0.1", "HostPort": fmt.Sprint(public)}}
	}
	return map[string]any{
		"Id": b.id, "Name": "/" + b.name, "Image": "sha256:0123", "State": state, "RestartCount": 0,
		"Config": map[string]any{"Image": "tritonserver:2.51", "Labels": b.labels,
			"Cmd": []string{"tritonserver", "--model-repository=/models", "--grpc-restricted-protocol=model-repository:admin=" + e.secret},
			"Env": []string{"TOKEN=" + e.secret, "PROXY=http://" + e.secret + ":" + e.secret + "@proxy.example"}},
		"Mounts":          []map[string]any{{"Type": "bind", "Source": b.models, "Destination": "/models", "Mode": "", "RW": true}},
		"HostConfig":      map[string]any{"NetworkMode": "default", "Memory": 4 << 30, "RestartPolicy": map[string]any{"Name": "no"}, "PortBindings": ports},
		"NetworkSettings": map[string]any{"Ports": ports, "Networks": map[string]any{"bridge": map[string]any{"IPAddress": "127.0.0.1"}}},
	}
}

// called returns the different calls since the last time, sorted.
func (e *engine) called() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	calls := e.calls
	e.calls = nil
	slices.Sort(calls)
	return slices.Compact(calls)
}
