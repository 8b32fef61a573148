package load

import (
	"context"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestImpossibleSpecs(t *testing.T) {
	f := fixed(time.Millisecond)
	for says, change := range map[string]func(*Spec){
		"concurrency 0":                func(s *Spec) { s.Load.Concurrency = 0 },
		"client batch 9":               func(s *Spec) { s.Load.BatchSize = 9 },
		"at most 1s":                   func(s *Spec) { s.MinDuration, s.MaxDuration = 2*time.Second, time.Second },
		"negative duration":            func(s *Spec) { s.Warmup = -1 },
		"precision 2":                  func(s *Spec) { s.Precision = 2 },
		"quantile 1":                   func(s *Spec) { s.Quantile = 1 },
		"unknown input data \"noise\"": func(s *Spec) { s.Data.Source = "noise" },
		"shape is needed":              func(s *Spec) { s.Model.Inputs[0].Shape = []int64{-1, 3} },
		"memory limit":                 func(s *Spec) { s.MemoryLimit = 50; s.Load.Concurrency = 100 },
	} {
		spec := quickSpec(1)
		spec.Model = testModel()
		change(&spec)
		if _, err := Run(t.Context(), f, spec); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want %q", err, says)
		}
	}
	if n := f.n.Load(); n != 0 {
		t.Errorf("%d requests were sent for loads that are impossible", n)
	}
}

// TestMemoryLimitByProbe: the outputs' size is not in the metadata, so the first
// answer decides.
func TestMemoryLimitByProbe(t *testing.T) {
	f := fixed(time.Millisecond)
	f.body = answerTo(testModel(), 1)
	spec := quickSpec(100)
	spec.MemoryLimit = 100 * (60 + 10)
	_, err := Run(t.Context(), f, spec)
	var memory *MemoryError
	if !errors.As(err, &memory) || memory.Answer != int64(len(f.body)) {
		t.Fatalf("error %v", err)
	}
	if n := f.n.Load(); n != 1 {
		t.Errorf("%d requests were sent, one is enough to see", n)
	}
	if !strings.Contains(err.Error(), "100 x (") {
		t.Errorf("%v: the arithmetic is missing", err)
	}
}

func TestClientConversion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := quickSpec(2)
		spec.Load.BatchSize = 4
		f := fixed(10 * time.Millisecond)
		f.body = answerTo(testModel(), 4)
		r := mustRun(t, f, spec)
		c := r.Client()
		if c.Requests != r.Requests || c.Items != 4*r.Requests || math.Abs(c.Throughput.Value-800) > 8 {
			t.Errorf("requests %d items %d throughput %+v", c.Requests, c.Items, c.Throughput)
		}
		if c.P50 == nil || c.P95 == nil || c.P99 != nil || c.Missing["p99"] <= 0 || len(c.Missing) != 1 {
			t.Errorf("p50 %v p95 %v p99 %v missing %v", c.P50, c.P95, c.P99, c.Missing)
		}
		if c.Max != 10 || c.Send != 1 || c.Wait != 9 || len(c.Histogram) == 0 {
			t.Errorf("max %g send %g wait %g", c.Max, c.Send, c.Wait)
		}
	})
}

// TestProcessors: a run takes the process to one processor, adds some while they
// are needed, and gives back what it found.
func TestProcessors(t *testing.T) {
	before := runtime.GOMAXPROCS(4)
	defer runtime.GOMAXPROCS(before)
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		spec := quickSpec(2)
		spec.host = func() usage { // 1.4 processors' worth of work
			return usage{cpu: time.Since(begin) * 14 / 10}
		}
		var during int
		spec.Boundary = func(context.Context, Phase) error {
			during = runtime.GOMAXPROCS(0)
			return nil
		}
		r := mustRun(t, fixed(10*time.Millisecond), spec)
		if during != 4 {
			t.Errorf("measured on %d processors, want 4: on 2 it would be busy", during)
		}
		if r.CPUShare < 0.3 || r.CPUShare > 0.4 {
			t.Errorf("CPU share %.2f", r.CPUShare)
		}
	})
	if n := runtime.GOMAXPROCS(0); n != 4 {
		t.Errorf("%d processors left, 4 found", n)
	}
	synctest.Test(t, func(t *testing.T) {
		spec := quickSpec(2)
		var during int
		spec.Boundary = func(context.Context, Phase) error {
			during = runtime.GOMAXPROCS(0)
			return nil
		}
		mustRun(t, fixed(10*time.Millisecond), spec)
		if during != 1 {
			t.Errorf("an idle client measured on %d processors", during)
		}
	})
}
