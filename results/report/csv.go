package report

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// CSV writes one row for each point, controls and finals included, with all figures. An
// empty cell is what was not measured. A cell that a spreadsheet would take for
// a formula starts with an apostrophe. A run of models alone and together has one
// row a model.
func (r *Report) CSV(w io.Writer) error {
	if r.Interference != nil {
		return csvTogether(w, r.Run.ID, r.Interference)
	}
	out := csv.NewWriter(w)
	if err := out.Write(csvHeader()); err != nil {
		return err
	}
	for _, m := range r.Models {
		for _, list := range [][]Point{m.Points, m.Control, m.Finals} {
			for _, p := range list {
				if err := out.Write(r.csvRow(m, p)); err != nil {
					return err
				}
			}
		}
	}
	out.Flush()
	return out.Error()
}

func csvHeader() []string {
	header := []string{
		"run", "model", "point", "control", "final", "recommended",
		"max_queue_delay_microseconds", "preferred_batch_size", "instance_count", "instance_group", "max_batch_size", "other_settings",
		"concurrency", "batch_size", "arrival_rate_per_s", "arrivals", "verdict", "rounds", "rounds_measured", "requests",
	}
	for _, figure := range []string{"throughput_per_s", "latency_mean_ms", "latency_p50_ms", "latency_p90_ms", "latency_p95_ms", "latency_p99_ms"} {
		header = append(header, figure, figure+"_low", figure+"_high")
	}
	header = append(header, "latency_max_ms", "p99_requests_missing", "errors", "error_rate", "errors_by_status",
		"average_batch", "queue_ms", "compute_input_ms", "compute_infer_ms", "compute_output_ms",
		"send_mean_ms", "wait_mean_ms", "client_cpu_us_per_request", "send_lag_p99_ms", "requests_held",
		"container_memory_bytes", "gpu_memory_used_bytes", "gpu_utilization",
		"active_max_queue_delay_microseconds", "active_preferred_batch_size", "active_instance_count", "active_max_batch_size",
		"limit", "on_frontier", "frontier_probability", "effect")
	for _, figure := range []string{"throughput_ratio", "p50_ratio", "p95_ratio", "p99_ratio"} {
		header = append(header, figure, figure+"_low", figure+"_high")
	}
	return append(header, "stages_mean_ms", "reasons", "footnotes")
}

func (r *Report) csvRow(m Model, p Point) []string {
	row := []string{
		cell(r.Run.ID), cell(m.Name), p.ID, strconv.FormatBool(p.Control), strconv.FormatBool(p.Final),
		strconv.FormatBool(p.ID == m.Recommendation.Point || p.ID == m.Recommendation.Final),
	}
	row = append(row, settingsCells(p.Settings, true)...)
	row = append(row, loadCells(p.Load)...)
	row = append(row, string(p.Verdict),
		strconv.Itoa(p.Rounds), strconv.Itoa(p.Measured), strconv.FormatInt(p.Requests, 10))
	l := p.Latency
	for _, e := range []*results.Estimate{p.Throughput, l.Mean, l.P50, l.P90, l.P95, l.P99} {
		row = append(row, estimateCells(e)...)
	}
	row = append(row, positive(l.Max), missingCell(p), strconv.FormatInt(errorCount(p), 10), floatCell(p.ErrorRate), cell(errorText(p.Errors)))
	row = append(row, serverCells(p)...)
	row = append(row, intCell(p.ContainerMemory))
	if p.GPU != nil {
		row = append(row, intCell(p.GPU.MemoryUsed), floatCell(p.GPU.Utilization))
	} else {
		row = append(row, "", "")
	}
	row = append(row, settingsCells(p.Active, false)...)
	row = append(row, string(p.Limit), strconv.FormatBool(p.OnFrontier), floatCell(p.Probability))
	row = append(row, effectCells(p.Effect)...)
	row = append(row, cell(stagesText(p.Stages)))
	return append(row, cell(strings.Join(p.Reasons, "; ")), cell(footnoteNumbers(p.Footnotes, " ")))
}

// stagesText prints "detect 12.5; embed 3.1".
func stagesText(stages []results.Stage) string {
	var parts []string
	for _, s := range stages {
		parts = append(parts, s.Name+" "+decimal(s.Mean))
	}
	return strings.Join(parts, "; ")
}

// cell makes text harmless: without control characters, and no formula.
func cell(s string) string {
	s = clean(s)
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}

func settingsCells(s tritonconfig.Settings, group bool) []string {
	var delay, preferred, count, maxBatch string
	if s.MaxQueueDelay != nil {
		delay = strconv.FormatUint(*s.MaxQueueDelay, 10)
	}
	if s.PreferredBatchSizes != nil {
		preferred = "[" + strings.Join(sizes(s.PreferredBatchSizes), " ") + "]"
	}
	if s.InstanceCount != nil {
		count = strconv.Itoa(*s.InstanceCount)
	}
	if s.MaxBatchSize != nil {
		maxBatch = strconv.Itoa(*s.MaxBatchSize)
	}
	if group {
		return []string{delay, preferred, count, cell(s.InstanceGroup), maxBatch, cell(otherText(s))}
	}
	return []string{delay, preferred, count, maxBatch}
}

func serverCells(p Point) []string {
	row := make([]string, 0, 8)
	if s := p.Server; s != nil {
		for _, v := range []float64{s.AverageBatch, s.Queue, s.ComputeInput, s.ComputeInfer, s.ComputeOutput} {
			row = append(row, decimal(v))
		}
	} else {
		row = append(row, "", "", "", "", "")
	}
	if c := p.Client; c != nil {
		row = append(row, decimal(c.Send), decimal(c.Wait), decimal(c.CPU))
		if a := c.Arrivals; a != nil {
			return append(row, decimal(a.SendLag), strconv.FormatInt(a.Held, 10))
		}
		return append(row, "", "")
	}
	return append(row, "", "", "", "", "")
}

// loadCells leaves empty what the other kind of loop has.
func loadCells(l sweep.Load) []string {
	if !l.Open() {
		return []string{strconv.Itoa(l.Concurrency), strconv.Itoa(l.BatchSize), "", ""}
	}
	how := cmp.Or(l.Arrivals, sweep.Poisson)
	if how == sweep.Recorded {
		how = sweep.Arrivals(l.Trace)
	}
	return []string{"", strconv.Itoa(l.BatchSize), decimal(l.Rate), cell(string(how))}
}

func effectCells(e *Effect) []string {
	if e == nil {
		return make([]string, 13)
	}
	row := []string{string(e.Verdict)}
	for _, r := range []*results.Estimate{e.Throughput, e.Latency[pareto.P50], e.Latency[pareto.P95], e.Latency[pareto.P99]} {
		row = append(row, estimateCells(r)...)
	}
	return row
}

func estimateCells(e *results.Estimate) []string {
	if e == nil {
		return []string{"", "", ""}
	}
	return []string{decimal(e.Value), decimal(e.Low), decimal(e.High)}
}

// decimal prints six significant digits: more than any figure deserves.
func decimal(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

func positive(v float64) string {
	if v > 0 {
		return decimal(v)
	}
	return ""
}

func floatCell(v *float64) string {
	if v == nil {
		return ""
	}
	return decimal(*v)
}

func intCell(v *int64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatInt(*v, 10)
}

func missingCell(p Point) string {
	if more, ok := p.Missing[pareto.P99]; ok {
		return strconv.FormatInt(more, 10)
	}
	return ""
}

func errorCount(p Point) int64 {
	var n int64
	for _, c := range p.Errors {
		n += c
	}
	return n
}

// errorText prints "RESOURCE_EXHAUSTED 17, UNAVAILABLE 2".
func errorText(errors map[string]int64) string {
	var parts []string
	for _, status := range sortedKeys(errors) {
		parts = append(parts, fmt.Sprintf("%s %s", status, count(errors[status])))
	}
	return strings.Join(parts, ", ")
}

func footnoteNumbers(numbers []int, separator string) string {
	var parts []string
	for _, n := range numbers {
		parts = append(parts, strconv.Itoa(n))
	}
	return strings.Join(parts, separator)
}
