package triton

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// ParseMetrics reads a page in Prometheus text format. It wraps ErrNoMetrics
// when none of its names begins with nv_.
func ParseMetrics(page io.Reader) (Metrics, error) {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(page)
	if err != nil {
		return Metrics{}, fmt.Errorf("parsing: %w", err)
	}
	b := builder{models: map[[2]string]*ModelMetrics{}, gpus: map[string]*GPU{}, seen: map[string]bool{}, sums: map[string]float64{}}
	triton := false
	for _, name := range slices.Sorted(maps.Keys(families)) {
		triton = triton || strings.HasPrefix(name, "nv_")
		for _, sample := range families[name].GetMetric() {
			b.add(name, families[name].GetType(), sample)
		}
	}
	if !triton {
		return Metrics{}, fmt.Errorf("%w on the page", ErrNoMetrics)
	}
	return b.finish(), nil
}

// builder sorts the samples of a page to the model or device they belong to.
type builder struct {
	m      Metrics
	models map[[2]string]*ModelMetrics
	gpus   map[string]*GPU
	seen   map[string]bool
	sums   map[string]float64 // of what adds up; NaN once a part was bad
}

func (b *builder) add(name string, kind dto.MetricType, sample *dto.Metric) {
	put := b.place(name, labels(sample))
	if put == nil {
		return // a metric that nothing here needs
	}
	var value float64
	switch kind {
	case dto.MetricType_COUNTER:
		value = sample.GetCounter().GetValue()
	case dto.MetricType_GAUGE:
		value = sample.GetGauge().GetValue()
	default: // a page without TYPE lines
		value = sample.GetUntyped().GetValue()
	}
	id := name + identity(sample)
	again := b.seen[id]
	b.seen[id] = true
	if again || math.IsNaN(value) || math.IsInf(value, 0) || value < 0 {
		b.m.Bad = append(b.m.Bad, id)
		put(nil)
		return
	}
	put(&value)
}

// place returns where a sample's value goes, nil for metrics not kept.
func (b *builder) place(name string, l map[string]string) func(*float64) {
	to := func(p **float64) func(*float64) { return func(v *float64) { *p = v } }
	if f, ok := serverFigures[name]; ok {
		return to(f(&b.m))
	}
	if f, ok := gpuFigures[name]; ok && l["gpu_uuid"] != "" {
		return to(f(b.gpu(l["gpu_uuid"])))
	}
	if l["model"] == "" {
		return nil
	}
	if f, ok := modelFigures[name]; ok {
		return b.sum(name, l, to(f(b.model(l["model"], l["version"]))))
	}
	if name == "nv_inference_request_failure" {
		return b.sum(name, l, b.model(l["model"], l["version"]).putFailure(l["reason"]))
	}
	return nil
}

// sum adds up the series of a model's version: Triton has one for each device
// that its instances run on, and one without a device for the rest.
func (b *builder) sum(name string, l map[string]string, put func(*float64)) func(*float64) {
	key := strings.Join([]string{name, l["model"], l["version"], l["reason"]}, "\x00")
	return func(v *float64) {
		if v == nil {
			b.sums[key] = math.NaN()
		} else {
			b.sums[key] += *v
		}
		if total := b.sums[key]; math.IsNaN(total) {
			put(nil)
		} else {
			put(&total)
		}
	}
}

func (m *ModelMetrics) putFailure(reason string) func(*float64) {
	return func(v *float64) {
		if m.Failure == nil {
			m.Failure = map[string]float64{}
		}
		if v == nil {
			delete(m.Failure, reason)
		} else {
			m.Failure[reason] = *v
		}
	}
}

// The names are Triton's; docs/user_guide/metrics.md of triton-inference-server
// lists them, and a recorded page in testdata has them.
var (
	modelFigures = map[string]func(*ModelMetrics) **float64{
		"nv_inference_request_success":            func(m *ModelMetrics) **float64 { return &m.Success },
		"nv_inference_count":                      func(m *ModelMetrics) **float64 { return &m.Inferences },
		"nv_inference_exec_count":                 func(m *ModelMetrics) **float64 { return &m.Executions },
		"nv_inference_request_duration_us":        func(m *ModelMetrics) **float64 { return &m.RequestTime },
		"nv_inference_queue_duration_us":          func(m *ModelMetrics) **float64 { return &m.QueueTime },
		"nv_inference_compute_input_duration_us":  func(m *ModelMetrics) **float64 { return &m.ComputeInput },
		"nv_inference_compute_infer_duration_us":  func(m *ModelMetrics) **float64 { return &m.ComputeInfer },
		"nv_inference_compute_output_duration_us": func(m *ModelMetrics) **float64 { return &m.ComputeOutput },
		"nv_inference_pending_request_count":      func(m *ModelMetrics) **float64 { return &m.Pending },
	}
	gpuFigures = map[string]func(*GPU) **float64{
		"nv_gpu_utilization":        func(g *GPU) **float64 { return &g.Utilization },
		"nv_gpu_memory_used_bytes":  func(g *GPU) **float64 { return &g.MemoryUsed },
		"nv_gpu_memory_total_bytes": func(g *GPU) **float64 { return &g.MemoryTotal },
		"nv_gpu_power_usage":        func(g *GPU) **float64 { return &g.Power },
		"nv_gpu_power_limit":        func(g *GPU) **float64 { return &g.PowerLimit },
		"nv_energy_consumption":     func(g *GPU) **float64 { return &g.Energy },
	}
	serverFigures = map[string]func(*Metrics) **float64{
		"nv_cpu_utilization":                func(m *Metrics) **float64 { return &m.CPUUtilization },
		"nv_cpu_memory_used_bytes":          func(m *Metrics) **float64 { return &m.CPUMemoryUsed },
		"nv_cpu_memory_total_bytes":         func(m *Metrics) **float64 { return &m.CPUMemoryTotal },
		"nv_pinned_memory_pool_used_bytes":  func(m *Metrics) **float64 { return &m.PinnedUsed },
		"nv_pinned_memory_pool_total_bytes": func(m *Metrics) **float64 { return &m.PinnedTotal },
	}
)

func (b *builder) model(name, version string) *ModelMetrics {
	key := [2]string{name, version}
	if b.models[key] == nil {
		b.models[key] = &ModelMetrics{Model: name, Version: version}
	}
	return b.models[key]
}

func (b *builder) gpu(uuid string) *GPU {
	if b.gpus[uuid] == nil {
		b.gpus[uuid] = &GPU{UUID: uuid}
	}
	return b.gpus[uuid]
}

func (b *builder) finish() Metrics {
	for _, m := range b.models {
		b.m.Models = append(b.m.Models, *m)
	}
	slices.SortFunc(b.m.Models, func(x, y ModelMetrics) int {
		if c := strings.Compare(x.Model, y.Model); c != 0 {
			return c
		}
		return compareVersions(x.Version, y.Version)
	})
	for _, g := range b.gpus {
		b.m.GPUs = append(b.m.GPUs, *g)
	}
	slices.SortFunc(b.m.GPUs, func(x, y GPU) int { return strings.Compare(x.UUID, y.UUID) })
	slices.Sort(b.m.Bad)
	return b.m
}

func labels(sample *dto.Metric) map[string]string {
	m := make(map[string]string, len(sample.GetLabel()))
	for _, l := range sample.GetLabel() {
		m[l.GetName()] = l.GetValue()
	}
	return m
}

// identity writes the labels in a fixed order.
func identity(sample *dto.Metric) string {
	var parts []string
	for _, l := range sample.GetLabel() {
		parts = append(parts, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
	}
	slices.Sort(parts)
	return "{" + strings.Join(parts, ",") + "}"
}
