package docker

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeContainer is what the fake Engine knows of one container. Its documents
// have the shape that Engine 20.10 sends.
type fakeContainer struct {
	ID, Name, Image string
	Entrypoint, Cmd []string
	WorkingDir      string
	Network         string
	State           map[string]any
	RestartCount    int
	StopTimeout     int
	TTY             bool
	Mounts          []map[string]any
	Ports           map[string][]map[string]string // "8001/tcp" -> HostIp, HostPort
	IP              string
	Labels          map[string]string
	HostConfig      map[string]any // more of it
	Log             []byte         // as sent, with frames unless TTY
	Stamped         [][]byte       // the same with time stamps: what each request gets, the last one again and again
}

const (
	idA = "aaaaaa1111111111111111111111111111111111111111111111111111111111"
	idB = "bbbbbb2222222222222222222222222222222222222222222222222222222222"
	// canary is in the environment of every fake container: it must not come out.
	canary = "CANARY-7f3a"
)

func triton(id, name string) *fakeContainer {
	return &fakeContainer{
		ID: id, Name: name, Image: "nvcr.io/nvidia/tritonserver:24.10-py3",
		Cmd:   []string{"tritonserver", "--model-repository=/models"},
		State: running(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)),
		Ports: map[string][]map[string]string{
			"8000/tcp": {{"HostIp": "127.0.0.1", "HostPort": "4600"}},
			"8001/tcp": {{"HostIp": "0.0.0.0", "HostPort": "4601"}, {"HostIp": "::", "HostPort": "4601"}},
			"8002/tcp": nil, // exposed, not published
		},
		IP: "172.17.0.2",
	}
}

// log answers a request for the log. With its last stamped part the container
// has ended.
func (c *fakeContainer) log(stamped bool) []byte {
	if !stamped || len(c.Stamped) == 0 {
		return c.Log
	}
	part := c.Stamped[0]
	if len(c.Stamped) > 1 {
		c.Stamped = c.Stamped[1:]
	}
	if len(c.Stamped) == 1 {
		c.State = exited(0, false)
	}
	return part
}

func running(since time.Time) map[string]any {
	return map[string]any{"Status": "running", "Running": true, "Pid": 4711,
		"StartedAt": since.Format(time.RFC3339Nano), "FinishedAt": "0001-01-01T00:00:00Z"}
}

func exited(code int, oom bool) map[string]any {
	return map[string]any{"Status": "exited", "ExitCode": code, "OOMKilled": oom,
		"StartedAt": "2026-11-23T12:00:00Z", "FinishedAt": "2026-11-23T12:00:01Z"}
}

// fakeEngine answers on a unix socket and records every request.
type fakeEngine struct {
	mu         sync.Mutex
	containers []*fakeContainer
	requests   []string
	// onStart changes a container when it is started or restarted.
	onStart func(*fakeContainer)
	// status, when set, is answered instead of the real one, by route suffix.
	status map[string]int
	memory map[string]any
	// past holds all events, which every stream replays; nil closes the stream.
	past    []map[string]any
	changed chan struct{}
	// created is the last definition sent to be created.
	created     *container.Config
	createdHost *container.HostConfig
}

// start serves e and returns an Engine that Open made through DOCKER_HOST.
func (f *fakeEngine) start(t *testing.T) *Engine {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "docker.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	f.changed = make(chan struct{})
	server := &http.Server{Handler: f}
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(listener) }()
	t.Setenv("DOCKER_HOST", "unix://"+socket)
	t.Setenv("DOCKER_API_VERSION", "")
	t.Setenv("DOCKER_CERT_PATH", "")
	e, err := Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	e.poll = time.Millisecond
	t.Cleanup(func() {
		e.Close()
		server.Close()
		<-done
		os.Remove(socket)
	})
	return e
}

var route = regexp.MustCompile(`^/v1\.41/containers/([^/]+)/(json|restart|start|logs|stats)$`)

func (f *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, r.Method+" "+r.URL.RequestURI())
	f.mu.Unlock()
	w.Header().Set("Api-Version", "1.41")
	w.Header().Set("Ostype", "linux")
	match := route.FindStringSubmatch(r.URL.Path)
	switch {
	case r.URL.Path == "/_ping":
	case r.URL.Path == "/v1.41/containers/json":
		f.list(w, r)
	case r.Method == http.MethodPost && r.URL.Path == "/v1.41/containers/create":
		f.create(w, r)
	case r.Method == http.MethodDelete:
		f.remove(w, strings.TrimPrefix(r.URL.Path, "/v1.41/containers/"))
	case r.URL.Path == "/v1.41/events":
		f.stream(w, r)
	case match != nil:
		f.container(w, r, match[1], match[2])
	default:
		f.answer(w, http.StatusNotFound, map[string]string{"message": "page not found"})
	}
}

func (f *fakeEngine) answer(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(document)
}

func (f *fakeEngine) list(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if status := f.status["list"]; status != 0 {
		f.answer(w, status, map[string]string{"message": "forbidden"})
		return
	}
	list := []map[string]any{}
	for _, c := range f.containers {
		if c.State["Running"] != true && r.URL.Query().Get("all") == "" {
			continue
		}
		list = append(list, c.summary())
	}
	f.answer(w, http.StatusOK, list)
}

func (f *fakeEngine) find(name string) *fakeContainer {
	for _, c := range f.containers {
		if c.ID == name || c.Name == name {
			return c
		}
	}
	for _, c := range f.containers {
		if strings.HasPrefix(c.ID, name) {
			return c
		}
	}
	return nil
}

func (f *fakeEngine) container(w http.ResponseWriter, r *http.Request, name, call string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.find(name)
	if c == nil {
		f.answer(w, http.StatusNotFound, map[string]string{"message": "No such container: " + name})
		return
	}
	if status := f.status[call]; status != 0 {
		f.answer(w, status, map[string]string{"message": "driver failed: port is already allocated"})
		return
	}
	switch call {
	case "json":
		f.answer(w, http.StatusOK, c.inspection())
	case "restart", "start":
		if f.onStart != nil {
			f.onStart(c)
		}
		w.WriteHeader(http.StatusNoContent)
	case "logs":
		w.Write(c.log(r.URL.Query().Get("timestamps") == "1"))
	case "stats":
		f.answer(w, http.StatusOK, map[string]any{"memory_stats": f.memory})
	}
}

func (f *fakeEngine) stream(w http.ResponseWriter, r *http.Request) {
	w.(http.Flusher).Flush()
	for sent := 0; ; sent++ {
		e, changed, ok := f.event(sent)
		for ; !ok; e, changed, ok = f.event(sent) {
			select {
			case <-changed:
			case <-r.Context().Done():
				return
			}
		}
		if e == nil {
			return
		}
		json.NewEncoder(w).Encode(e)
		w.(http.Flusher).Flush()
	}
}

func (f *fakeEngine) event(i int) (map[string]any, chan struct{}, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i < len(f.past) {
		return f.past[i], nil, true
	}
	return nil, f.changed, false
}

// emit adds an event to all streams, present and future.
func (f *fakeEngine) emit(e map[string]any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.past = append(f.past, e)
	close(f.changed)
	f.changed = make(chan struct{})
}

// change runs with the lock held: handlers read the containers.
func (f *fakeEngine) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

func (f *fakeEngine) recorded() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

// only returns the one container of an Engine that has only that.
func only(t *testing.T, c *fakeContainer) (*fakeEngine, *Container) {
	t.Helper()
	f := &fakeEngine{containers: []*fakeContainer{c}}
	found, err := f.start(t).Find(context.Background(), Query{})
	if err != nil {
		t.Fatal(err)
	}
	return f, found
}
