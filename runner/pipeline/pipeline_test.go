package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tritonsweep/results"
	"tritonsweep/runner/load"
	"tritonsweep/sweep"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// api starts a service and returns a request for one of its targets.
func api(t *testing.T, handler http.HandlerFunc, change func(*Target)) *Request {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	target := &Target{URL: server.URL + "/x?key=hidden"}
	if change != nil {
		change(target)
	}
	return encode(t, target, ".")
}

func encode(t *testing.T, target *Target, folder string) *Request {
	t.Helper()
	if err := (Spec{Targets: map[string]*Target{"face": target}}).Resolve(""); err != nil {
		t.Fatal(err)
	}
	r, err := target.Encode(folder)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFormsAreEncodedInRotation(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.jpg": "first", "b.jpg": "second", "c.txt": "text", "key": " s3cret\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PIPELINE_TEST_TOKEN", "from the environment")
	target := &Target{
		URL:       "http://h/x",
		Multipart: []Part{{Field: "image", Files: "*.jpg"}, {Field: "note", Value: "v"}, {Field: "more", Files: "c.txt", Type: "text/x"}},
		Headers:   map[string]Secret{"x-key": {File: "key"}, "X-Token": {Env: "PIPELINE_TEST_TOKEN"}, "Accept": {Value: "a/b"}},
	}
	r := encode(t, target, dir)
	if r.Distinct() != 2 || target.Method != "POST" {
		t.Fatalf("%d bodies, method %s", r.Distinct(), target.Method)
	}
	for name, want := range map[string]string{"X-Key": "s3cret", "X-Token": "from the environment", "Accept": "a/b"} {
		if got := r.header.Get(name); got != want {
			t.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
	kind, parameters, err := mime.ParseMediaType(r.header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		t.Fatalf("%q, %v", kind, err)
	}
	var all []string
	for _, body := range r.bodies {
		parts := multipart.NewReader(strings.NewReader(string(body)), parameters["boundary"])
		for part, err := parts.NextPart(); !errors.Is(err, io.EOF); part, err = parts.NextPart() {
			if err != nil {
				t.Fatal(err)
			}
			data, _ := io.ReadAll(part)
			all = append(all, fmt.Sprintf("%s %s %s %s", part.FormName(), part.FileName(), part.Header.Get("Content-Type"), data))
		}
	}
	if want := []string{
		"image a.jpg image/jpeg first", "note   v", "more c.txt text/x text",
		"image b.jpg image/jpeg second", "note   v", "more c.txt text/x text",
	}; !slices.Equal(all, want) {
		t.Errorf("forms %q, want %q", all, want)
	}
}

func TestAnswersAreJudged(t *testing.T) {
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	rule := func(path string, equals any) func(*Target) {
		return func(t *Target) { t.Success = Rule{path, equals} }
	}
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		change  func(*Target)
		kind    string
		says    string
	}{
		{"200", status(200, "anything"), nil, "", ""},
		{"201", status(201, ""), nil, "", ""},
		{"302", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ok", http.StatusFound) }, nil, "HTTP 302", "HTTP 302 Found"},
		{"400", status(400, "no field\x1b[31m \"image\"\n"), nil, "HTTP 400", `HTTP 400 Bad Request: no field\x1b[31m "image"\n`},
		{"503", status(503, strings.Repeat("x", 600)), nil, "HTTP 503", strings.Repeat("x", 200) + "..."},
		{"field", status(200, `{"a": [{"b": 1.0}]}`), rule("a.0.b", 1), "", ""},
		{"exists", status(200, `{"a": {"b": null}}`), rule("a.b", nil), "", ""},
		{"text", status(200, `{"a": "partial"}`), rule("a", "ok"), "answer", `a is "partial", not "ok"`},
		{"absent", status(200, `{"a": 1}`), rule("a.b", nil), "answer", `no "a.b" in it`},
		{"index", status(200, `[1]`), rule("1", nil), "answer", `no "1" in it`},
		{"no JSON", status(200, "<html>"), rule("a", nil), "answer", "it begins <html>"},
		{"half", status(200, `{"a": `), rule("a", nil), "answer", "no JSON"},
		{"too large", status(200, strings.Repeat(" ", mostAnswer+1)), rule("a", nil), "answer", "more than 8388608 bytes"},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "short")
		}, nil, "connection", "unexpected EOF"},
		{"slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, nil, "timeout", "no answer in time"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := api(t, test.handler, test.change)
			client := NewClient(r, 1)
			defer client.Close()
			patience := time.Minute
			if test.name == "slow" {
				patience = 20 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := client.Infer(ctx, 0, &load.Payload{Bytes: r.bodies[0]}, false)
			if test.kind == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			f, ok := errors.AsType[*Failure](err)
			if !ok || f.Kind() != test.kind || !strings.Contains(f.Error(), test.says) {
				t.Fatalf("%v (%+v), want kind %q and %q", err, f, test.kind, test.says)
			}
			if f.Unreachable() == f.Final() && f.Kind() != timeout {
				t.Errorf("final %v, unreachable %v", f.Final(), f.Unreachable())
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	err := Probe(t.Context(), encode(t, &Target{URL: server.URL}, "."))
	if !Unreachable(err) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%v", err)
	}
}

// A measured target: only successes count, failures are told apart, and the
// stages are those of the window.
func TestMeasure(t *testing.T) {
	var n atomic.Int64
	r := api(t, func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		if n.Add(1)%10 == 0 {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		time.Sleep(time.Millisecond)
		w.Header().Set("Server-Timing", `detect;desc="a, b";dur=2.5, cache;desc=hit, embed;dur=4`)
		_, _ = io.WriteString(w, `{"status": "ok", "ms": {"align": 1, "embed": 6, "note": "x"}}`)
	}, func(target *Target) {
		target.JSON = map[string]any{"a": 1}
		target.Success = Rule{"status", "ok"}
		target.Stages = StageSource{ServerTiming: true, JSON: "ms"}
	})
	boundaries := 0
	result, stages, err := Measure(t.Context(), r, load.Spec{
		Load: sweep.Load{Concurrency: 2, BatchSize: 1}, Shared: true,
		Warmup: 50 * time.Millisecond, MinDuration: time.Second, MaxDuration: time.Second,
		Boundary: func(context.Context, load.Phase) error { boundaries++; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if boundaries < 2 {
		t.Errorf("the caller's boundary was called %d times", boundaries)
	}
	if result.Requests == 0 || result.Errors["HTTP 503"] == 0 || result.Verdict != results.Void {
		t.Errorf("%d answers, errors %v, verdict %s", result.Requests, result.Errors, result.Verdict)
	}
	var names []string
	for _, s := range stages {
		names = append(names, fmt.Sprintf("%s %g", s.Name, math.Round(100*s.Mean)/100))
		// What came in while a boundary was called is counted on one side only.
		each := int64(1)
		if s.Name == "embed" { // both sources tell it
			each = 2
		}
		if off := s.Requests - each*result.Requests; off < -each*result.Tolerance || off > each*result.Tolerance {
			t.Errorf("stage %s: %d of %d answers", s.Name, s.Requests, result.Requests)
		}
	}
	if want := []string{"embed 5", "detect 2.5", "align 1"}; !slices.Equal(names, want) {
		t.Errorf("stages %v, want %v", names, want)
	}
	if r.Target().Address() != strings.TrimSuffix(r.target.URL, "?key=hidden") {
		t.Errorf("address %s", r.Target().Address())
	}
}

func TestARefusalStopsBeforeTheLoad(t *testing.T) {
	var n atomic.Int64
	r := api(t, func(w http.ResponseWriter, _ *http.Request) {
		n.Add(1)
		http.Error(w, "the form has no field \"image\"", http.StatusUnprocessableEntity)
	}, nil)
	_, _, err := Measure(t.Context(), r, load.Spec{Load: sweep.Load{Concurrency: 8, BatchSize: 1}, Shared: true})
	rejected, ok := errors.AsType[*load.RejectedError](err)
	if !ok || n.Load() != 1 || !strings.Contains(rejected.Reason, `HTTP 422 Unprocessable Entity: the form has no field "image"`) {
		t.Errorf("%d requests, %v", n.Load(), err)
	}
}

// Bodies are sent and answers are read without copies that grow with them: a
// request of a megabyte that is answered with a megabyte costs a fraction of it.
func TestMemoryDoesNotFollowTheBodies(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	answer := []byte(`{"status": "ok", "filling": "` + big + `"}`)
	r := api(t, func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		_, _ = w.Write(answer)
	}, func(target *Target) { target.Raw = &Raw{Text: big} })
	client := NewClient(r, 1)
	defer client.Close()
	payload := &load.Payload{Bytes: r.bodies[0]}
	send := func(n int) {
		for range n {
			if _, err := client.Infer(t.Context(), 0, payload, false); err != nil {
				t.Fatal(err)
			}
		}
	}
	send(5)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const n = 50
	send(n)
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / n; each > 1<<18 {
		t.Errorf("%d bytes a request, the service's own included", each)
	}
}
