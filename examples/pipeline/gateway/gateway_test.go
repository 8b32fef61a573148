package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tritonsweep/examples"
	"tritonsweep/examples/pipeline/pictures"
	"tritonsweep/runner/tritonsim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// triton starts a quick simulated server with the models that are named.
func triton(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		for _, file := range []string{"config.pbtxt", "profile.json"} {
			data, err := fs.ReadFile(examples.Models, "models/"+name+"/"+file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Join(dir, name, "1"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name, file), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	server, err := tritonsim.New(tritonsim.Options{Repository: dir, GPUs: 1, TimeScale: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return server.Endpoints().GRPC
}

// serve starts a gateway and returns its address.
func serve(t *testing.T, o Options) string {
	t.Helper()
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g.Handler())
	t.Cleanup(func() {
		server.Close()
		_ = g.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return server.URL
}

// post sends a form of one field and returns the answer.
func post(t *testing.T, url, field string, data []byte) (int, Answer, http.Header) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile(field, "picture.jpg")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(data)
	_ = form.Close()
	response, err := http.Post(url, form.FormDataContentType(), &body)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var a Answer
	if err := json.Unmarshal(raw, &a); err != nil {
		t.Fatalf("%s answered %q: %v", url, raw, err)
	}
	return response.StatusCode, a, response.Header
}

func TestRoutes(t *testing.T) {
	url := serve(t, Options{Triton: triton(t, models...), Assume: 2})
	picture := pictures.JPEG(1, 320, 240)
	for _, test := range []struct {
		route  string
		code   int
		stages []string
		faces  int
		lines  int
		picture, text,
		objects bool
	}{
		{"face", 200, []string{"align", "decode", faceEncoder, faceDetector}, 2, 0, false, false, false},
		{"detection", 200, []string{"decode", imageEncoder, objectDetector}, 0, 0, true, false, true},
		{"ingest", 201, []string{"align", faceEncoder, imageEncoder, textDetector, textReader, faceDetector, objectDetector}, 2, 2, true, false, true},
		{"analyze", 200, append([]string{"align", "cut"}, models...), 2, 2, true, true, true},
	} {
		code, a, header := post(t, url+"/v1/"+test.route, "image", picture)
		if code != test.code || a.Status != "ok" || len(a.Errors) > 0 || a.Width != 320 || a.Height != 240 {
			t.Errorf("%s: %d %+v", test.route, code, a)
			continue
		}
		if len(a.Faces) != test.faces || len(a.Lines) != test.lines || (a.Embedding != nil) != test.picture || (a.Text != nil) != test.text {
			t.Errorf("%s: %d faces, %d lines, embedding %v, text %v", test.route, len(a.Faces), len(a.Lines), a.Embedding != nil, a.Text != nil)
		}
		if a.Assumed != test.faces+test.lines {
			t.Errorf("%s: %d assumed", test.route, a.Assumed)
		}
		timing := header.Get("Server-Timing")
		for _, stage := range append(test.stages, "read", "prepare") {
			if _, ok := a.Timings[stage]; stage != "prepare" && (!ok || !strings.Contains(timing, stage+";dur=")) {
				t.Errorf("%s: stage %s is missing in %v and %q", test.route, stage, a.Timings, timing)
			}
		}
		if !strings.Contains(timing, "total;dur=") || a.Total <= 0 {
			t.Errorf("%s: no total in %q", test.route, timing)
		}
	}
	response, err := http.Get(url + "/health")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != 200 {
		t.Errorf("health: %s", response.Status)
	}
}

// A model that is missing takes its part of the answer with it, and no more.
func TestPartialFailure(t *testing.T) {
	without := slices.DeleteFunc(slices.Clone(models), func(m string) bool { return m == textDetector || m == faceEncoder })
	url := serve(t, Options{Triton: triton(t, without...), Assume: 1})
	picture := pictures.JPEG(2, 200, 300)
	code, a, _ := post(t, url+"/v1/ingest", "image", picture)
	if code != 201 || a.Status != "partial" || len(a.Errors) != 2 || a.Embedding == nil || a.Faces != nil {
		t.Errorf("ingest: %d %s %v", code, a.Status, a.Errors)
	}
	if !strings.Contains(a.Errors["text"], textDetector) || !strings.Contains(a.Errors["faces"], faceEncoder) {
		t.Errorf("errors %v", a.Errors)
	}
	code, a, _ = post(t, url+"/v1/face", "image", picture)
	if code != http.StatusBadGateway || a.Status != "failed" {
		t.Errorf("face: %d %+v", code, a)
	}
	response, err := http.Get(url + "/health")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("health: %s", response.Status)
	}
}

func TestRefusals(t *testing.T) {
	url := serve(t, Options{Triton: "127.0.0.1:1", Limit: 1})
	picture := pictures.JPEG(3, 64, 64)
	for _, test := range []struct {
		field string
		data  []byte
		code  int
		says  string
	}{
		{"file", picture, 422, `no field "image"`},
		{"image", []byte("GIF89a"), 415, "no JPEG"},
		{"image", picture[:len(picture)/2], 415, "damaged JPEG"},
		{"image", make([]byte, mostBytes+1), 413, "more than"},
		{"image", picture, 502, "Unavailable"},
	} {
		code, a, _ := post(t, url+"/v1/face", test.field, test.data)
		if text := a.Errors["request"] + a.Errors["faces"]; code != test.code || a.Status != "failed" || !strings.Contains(text, test.says) {
			t.Errorf("%s of %d bytes: %d %q, want %d %q", test.field, len(test.data), code, text, test.code, test.says)
		}
	}
	response, err := http.Post(url+"/v1/face", "image/jpeg", bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("a raw picture: %s", response.Status)
	}
}

// The limit refuses what is too much instead of letting it wait.
func TestLimit(t *testing.T) {
	g, err := New(Options{Triton: "127.0.0.1:1", Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	g.places <- struct{}{}
	recorder := httptest.NewRecorder()
	g.Handler().ServeHTTP(recorder, httptest.NewRequestWithContext(context.Background(), "POST", "/v1/face", strings.NewReader("")))
	if recorder.Code != http.StatusServiceUnavailable || recorder.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v", recorder.Code, recorder.Header())
	}
}

// A picture waits for a worker, and no longer than for the models.
func TestWorkers(t *testing.T) {
	g, err := New(Options{Triton: "127.0.0.1:1", Workers: 1, Timeout: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	g.workers <- struct{}{}
	recorder := httptest.NewRecorder()
	g.Handler().ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), "POST", "/v1/face", strings.NewReader("")))
	if recorder.Code != http.StatusServiceUnavailable || !strings.Contains(recorder.Body.String(), "no worker became free") {
		t.Errorf("%d %s", recorder.Code, recorder.Body)
	}
	if len(g.places) != 0 || len(g.workers) != 1 {
		t.Errorf("%d places and %d workers are taken", len(g.places), len(g.workers))
	}
}

func TestMainRefuses(t *testing.T) {
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--listen", "0.0.0.0:0"}, 1, "no loopback address"},
		{[]string{"--listen", "nowhere"}, 1, "--listen"},
		{[]string{"--pictures", "x", "--size", "0x3"}, 1, "--size"},
		{[]string{"--no-such-flag"}, 10, "no-such-flag"},
	} {
		var stderr strings.Builder
		if code := Main(t.Context(), test.args, io.Discard, &stderr); code != test.code || !strings.Contains(stderr.String(), test.says) {
			t.Errorf("%v: exit %d, %q", test.args, code, stderr.String())
		}
	}
}

func TestMainServesUntilTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	ended := make(chan int)
	go func() {
		ended <- Main(ctx, []string{"--listen", "127.0.0.1:0", "--triton", "127.0.0.1:1"}, write, io.Discard)
	}()
	line := make([]byte, 64)
	n, err := read.Read(line)
	if err != nil || !strings.HasPrefix(string(line[:n]), "http://127.0.0.1:") {
		t.Fatalf("%q, %v", line[:n], err)
	}
	go func() { _, _ = io.Copy(io.Discard, read) }()
	cancel()
	if code := <-ended; code != 0 {
		t.Errorf("exit %d", code)
	}
	_ = write.Close()
}
