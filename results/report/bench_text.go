package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
)

// Text writes the bench for a terminal: the verdict, the figures with their
// intervals, where the time went, and the latencies drawn.
func (b *Bench) Text(w io.Writer, opts TextOptions) error {
	t := &text{opts: opts}
	t.head(&Report{Run: b.Run})
	t.benchHead(b)
	if b.Point.Verdict.Usable() {
		t.benchFigures(b.Point)
		t.benchServer(b.Point)
		t.benchClient(b.Point)
		t.benchHistogram(b)
	}
	t.benchChecks(b.Checks)
	t.footnotes(&Report{Footnotes: b.Footnotes})
	return t.flush(w)
}

// plain prints a line of columns, without blanks at its end.
func (t *text) plain(line string) { t.out.WriteString(strings.TrimRight(line, " ") + "\n") }

// fact prints a name and what is to be said about it.
func (t *text) fact(name, value string) {
	t.item(lipgloss.NewStyle(), "  ", fmt.Sprintf("%-12s", name), value)
}

func (t *text) benchHead(b *Bench) {
	p := b.Point
	t.out.WriteByte('\n')
	t.line(bold, "", b.Model+", "+loadText(p.Load))
	if now := describe(p.Active); now != "" {
		t.line(faint, "  ", "config: "+now)
	}
	style := map[results.Verdict]lipgloss.Style{results.OK: green.Bold(true), results.Noisy: amber}
	verdict := string(p.Verdict)
	if len(p.Reasons) > 0 {
		verdict += ": " + strings.Join(p.Reasons, "; ")
	}
	chosen, known := style[p.Verdict]
	if !known {
		chosen = red.Bold(true)
	}
	t.out.WriteByte('\n')
	t.item(chosen, "  ", fmt.Sprintf("%-12s", "verdict"), verdict)
	if p.Limit != pareto.Unlimited && p.Verdict.Usable() {
		style := green
		if p.Limit != pareto.Met {
			style = amber
		}
		t.item(style, "  ", fmt.Sprintf("%-12s", "limit"), fmt.Sprintf("%s: %s", limitText(b.Run.Limit), p.Limit))
	}
	t.fact("measured", fmt.Sprintf("%s requests in %s after %s of warm-up",
		count(p.Requests), secondsText(b.Duration), secondsText(b.Warmup)))
}

func secondsText(s float64) string {
	return (time.Duration(s * float64(time.Second))).Round(10 * time.Millisecond).String()
}

func (t *text) benchFigures(p Point) {
	if e := p.Throughput; e != nil {
		t.fact("throughput", fmt.Sprintf("%s/s %s  %s", number(e.Value), interval(*e), spread(*e)))
	}
	failed := errorCount(p)
	text := fmt.Sprintf("%s of %s requests", count(failed), count(failed+p.Requests))
	if failed > 0 {
		text += ": " + errorText(p.Errors)
	}
	t.fact("errors", text)
	t.out.WriteByte('\n')
	t.line(bold, "  ", "latency, with 95% intervals")
	row := func(name string, e *results.Estimate, missing int64) {
		switch {
		case e != nil:
			t.plain(fmt.Sprintf("    %-5s %9s ms  %-18s %s", name, number(e.Value), interval(*e), spread(*e)))
		case missing > 0:
			t.plain(fmt.Sprintf("    %-5s %9s     needs about %s more requests", name, "n/a", count(missing)))
		default:
			t.plain(fmt.Sprintf("    %-5s %9s", name, "n/a"))
		}
	}
	row("mean", p.Latency.Mean, 0)
	for _, q := range quantiles {
		row(string(q), p.Latency.Get(q), p.Missing[q])
	}
	t.plain(fmt.Sprintf("    %-5s %9s ms", "max", number(p.Latency.Max)))
}

// benchServer says where the mean latency went. Every request takes as long as
// the batch that it is in, so that executions weigh by their size.
func (t *text) benchServer(p Point) {
	s := p.Server
	if s == nil {
		return
	}
	t.out.WriteByte('\n')
	t.line(bold, "  ", fmt.Sprintf("server: %s items in %s executions, %s in one", count(s.Inferences), count(s.Executions), number(s.AverageBatch)))
	parts := stages(*s, p.Latency.Mean)
	longest := 0.0
	for _, part := range parts {
		longest = max(longest, part.ms)
	}
	for _, part := range parts {
		bar := ""
		if longest > 0 && part.ms > 0 {
			bar = barText(part.ms/longest, 30, t.opts.ASCII)
		}
		t.plain(fmt.Sprintf("    %-7s %8s ms  %s", part.name, number(part.ms), bar))
	}
	if len(s.Batches) < 2 {
		return
	}
	t.plain("    " + t.style(faint, "batch  executions     input     infer    output   (ms of one execution)"))
	for _, b := range s.Batches {
		t.plain(fmt.Sprintf("    %5d %11s %9s %9s %9s", b.Size, count(b.Executions),
			number(b.ComputeInput), number(b.ComputeInfer), number(b.ComputeOutput)))
	}
}

// stage is a part of a request's latency: a mean over requests, milliseconds.
type stage struct {
	name string
	ms   float64
}

// stages add up to the mean latency. The rest is network, front ends and client.
func stages(s Server, mean *results.Estimate) []stage {
	var items float64
	parts := []stage{{"queue", s.Queue}, {"input", 0}, {"infer", 0}, {"output", 0}, {"rest", 0}}
	for _, b := range s.Batches {
		n := float64(b.Size) * float64(b.Executions)
		items += n
		parts[1].ms += n * b.ComputeInput
		parts[2].ms += n * b.ComputeInfer
		parts[3].ms += n * b.ComputeOutput
	}
	known := s.Queue
	for i := 1; i <= 3 && items > 0; i++ {
		parts[i].ms /= items
		known += parts[i].ms
	}
	if mean == nil {
		return parts[:4]
	}
	parts[4].ms = max(mean.Value-known, 0)
	return parts
}

func (t *text) benchClient(p Point) {
	t.out.WriteByte('\n')
	if c := p.Client; c != nil {
		t.fact("client", fmt.Sprintf("%s ms until a request was handed over, %s ms until its answer, %s µs of CPU each",
			number(c.Send), number(c.Wait), number(c.CPU)))
	}
	if c := p.Client; c != nil && c.Arrivals != nil {
		t.fact("arrivals", fmt.Sprintf("%s, %s under way on average; sent %s ms late on average, one in a hundred %s ms or more",
			count(c.Arrivals.Requests), number(c.Arrivals.Underway), number(c.Arrivals.SendLagMean), number(c.Arrivals.SendLag)))
	}
	if p.ContainerMemory != nil {
		t.fact("container", bytesText(float64(*p.ContainerMemory))+" of memory at the most")
	}
	if g := gpuCell(nil, &p); g != "" {
		t.fact("GPU", g)
	}
}

func (t *text) benchHistogram(b *Bench) {
	if len(b.Histogram) == 0 {
		return
	}
	marks := map[string]*results.Estimate{}
	for _, q := range quantiles {
		marks[string(q)] = b.Point.Latency.Get(q)
	}
	width := 50
	if t.opts.Width > 0 {
		width = int(math.Max(10, math.Min(50, float64(t.opts.Width-50))))
	}
	t.out.WriteByte('\n')
	t.line(bold, "  ", "latencies up to ..., on a logarithmic axis")
	for _, l := range barLines(b.Histogram, marks, width, t.opts.ASCII) {
		t.out.WriteString("    " + l + "\n")
	}
}

func (t *text) benchChecks(checks []results.Check) {
	if len(checks) == 0 {
		return
	}
	t.out.WriteByte('\n')
	t.line(bold, "  ", "checks")
	for _, c := range checks {
		mark, style := "ok", faint
		if !c.Passed {
			mark, style = "BAD", red
		}
		t.item(style, "    ", fmt.Sprintf("%-4s %-13s", mark, c.Name), c.Detail)
	}
}
