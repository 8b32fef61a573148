package tritonsim

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/runner/triton"
)

// TestStopUnderLoad: what is under way finishes, what comes then is refused as
// by a server that unloads its models, and in the end nobody listens.
func TestStopUnderLoad(t *testing.T) {
	f := plain1()
	f["plain/profile.json"] = `{"compute_ms": {"1": 300}}`
	s := start(t, Options{Repository: f.write(t)})
	c := dial(t, s)
	done := make(chan error, 1)
	go func() {
		_, err := infer(t, c, ask(1))
		done <- err
	}()
	waitFor(t, "the request to be executed", func() bool { return s.busy("plain") })
	stopped := make(chan error, 1)
	go func() { stopped <- s.Close() }()
	waitFor(t, "the server to stop", func() bool {
		_, err := infer(t, c, ask(1))
		return err != nil && strings.Contains(err.Error(), "has no available versions")
	})
	if ready, err := c.ServerReady(limited(t)); ready || err != nil {
		t.Errorf("ready while stopping: %v, %v", ready, err)
	}
	if err := <-done; err != nil {
		t.Errorf("the request under way: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if conn, err := net.DialTimeout("tcp", s.Endpoints().GRPC, time.Second); err == nil {
		conn.Close()
		t.Error("somebody listens")
	}
	if err := s.Stopped(); !errors.Is(err, ErrStopped) {
		t.Errorf("stopped: %v", err)
	}
}

// TestStopWhileStarting: a start that is given up leaves nothing behind.
func TestStopWhileStarting(t *testing.T) {
	f := plain1()
	f["plain/profile.json"] = `{"compute_ms": {"1": 1}, "load_ms": 60000}`
	s, err := New(Options{Repository: f.write(t)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Start(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("start: %v", err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Stopped(); err != nil {
		t.Errorf("a server that loads its models: %v", err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
}

// TestOpenStream: a caller that keeps a stream open does not keep the server up.
func TestOpenStream(t *testing.T) {
	s := start(t, Options{Repository: plain1().write(t)})
	c := dial(t, s)
	stream, err := service.NewGRPCInferenceServiceClient(c.Conn()).ModelStreamInfer(limited(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(ask(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.Restart(ctx); err != nil {
		t.Error(err)
	}
	if _, err := stream.Recv(); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("the stream ended with %v", err)
	}
}

// TestOptions: what cannot be served is said at once.
func TestOptions(t *testing.T) {
	for _, o := range []Options{
		{}, {Repository: "x", TimeScale: -1}, {Repository: "x", Control: "poll"}, {Repository: "x", GRPC: "0.0.0.0:8001"},
		{Repository: "x", HTTP: ":8000"}, {Repository: "x", Metrics: "nonsense"}, {Repository: "x", Variation: 2}, {Repository: "x", GPUs: -1},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
	for _, address := range []string{"127.0.0.1:0", "localhost:0", "[::1]:0"} {
		if _, err := New(Options{Repository: "x", GRPC: address}); err != nil {
			t.Error(err)
		}
	}
	if _, err := New(Options{Repository: "x", GRPC: "0.0.0.0:8001", ListenAnywhere: true}); err != nil {
		t.Error(err)
	}
	s, err := New(Options{Repository: t.TempDir() + "/nowhere"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var exit *ExitError
	if err := s.Start(limited(t)); !errors.As(err, &exit) {
		t.Errorf("a repository that does not exist: %v", err)
	}
}

// TestProfiles: a profile that is impossible stops the server with its line; one
// that is missing or thin is named in the log.
func TestProfiles(t *testing.T) {
	f := plain1()
	f["plain/profile.json"] = "{\n\"compute_ms\": {\"1\": -2}\n}"
	s, err := New(Options{Repository: f.write(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Start(limited(t)); err == nil || !strings.Contains(err.Error(), "plain/profile.json:2:") {
		t.Errorf("a negative time: %v", err)
	}
	delete(f, "plain/profile.json")
	if log := start(t, Options{Repository: f.write(t)}).Log(time.Time{}); !strings.Contains(log, "plain: no plain/profile.json: its times are made up") {
		t.Errorf("log:\n%s", log)
	}
	f["plain/profile.json"] = plainProfile
	other := start(t, Options{Repository: f.write(t)})
	if log := other.Log(time.Time{}); !strings.Contains(log, "compute times of batch sizes 2-7 interpolated") {
		t.Errorf("log:\n%s", log)
	}
	if got := other.Memory(); got != 32<<20 {
		t.Errorf("memory %d, want two instances of 16 MiB", got)
	}
}

// TestTimeScale: the option and the model's own parameter multiply.
func TestTimeScale(t *testing.T) {
	f := plain1()
	f["plain/config.pbtxt"] = plainConfig + `parameters { key: "time_scale" value { string_value: "0.5" } }`
	s := start(t, Options{Repository: f.write(t), TimeScale: 0.1})
	c := dial(t, s)
	if _, err := infer(t, c, ask(8)); err != nil {
		t.Fatal(err)
	}
	stats, err := c.SettledStatistics(limited(t), "plain")
	if err != nil {
		t.Fatal(err)
	}
	if mean, _ := stats.Batches[0].ComputeInfer.Mean(); mean != 200*time.Microsecond {
		t.Errorf("4 ms at 0.05 took %v", mean)
	}
}

// TestHTTPControl loads and unloads over HTTP.
func TestHTTPControl(t *testing.T) {
	s := start(t, Options{Repository: plain1().write(t), Control: ControlExplicit, LoadModels: []string{}})
	post := func(path, body string) (int, string) {
		t.Helper()
		r, err := http.Post("http://"+s.Endpoints().HTTP+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		text, _ := io.ReadAll(r.Body)
		return r.StatusCode, strings.TrimSpace(string(text))
	}
	defer http.DefaultClient.CloseIdleConnections()
	for _, test := range []struct {
		path, body string
		code       int
		text       string
	}{
		{"/v2/repository/index", "", 200, `[{"name":"plain"}]`},
		{"/v2/repository/models/plain/load", "", 200, ""},
		{"/v2/repository/index", "", 200, `[{"name":"plain","version":"1","state":"READY"}]`},
		{"/v2/repository/models/plain/load", `{"parameters":{"config":"{\"max_batch_size\":-1}"}}`, 500, `{"error":"failed to load 'plain', failed to poll from model repository"}`},
		{"/v2/repository/models/plain/load", `nonsense`, 500, ""},
		{"/v2/repository/models/..%2f/load", ``, 500, ""},
		{"/v2/repository/models/plain/unload", "", 200, ""},
	} {
		if code, text := post(test.path, test.body); code != test.code || test.text != "" && text != test.text {
			t.Errorf("POST %s: %d %s, want %d %s", test.path, code, text, test.code, test.text)
		}
	}
	c := dial(t, s)
	if err := c.Unload(limited(t), "plain"); err != nil {
		t.Error(err)
	}
	_, err := infer(t, c, ask(1))
	if status.Code(err) != codes.NotFound || !strings.Contains(err.Error(), "has no available versions") {
		t.Errorf("an unloaded model: %v", err)
	}
	if err := c.WaitReady(limited(t), "plain", triton.Wait{}); !errors.Is(err, triton.ErrUnavailable) {
		t.Errorf("waiting for an unloaded model: %v", err)
	}
}
