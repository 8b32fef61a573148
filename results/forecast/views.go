package forecast

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"tritonsweep/sweep"
)

// JSON writes all of f.
func (f *Forecast) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(f)
}

// csvColumns are the columns of CSV.
var csvColumns = []string{"measured", "model", "calibrated_from", "settings", "concurrency", "client_batch", "rate_per_s",
	"throughput_per_s", "throughput_low", "throughput_high", "p50_ms", "p95_ms", "p95_low_ms", "p95_high_ms", "p99_ms", "average_batch", "must_measure"}

// CSV writes one line for each point. The first column says that it was not measured.
func (f *Forecast) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	rows := [][]string{csvColumns}
	for _, p := range f.Points {
		row := []string{"false", f.Model, f.Run, p.Settings.String(), strconv.Itoa(p.Load.Concurrency), strconv.Itoa(p.Load.BatchSize), sweep.RateText(p.Load.Rate)}
		for _, v := range []float64{p.Throughput.Value, p.Throughput.Low, p.Throughput.High,
			p.P50.Value, p.P95.Value, p.P95.Low, p.P95.High, p.P99.Value, p.Batch.Value} {
			row = append(row, strconv.FormatFloat(v, 'f', 3, 64))
		}
		rows = append(rows, append(row, strings.Join(p.MustMeasure, "; ")))
	}
	return out.WriteAll(rows) // and flushes
}

// TextOptions say what of a space the text shows.
type TextOptions struct {
	// Most is how many settings of each load.
	Most int
	// P95 and P99 are limits in milliseconds; 0 for none.
	P95, P99 float64
}

// Text writes what a person wants to see: where the prediction comes from, how
// well it explains the run, and the best settings of each load beside the
// config as it is.
func (f *Forecast) Text(w io.Writer, o TextOptions) error {
	fmt.Fprintf(w, "%s\n\n%s, calibrated from run %s\n", f.Notice, f.Model, f.Run)
	f.writeCalibration(w)
	fmt.Fprintf(w, "\n%d settings x loads, of which %d differ; %d million simulated events in %.1f s. Ranges hold 90 %%.\n",
		len(f.Points), f.Distinct, f.Events/1e6, f.Seconds)
	doubtful := map[string]int{} // reasons to measure, numbered
	var reasons []string
	for _, l := range f.loads() {
		if err := f.writeLoad(w, l, o, doubtful, &reasons); err != nil {
			return err
		}
	}
	for i, reason := range reasons {
		if i == 0 {
			fmt.Fprintln(w, "\nmust be measured before it is believed:")
		}
		fmt.Fprintf(w, "  [%d] %s\n", i+1, reason)
	}
	_, err := fmt.Fprintf(w, "\n%s\n", "hint: confirm what you mean to use with a sweep; predictions save measurements, they replace none")
	return err
}

func (f *Forecast) writeCalibration(w io.Writer) {
	c := &f.Learned
	fmt.Fprintf(w, "  front end %.0f us a request, way there and back %.2f ms; %s\n", 1e3*c.FrontEnd, c.Latency, c.Contention)
	for _, r := range c.Runs {
		fmt.Fprintf(w, "  from %-58s %8.1f/s, simulated %+.1f %%", r.Run, r.Throughput, 100*r.ThroughputOff)
		if r.P95 > 0 {
			fmt.Fprintf(w, "; p95 %.2f ms, %+.1f %%", r.P95, 100*r.P95Off)
		}
		fmt.Fprintln(w)
	}
	for _, note := range c.Notes {
		fmt.Fprintln(w, "  note:", note)
	}
}

// loads returns the loads in the order of their first point.
func (f *Forecast) loads() (out []sweep.Load) {
	seen := map[sweep.Load]bool{}
	for _, p := range f.Points {
		if !seen[p.Load] {
			seen[p.Load] = true
			out = append(out, p.Load)
		}
	}
	return out
}

func (f *Forecast) writeLoad(w io.Writer, l sweep.Load, o TextOptions, known map[string]int, reasons *[]string) error {
	best := f.Best(l, o.P95, o.P99)
	fmt.Fprintf(w, "\n%s (predicted)\n", l)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  settings\tthroughput/s\trange\tp50 ms\tp95 ms\trange\tp99 ms\tbatch\tequal\tmeasure?")
	for _, p := range f.Points {
		if p.Load == l && p.Settings.IsZero() {
			writeRow(table, &p, 0, known, reasons)
		}
	}
	equal := map[int]int{} // points by course
	for i := range best {
		equal[best[i].Course]++
	}
	shown := map[int]bool{}
	for i := range best {
		p := &best[i]
		if len(shown) == o.Most || p.Settings.IsZero() || shown[p.Course] {
			continue
		}
		shown[p.Course] = true
		writeRow(table, p, equal[p.Course]-1, known, reasons)
	}
	if len(shown) == 0 {
		fmt.Fprintln(table, "  no settings keep to the limit")
	}
	return table.Flush()
}

// writeRow writes a point, and how many others take its course; its reasons to
// measure become numbers.
func writeRow(w io.Writer, p *Point, others int, known map[string]int, reasons *[]string) {
	var marks []string
	for _, reason := range p.MustMeasure {
		if known[reason] == 0 {
			*reasons = append(*reasons, reason)
			known[reason] = len(*reasons)
		}
		marks = append(marks, fmt.Sprintf("[%d]", known[reason]))
	}
	fmt.Fprintf(w, "  %s\t%.1f\t%.1f-%.1f\t%.2f\t%.2f\t%.2f-%.2f\t%.2f\t%.2f\t%s\t%s\n", p.Settings,
		p.Throughput.Value, p.Throughput.Low, p.Throughput.High, p.P50.Value, p.P95.Value, p.P95.Low, p.P95.High, p.P99.Value, p.Batch.Value,
		count(others), strings.Join(marks, ""))
}

// count is empty for none.
func count(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("+%d", n)
}
