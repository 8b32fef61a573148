package tritonsim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// metricsHandler serves the page that Prometheus reads, with Triton's names.
func (p *process) metricsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write([]byte(p.metricsPage()))
	})
	return mux
}

// metric is one figure of every model.
type metric struct {
	name, help, kind string
	value            func(c *counters, pending int) uint64
}

var modelMetrics = []metric{
	{"nv_inference_request_success", "Number of successful inference requests, all batch sizes", "counter",
		func(c *counters, _ int) uint64 { return c.success.count }},
	{"nv_inference_request_failure", "Number of failed inference requests, all batch sizes", "counter", nil},
	{"nv_inference_count", "Number of inferences performed (does not include cached requests)", "counter",
		func(c *counters, _ int) uint64 { return c.inferences }},
	{"nv_inference_exec_count", "Number of model executions performed (does not include cached requests)", "counter",
		func(c *counters, _ int) uint64 { return c.executions }},
	{"nv_inference_request_duration_us", "Cumulative inference request duration in microseconds (includes cached requests)", "counter",
		func(c *counters, _ int) uint64 { return micros(c.success) }},
	{"nv_inference_queue_duration_us", "Cumulative inference queuing duration in microseconds (includes cached requests)", "counter",
		func(c *counters, _ int) uint64 { return micros(c.queue) }},
	{"nv_inference_compute_input_duration_us", "Cumulative compute input duration in microseconds (does not include cached requests)", "counter",
		func(c *counters, _ int) uint64 { return micros(c.input) }},
	{"nv_inference_compute_infer_duration_us", "Cumulative compute inference duration in microseconds (does not include cached requests)", "counter",
		func(c *counters, _ int) uint64 { return micros(c.infer) }},
	{"nv_inference_compute_output_duration_us", "Cumulative inference compute output duration in microseconds (does not include cached requests)", "counter",
		func(c *counters, _ int) uint64 { return micros(c.output) }},
	{"nv_inference_pending_request_count", "Instantaneous number of pending requests awaiting execution per-model.", "gauge",
		func(_ *counters, pending int) uint64 { return uint64(max(0, pending)) }},
}

func micros(t tally) uint64 { return uint64(t.time / time.Microsecond) }

// row is a model on the page.
type row struct {
	name, version string
	model         *model
	total         *counters
	pending       int
}

func (p *process) metricsPage() string {
	var page strings.Builder
	rows := p.rows()
	p.engine.lock()
	defer p.engine.unlock()
	for i := range rows {
		rows[i].pending = rows[i].model.scheduler.waiting
	}
	for _, m := range modelMetrics {
		fmt.Fprintf(&page, "# HELP %s %s\n# TYPE %s %s\n", m.name, m.help, m.name, m.kind)
		for _, r := range rows {
			if m.value == nil {
				for _, reason := range []string{other, canceled, rejected, backend} {
					fmt.Fprintf(&page, "%s{model=%q,reason=%q,version=%q} %d\n", m.name, r.name, reason, r.version, r.total.failures[reason])
				}
				continue
			}
			fmt.Fprintf(&page, "%s{model=%q,version=%q} %d\n", m.name, r.name, r.version, m.value(r.total, r.pending))
		}
	}
	gauge := func(name, help string, value float64) {
		fmt.Fprintf(&page, "# HELP %s %s\n# TYPE %s gauge\n%s %s\n", name, help, name, name, strconv.FormatFloat(value, 'f', -1, 64))
	}
	gauge("nv_pinned_memory_pool_total_bytes", "Pinned memory pool total memory size, in bytes", 256<<20)
	gauge("nv_pinned_memory_pool_used_bytes", "Pinned memory pool used memory size, in bytes", 0)
	if cpu, total, used, ok := p.host.figures(); ok {
		gauge("nv_cpu_utilization", "CPU utilization rate [0.0 - 1.0]", cpu)
		gauge("nv_cpu_memory_total_bytes", "CPU total memory (RAM), in bytes", total)
		gauge("nv_cpu_memory_used_bytes", "CPU used memory (RAM), in bytes", used)
	}
	return page.String()
}

func (p *process) rows() []row {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var rows []row
	for _, e := range p.sorted() {
		if e.current != nil {
			rows = append(rows, row{name: e.name, version: e.version, total: e.counters, model: e.current})
		}
	}
	return rows
}
