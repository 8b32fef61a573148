package triton

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func p(v float64) *float64 { return &v }

func parseFile(t *testing.T, name string) Metrics {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := ParseMetrics(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The recorded page of a server without a GPU.
func TestParseRecordedPage(t *testing.T) {
	m := parseFile(t, "cpu.prom")
	if len(m.GPUs) != 0 || len(m.Bad) != 0 || len(m.Models) != 2 {
		t.Fatalf("GPUs %v, bad %v, %d models", m.GPUs, m.Bad, len(m.Models))
	}
	got, ok := m.Model("arcface_w600k_r50")
	want := ModelMetrics{Model: "arcface_w600k_r50", Version: "1",
		Success: p(15), Inferences: p(27), Executions: p(10), Pending: p(0),
		Failure:     map[string]float64{"BACKEND": 0, "CANCELED": 0, "OTHER": 0, "REJECTED": 0},
		RequestTime: p(886645), QueueTime: p(228126), ComputeInput: p(4188), ComputeInfer: p(645030), ComputeOutput: p(9159)}
	if !ok || !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	if m.CPUUtilization == nil || m.CPUMemoryTotal == nil || *m.PinnedTotal != 268435456 || *m.PinnedUsed != 0 {
		t.Errorf("server %+v", m)
	}
	if _, ok := m.Model("nobody"); ok {
		t.Error("a model that is not there")
	}
}

func TestParseGPUPage(t *testing.T) {
	m := parseFile(t, "gpu.prom")
	want := []GPU{
		{UUID: "GPU-11111111-0000-0000-0000-000000000001", Utilization: p(0.47), MemoryUsed: p(7451181056),
			MemoryTotal: p(16101933056), Power: p(58.954), PowerLimit: p(250), Energy: p(88231.5)},
		{UUID: "GPU-22222222-0000-0000-0000-000000000002", Utilization: p(0), MemoryUsed: p(617611264), MemoryTotal: p(16101933056)},
	}
	if diff := cmp.Diff(want, m.GPUs); diff != "" {
		t.Error(diff)
	}
	detector, _ := m.Model("detector") // the highest version, by number
	if detector.Version != "10" || *detector.Success != 1200 || detector.Failure["REJECTED"] != 3 || *detector.Pending != 7 {
		t.Errorf("detector %+v", detector)
	}
	if detector.Inferences != nil || m.CPUUtilization != nil {
		t.Error("absent figures must stay absent")
	}
}

// The recorded page of a server whose GPU was working. It has two series of
// each counter, one of them with the device's name.
func TestParseRecordedGPUPage(t *testing.T) {
	m := parseFile(t, "h200.prom")
	want := []GPU{{UUID: "GPU-d0c3b084-0000-0000-0000-000000000001", Utilization: p(0.19), MemoryUsed: p(2273312768),
		MemoryTotal: p(150754820096), Power: p(151.108), PowerLimit: p(700), Energy: p(2911.172999999999)}}
	if diff := cmp.Diff(want, m.GPUs); diff != "" || len(m.Bad) != 0 {
		t.Error(diff, m.Bad)
	}
	network, ok := m.Model("iresnet50_torch")
	if !ok || *network.Success != 1289+8590 || *network.Inferences != 1289+8590 || *network.Executions != 302+751 || *network.Pending != 2 {
		t.Errorf("model %+v", network)
	}
}

func TestFault42BadSamples(t *testing.T) {
	m, err := ParseMetrics(strings.NewReader(`nv_gpu_utilization{gpu_uuid="a"} NaN
nv_gpu_power_usage{gpu_uuid="a"} +Inf
nv_inference_count{model="m",version="1"} -1
nv_inference_exec_count{model="m",version="1"} 1
nv_inference_exec_count{version="1",model="m"} 2
nv_inference_request_success{model="m",version="1"} 3
some_other_metric 4
`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]GPU{{UUID: "a"}}, m.GPUs); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]ModelMetrics{{Model: "m", Version: "1", Success: p(3)}}, m.Models); diff != "" {
		t.Error(diff)
	}
	want := []string{`nv_gpu_power_usage{gpu_uuid="a"}`, `nv_gpu_utilization{gpu_uuid="a"}`,
		`nv_inference_count{model="m",version="1"}`, `nv_inference_exec_count{model="m",version="1"}`}
	if !slices.Equal(m.Bad, want) {
		t.Errorf("bad %q", m.Bad)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, page := range []string{"", "up 1\n", "# only a comment\n"} {
		if _, err := ParseMetrics(strings.NewReader(page)); !errors.Is(err, ErrNoMetrics) {
			t.Errorf("%q: %v", page, err)
		}
	}
	for _, page := range []string{"<html>", "nv_inference_count{", "nv_inference_count x\n"} {
		if _, err := ParseMetrics(strings.NewReader(page)); err == nil {
			t.Errorf("%q is taken", page)
		}
	}
}

func TestModelMetricsSub(t *testing.T) {
	before := ModelMetrics{Model: "m", Version: "1", Success: p(10), Executions: p(5), QueueTime: p(7), Pending: p(9),
		Failure: map[string]float64{"OTHER": 1}}
	now := ModelMetrics{Model: "m", Version: "1", Success: p(30), Executions: p(5), ComputeInfer: p(1), Pending: p(2),
		Failure: map[string]float64{"OTHER": 1, "REJECTED": 4}}
	got, err := now.Sub(before)
	want := ModelMetrics{Model: "m", Version: "1", Success: p(20), Executions: p(0), Pending: p(2),
		Failure: map[string]float64{"OTHER": 0, "REJECTED": 4}}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v, %s", err, cmp.Diff(want, got))
	}
	for name, change := range map[string]func(*ModelMetrics){
		"counter": func(m *ModelMetrics) { m.Success = p(9) },
		"failure": func(m *ModelMetrics) { m.Failure = map[string]float64{} },
		"version": func(m *ModelMetrics) { m.Version = "2" },
	} {
		fallen := now
		change(&fallen)
		if _, err := fallen.Sub(before); !errors.Is(err, ErrReset) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestScrape(t *testing.T) {
	page, err := os.ReadFile("testdata/cpu.prom")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/metrics":
			w.Write(page)
		case "/large":
			for range maxMetrics>>20 + 1 {
				w.Write([]byte(strings.Repeat("# filler for a page without an end\n", 30000)))
			}
		case "/drip": // faster than any timeout of silence
			for r.Context().Err() == nil {
				w.Write([]byte("#"))
				w.(http.Flusher).Flush()
				time.Sleep(time.Millisecond)
			}
		case "/cut":
			w.Header().Set("Content-Length", "1000")
			w.Write([]byte("nv_inference_count"))
		case "/moved":
			http.Redirect(w, r, "/metrics", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	for _, test := range []struct {
		path string
		err  error
	}{
		{"/metrics", nil}, {"/nothing", ErrNoMetrics}, {"/moved", ErrNoMetrics}, {"/large", ErrTooLarge},
		{"/drip", context.DeadlineExceeded}, {"/cut", ErrUnavailable},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		if test.path == "/drip" {
			ctx, cancel = context.WithTimeout(context.Background(), 50*time.Millisecond)
		}
		m, err := Scrape(ctx, s.URL+test.path)
		cancel()
		if !errors.Is(err, test.err) || err == nil && (len(m.Models) != 2 || m.Time.IsZero()) {
			t.Errorf("%s: %v", test.path, err)
		}
	}
	s.Close()
	if _, err := Scrape(context.Background(), s.URL); !errors.Is(err, ErrUnavailable) {
		t.Errorf("closed: %v", err)
	}
	for _, bad := range []string{"", "localhost:8002", "ftp://localhost/metrics", "http://"} {
		if _, err := Scrape(context.Background(), bad); err == nil || errors.Is(err, ErrUnavailable) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestSampleGPUs(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	pages := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pages++
		switch pages {
		case 1:
			fmt.Fprint(w, `nv_gpu_utilization{gpu_uuid="a"} 0.2`+"\n"+`nv_gpu_memory_used_bytes{gpu_uuid="a"} 50`+"\n")
		case 2:
			http.Error(w, "busy", http.StatusInternalServerError)
		case 3:
			fmt.Fprint(w, `nv_gpu_utilization{gpu_uuid="a"} 0.6`+"\n"+`nv_gpu_memory_used_bytes{gpu_uuid="a"} 90`+"\n")
		default:
			fmt.Fprint(w, `nv_gpu_memory_used_bytes{gpu_uuid="a"} 40`+"\n")
			cancel()
		}
	}))
	defer s.Close()
	c := virtual(newFake())
	if _, err := c.SampleGPUs(ctx, time.Millisecond); !errors.Is(err, ErrNoMetrics) {
		t.Errorf("without a URL: %v", err)
	}
	c.metricsURL = s.URL
	got, err := c.SampleGPUs(ctx, time.Millisecond)
	if err != nil || len(got) != 1 {
		t.Fatalf("%v, %v", got, err)
	}
	g := got[0]
	if g.Samples < 2 || g.Utilization == nil || *g.Utilization < 0.39 || *g.Utilization > 0.41 || *g.MemoryUsed != 90 || g.Power != nil || g.MemoryTotal != nil {
		t.Errorf("window %+v", g)
	}
}

func FuzzParseMetrics(f *testing.F) {
	for _, name := range []string{"cpu.prom", "gpu.prom", "h200.prom"} {
		page, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(page))
	}
	f.Fuzz(func(t *testing.T, page string) {
		m, err := ParseMetrics(strings.NewReader(page))
		if err != nil {
			return
		}
		for _, model := range m.Models {
			if delta, err := model.Sub(model); err != nil || delta.Success != nil && *delta.Success != 0 {
				t.Errorf("a reading differs from itself: %+v, %v", delta, err)
			}
		}
	})
}
