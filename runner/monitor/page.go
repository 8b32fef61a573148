package monitor

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tritonsweep/results"
	"tritonsweep/runner"
)

// steps are all values of the label of tritonsweep_step.
var steps = []runner.Step{runner.Applying, runner.Starting, runner.Verifying, runner.Measuring, runner.Recorded, runner.Restoring, runner.Done}

var verdicts = []results.Verdict{results.OK, results.Noisy, results.Unsteady, results.Void, results.Refused, results.Failed, results.Inert}

// page writes metrics in Prometheus's text format, version 0.0.4.
type page struct {
	out strings.Builder
}

// family begins a metric.
func (p *page) family(name, kind, help string) {
	fmt.Fprintf(&p.out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// sample writes one value; labels are names and values in turn.
func (p *page) sample(name string, value float64, labels ...string) {
	p.out.WriteString(name)
	for i := 0; i+1 < len(labels); i += 2 {
		p.out.WriteString(map[bool]string{true: "{", false: ","}[i == 0])
		fmt.Fprintf(&p.out, `%s="%s"`, labels[i], escape.Replace(strings.ToValidUTF8(labels[i+1], "\uFFFD")))
	}
	if len(labels) > 0 {
		p.out.WriteByte('}')
	}
	p.out.WriteString(" " + strconv.FormatFloat(value, 'g', -1, 64) + "\n")
}

// escape is what the format asks for in the value of a label.
var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// WriteTo writes the page.
func (m *Monitor) WriteTo(w io.Writer) (int64, error) {
	s := m.state()
	var p page
	m.writeRun(&p, s)
	writeCounts(&p, s)
	writePoints(&p, s.points)
	n, err := io.WriteString(w, p.out.String())
	return int64(n), err
}

func (m *Monitor) writeRun(p *page, s state) {
	p.family("tritonsweep_run_info", "gauge", "The run, always 1.")
	p.sample("tritonsweep_run_info", 1, "run", m.run.ID, "sweep", m.run.Plan.Sweep, "version", m.version)
	p.family("tritonsweep_run_start_time_seconds", "gauge", "When the run began, in seconds since 1970.")
	p.sample("tritonsweep_run_start_time_seconds", float64(m.run.Start.UnixMilli())/1000)
	p.family("tritonsweep_points_planned", "gauge", "Measurements that the plan has.")
	p.sample("tritonsweep_points_planned", float64(m.run.Plan.Points()))
	p.family("tritonsweep_points_done", "gauge", "Measurements that are recorded.")
	p.sample("tritonsweep_points_done", float64(s.event.Points))
	if left, known := m.left(s.event.Points); known {
		p.family("tritonsweep_remaining_seconds", "gauge", "About how long the rest of the plan takes, by the points so far.")
		p.sample("tritonsweep_remaining_seconds", left)
	}
	p.family("tritonsweep_step", "gauge", "1 for what the run does now, else 0.")
	for _, step := range steps {
		p.sample("tritonsweep_step", indicator(step == s.event.Step), "step", string(step))
	}
	if s.event.Trial.Model != "" {
		p.family("tritonsweep_trial_info", "gauge", "What is tried now, always 1.")
		p.sample("tritonsweep_trial_info", 1, "model", s.event.Trial.Model, "settings", settings(s.event.Trial.Control, s.event.Trial.Settings.String()),
			"round", strconv.Itoa(s.event.Trial.Round))
	}
	p.family("tritonsweep_restored", "gauge", "1 once the original config is restored and verified.")
	p.sample("tritonsweep_restored", indicator(s.restored))
}

// left extrapolates from the points so far.
func (m *Monitor) left(done int) (seconds float64, known bool) {
	if done == 0 {
		return 0, false
	}
	each := m.now().Sub(m.run.Start).Seconds() / float64(done)
	return each * float64(max(m.run.Plan.Points()-done, 0)), true
}

func writeCounts(p *page, s state) {
	p.family("tritonsweep_records_total", "counter", "Recorded measurements by verdict.")
	for _, v := range verdicts {
		p.sample("tritonsweep_records_total", float64(s.verdicts[v]), "verdict", string(v))
	}
	p.family("tritonsweep_warnings_total", "counter", "Warnings of the run.")
	p.sample("tritonsweep_warnings_total", float64(s.warnings))
	p.family("tritonsweep_requests_total", "counter", "Successful requests in measured windows.")
	p.sample("tritonsweep_requests_total", float64(s.requests))
	p.family("tritonsweep_request_errors_total", "counter", "Failed requests in measured windows, by kind.")
	for _, kind := range slices.Sorted(maps.Keys(s.errors)) {
		p.sample("tritonsweep_request_errors_total", float64(s.errors[kind]), "kind", kind)
	}
}

// writePoints shows the last usable record of each point.
func writePoints(p *page, points []results.Record) {
	p.family("tritonsweep_throughput_per_second", "gauge", "Items a second of a point; bound is value, low or high of its 95 % interval.")
	for _, r := range points {
		if t := r.Client.Throughput; t != nil {
			for bound, v := range bounds(*t) {
				p.sample("tritonsweep_throughput_per_second", v, append(labels(r), "bound", bound)...)
			}
		}
	}
	p.family("tritonsweep_latency_seconds", "gauge", "Latency of a point at the client, by quantile; bound as above.")
	for _, r := range points {
		for _, q := range []struct {
			name string
			e    *results.Estimate
		}{{"0.5", r.Client.P50}, {"0.9", r.Client.P90}, {"0.95", r.Client.P95}, {"0.99", r.Client.P99}} {
			if q.e == nil {
				continue // too few requests: absent, never 0
			}
			for bound, v := range bounds(*q.e) {
				p.sample("tritonsweep_latency_seconds", v/1000, append(labels(r), "quantile", q.name, "bound", bound)...)
			}
		}
	}
	p.family("tritonsweep_average_batch", "gauge", "Items in one execution at the server.")
	for _, r := range points {
		if r.Server != nil {
			p.sample("tritonsweep_average_batch", r.Server.AverageBatch, labels(r)...)
		}
	}
	p.family("tritonsweep_stage_seconds", "gauge", "Mean of a pipeline's stage.")
	for _, r := range points {
		for _, s := range r.Stages {
			p.sample("tritonsweep_stage_seconds", s.Mean/1000, append(labels(r), "stage", s.Name)...)
		}
	}
}

// bounds yields an estimate and the ends of its interval, in this order.
func bounds(e results.Estimate) func(yield func(string, float64) bool) {
	return func(yield func(string, float64) bool) {
		_ = yield("value", e.Value) && yield("low", e.Low) && yield("high", e.High)
	}
}

func labels(r results.Record) []string {
	return []string{"model", r.Model, "settings", settings(r.Control, r.Settings.String()), "load", r.Load.String()}
}

func settings(control bool, text string) string {
	if control {
		return "control"
	}
	return text
}

func indicator(v bool) float64 {
	if v {
		return 1
	}
	return 0
}
