package contract

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tritonsweep/runner/triton"
)

// Counters compares what a server counts with what was sent to it, and in the
// end restarts it, if it can. Nobody else may use the model meanwhile.
func Counters(t *testing.T, g Target) {
	g.ready(t)
	c, ctx := g.client(t), limited(t)
	stats, metrics := read(t, c)
	api := g.api(t)
	var group sync.WaitGroup
	begin := time.Now()
	sizes := []int{1, 2, 3, 1, 5, 8, 1, 1}
	items := 0
	for _, size := range sizes {
		items += size
		group.Go(func() {
			if _, err := api.ModelInfer(ctx, ask(size)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	wall := time.Since(begin)
	statsAfter, metricsAfter := read(t, c)
	delta, err := statsAfter.Sub(stats)
	if err != nil {
		t.Fatal(err)
	}
	requireArithmetic(t, delta.Counters, len(sizes), items, wall)
	counted, err := metricsAfter.Sub(metrics)
	if err != nil {
		t.Fatal(err)
	}
	requireMetrics(t, counted, delta.Counters)
	requireNames(t, g)
	if g.Restart == nil {
		return
	}
	if err := g.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	g.ready(t)
	if s, m := read(t, c); s.Success.Count != 0 || len(s.Batches) != 0 || *m.Success != 0 || *m.RequestTime != 0 {
		t.Errorf("after a restart: statistics %+v, metrics %+v", s, m)
	}
}

func read(t *testing.T, c *triton.Client) (triton.Stats, triton.ModelMetrics) {
	t.Helper()
	ctx := limited(t)
	stats, err := c.SettledStatistics(ctx, Model)
	if err != nil {
		t.Fatal(err)
	}
	page, err := c.Metrics(ctx)
	if err != nil || len(page.Bad) > 0 {
		t.Fatalf("%v, bad samples %v", err, page.Bad)
	}
	m, ok := page.Model(Model)
	if !ok {
		t.Fatal("no metrics of the model")
	}
	return stats, m
}

// requireArithmetic: every figure counts what it says it counts.
func requireArithmetic(t *testing.T, c triton.Counters, requests, items int, wall time.Duration) {
	t.Helper()
	n := uint64(requests)
	for name, tally := range map[string]triton.Tally{
		"success": c.Success, "queue": c.Queue, "compute_input": c.ComputeInput, "compute_infer": c.ComputeInfer, "compute_output": c.ComputeOutput,
	} {
		if tally.Count != n {
			t.Errorf("%s counts %d, want %d", name, tally.Count, n)
		}
		if tally.Time > time.Duration(requests)*wall {
			t.Errorf("%s sums up %v, more than %d requests within %v can have", name, tally.Time, requests, wall)
		}
	}
	if c.Inferences != uint64(items) || c.Fail.Count != 0 || c.CacheHit.Count != 0 || c.CacheMiss.Count != 0 {
		t.Errorf("%d inferences of %d items, failures %v, cache %v %v", c.Inferences, items, c.Fail, c.CacheHit, c.CacheMiss)
	}
	parts := c.Queue.Time + c.ComputeInput.Time + c.ComputeInfer.Time + c.ComputeOutput.Time
	if parts > c.Success.Time+c.Success.Time/100 {
		t.Errorf("the parts of the requests' times sum up to %v, the times to %v", parts, c.Success.Time)
	}
	var executions, batched uint64
	for _, b := range c.Batches {
		executions += b.ComputeInfer.Count
		batched += uint64(b.Size) * b.ComputeInfer.Count
		if b.ComputeInput.Count != b.ComputeInfer.Count || b.ComputeOutput.Count != b.ComputeInfer.Count {
			t.Errorf("batch size %d: %d, %d and %d executions", b.Size, b.ComputeInput.Count, b.ComputeInfer.Count, b.ComputeOutput.Count)
		}
		if mean, ok := b.ComputeInfer.Mean(); ok && mean <= 0 {
			t.Errorf("batch size %d: compute time %v", b.Size, mean)
		}
	}
	if executions != c.Executions || batched != c.Inferences {
		t.Errorf("batches: %d executions of %d items; in all %d of %d", executions, batched, c.Executions, c.Inferences)
	}
}

// requireMetrics: the metrics page counts as the statistics do, in microseconds.
func requireMetrics(t *testing.T, m triton.ModelMetrics, c triton.Counters) {
	t.Helper()
	for name, pair := range map[string][2]float64{
		"request_success": {*m.Success, float64(c.Success.Count)},
		"count":           {*m.Inferences, float64(c.Inferences)},
		"exec_count":      {*m.Executions, float64(c.Executions)},
	} {
		if pair[0] != pair[1] {
			t.Errorf("nv_inference_%s grew by %v, the statistics by %v", name, pair[0], pair[1])
		}
	}
	for name, pair := range map[string][2]float64{
		"request":       {*m.RequestTime, float64(c.Success.Time.Microseconds())},
		"queue":         {*m.QueueTime, float64(c.Queue.Time.Microseconds())},
		"compute_input": {*m.ComputeInput, float64(c.ComputeInput.Time.Microseconds())},
		"compute_infer": {*m.ComputeInfer, float64(c.ComputeInfer.Time.Microseconds())},
	} {
		if diff := pair[0] - pair[1]; diff < -100 || diff > 100 { // each reading rounds, each request may too
			t.Errorf("nv_inference_%s_duration_us grew by %v, the statistics by %v", name, pair[0], pair[1])
		}
	}
	for reason, n := range m.Failure {
		if n != 0 {
			t.Errorf("%v failures of reason %s", n, reason)
		}
	}
	if len(m.Failure) != 4 {
		t.Errorf("failures have reasons %v", m.Failure)
	}
	if *m.Pending != 0 {
		t.Errorf("%v requests pending", *m.Pending)
	}
}

// families are the metrics that every server has, with or without a GPU.
var families = []string{
	"nv_inference_request_success counter", "nv_inference_request_failure counter", "nv_inference_count counter",
	"nv_inference_exec_count counter", "nv_inference_request_duration_us counter", "nv_inference_queue_duration_us counter",
	"nv_inference_compute_input_duration_us counter", "nv_inference_compute_infer_duration_us counter",
	"nv_inference_compute_output_duration_us counter", "nv_inference_pending_request_count gauge",
	"nv_pinned_memory_pool_total_bytes gauge", "nv_pinned_memory_pool_used_bytes gauge",
	"nv_cpu_utilization gauge", "nv_cpu_memory_total_bytes gauge", "nv_cpu_memory_used_bytes gauge",
}

func requireNames(t *testing.T, g Target) {
	t.Helper()
	request, err := http.NewRequestWithContext(limited(t), http.MethodGet, g.MetricsURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := do(request, &http.Transport{DisableKeepAlives: true})
	if err != nil {
		t.Fatal(err)
	}
	if got.contentType != "text/plain; charset=utf-8" {
		t.Errorf("content type %q", got.contentType)
	}
	for _, family := range families {
		if !strings.Contains(got.body, "# TYPE "+family+"\n") {
			t.Errorf("the metrics page lacks %s", family)
		}
	}
}
