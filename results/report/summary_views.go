package report

import (
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
	"time"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
)

// Text writes the summary for a terminal.
func (s *Summary) Text(w io.Writer, opts TextOptions) error {
	t := &text{opts: opts}
	for _, r := range s.Runs {
		t.line(faint, "", s.runLine(r))
	}
	if s.Simulated {
		t.line(amber, "", simulatedText)
	}
	for i := range s.Models {
		m := &s.Models[i]
		t.out.WriteString("\n")
		t.line(bold, "", m.Name)
		if now := describe(m.Current); now != "" {
			t.line(faint, "  ", "now: "+now)
		}
		style := green
		if m.Recommendation.Action != pareto.Change {
			style = bold
		}
		t.line(style, "  ", m.Recommendation.Headline)
		if m.Recommendation.Detail != "" {
			t.line(faint, "  ", m.Recommendation.Detail)
		}
		t.line(faint, "  ", "Why: "+m.Recommendation.Reason+".")
		if m.Worse != "" {
			t.item(amber, "  ", "! ", "Worse than the current settings at "+m.Worse+".")
		}
		for _, a := range m.Axes {
			t.item(faint, "  ", "- ", a.title()+": "+a.Text)
		}
		for _, line := range m.costs() {
			t.item(faint, "  ", "- ", line)
		}
	}
	for _, r := range s.Interference {
		t.together(r.Report)
	}
	return t.flush(w)
}

const simulatedText = "Simulated server: no Triton was measured. The figures say nothing about a real one."

func (s *Summary) runLine(r SummaryRun) string {
	facts := []string{"run " + r.ID, r.Sweep, r.Start.UTC().Format(time.DateTime) + " UTC", durationText(r.Duration),
		plural(r.Points, "measurement"), plural(r.Rounds, "round"), r.Outcome, r.files()}
	if r.Server != "" {
		facts = append(facts, r.Server)
	}
	return strings.Join(facts, " · ")
}

// files says what became of the config files.
func (r SummaryRun) files() string {
	if r.Restored {
		return "configs unchanged"
	}
	return "configs NOT known to be restored (hint: tritonsweep restore)"
}

// title names the axis with the number of values tried.
func (a AxisAdvice) title() string { return fmt.Sprintf("%s (%d tried)", a.Axis, a.Tried) }

// Markdown writes the summary for a pull request or a wiki.
func (s *Summary) Markdown(w io.Writer) error {
	var out strings.Builder
	out.WriteString("# tritonsweep: summary\n\n")
	if s.Simulated {
		fmt.Fprintf(&out, "**%s**\n\n", simulatedText)
	}
	for _, r := range s.Runs {
		fmt.Fprintf(&out, "- %s\n", escapeMarkdown(s.runLine(r)))
	}
	out.WriteString("\n| model | recommendation | throughput | latency | why |\n|---|---|--:|--:|---|\n")
	for _, m := range s.Models {
		throughput, latency := m.changes()
		headline := m.Recommendation.Headline
		if where := m.Where(); where != "" {
			headline += " (" + where + ")"
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s |\n", tableCode(m.Name), escapeMarkdown(headline),
			escapeMarkdown(throughput), escapeMarkdown(latency), escapeMarkdown(m.Recommendation.Reason))
	}
	for _, m := range s.Models {
		fmt.Fprintf(&out, "\n## %s\n\n", codeSpan(m.Name))
		fmt.Fprintf(&out, "> **%s** %s\n>\n> Why: %s.\n\n", escapeMarkdown(m.Recommendation.Headline),
			escapeMarkdown(m.Recommendation.Detail), escapeMarkdown(m.Recommendation.Reason))
		if now := describe(m.Current); now != "" {
			fmt.Fprintf(&out, "Now: %s.\n\n", escapeMarkdown(now))
		}
		out.WriteString("| setting | tried | what came out |\n|---|--:|---|\n")
		for _, a := range m.Axes {
			fmt.Fprintf(&out, "| %s | %d | %s |\n", escapeMarkdown(a.Axis), a.Tried, escapeMarkdown(a.Text))
		}
		for _, line := range m.costs() {
			fmt.Fprintf(&out, "\n%s\n", escapeMarkdown(line))
		}
	}
	for _, r := range s.Interference {
		fmt.Fprintf(&out, "\n## Models at the same time\n\n")
		markdownTogether(&out, r.Report)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// costs say what instances cost and bring.
func (m *ModelAdvice) costs() []string {
	return costLines(&Model{InstanceMemory: m.Memory, Instances: m.Scaling})
}

// changes returns the changes in throughput and latency that the recommendation
// brings, with their intervals.
func (m *ModelAdvice) changes() (throughput, latency string) {
	if m.Effect == nil {
		return "", ""
	}
	if m.Effect.Throughput != nil {
		throughput = changeInterval(*m.Effect.Throughput)
	}
	if l := m.Effect.Latency[m.Objective]; l != nil {
		latency = string(m.Objective) + " " + changeInterval(*l)
	}
	return throughput, latency
}

// HTML writes one page that needs nothing else. links holds for a run the
// address of its own report, where there is one.
func (s *Summary) HTML(w io.Writer, links map[string]string) error {
	d := summaryData{
		Summary: s, Title: "Summary", Style: template.CSS(styleSheet + summarySheet),
		Policy: fmt.Sprintf("default-src 'none'; style-src '%s'; base-uri 'none'; form-action 'none'", hash(styleSheet+summarySheet)),
	}
	for _, r := range s.Runs {
		d.Runs = append(d.Runs, runData{Text: s.runLine(r), Link: links[r.ID]})
	}
	plot := newForest(s)
	for i := range s.Models {
		d.Models = append(d.Models, adviceData(&s.Models[i], i, plot, links))
	}
	for _, r := range s.Interference {
		d.Together = append(d.Together, summaryTogether{newTogether(r.Report, plot), links[r.Run]})
	}
	var out strings.Builder
	if err := page.ExecuteTemplate(&out, "summary.html", d); err != nil {
		return err
	}
	_, err := io.WriteString(w, out.String())
	return err
}

var summarySheet = mustRead("assets/summary.css")

type summaryData struct {
	Summary *Summary
	Title   string
	Policy  string
	Style   template.CSS
	Runs    []runData
	Models  []modelAdviceData
	// Together is what models cost each other, by run.
	Together []summaryTogether
}

type summaryTogether struct {
	*togetherData
	Link string
}

type runData struct{ Text, Link string }

type modelAdviceData struct {
	*ModelAdvice
	Index               int
	Link                string
	Tag                 string
	Throughput, Latency string
	Plot                *span01
	Rows                []axisData
	Costs               []string
}

type axisData struct {
	AxisAdvice
	Throughput string
	Class      string
	Plot       *span01
}

func adviceData(m *ModelAdvice, index int, plot forest, links map[string]string) modelAdviceData {
	d := modelAdviceData{ModelAdvice: m, Index: index, Link: links[m.Run], Costs: m.costs(), Tag: tags[m.Recommendation.Action]}
	d.Throughput, d.Latency = m.changes()
	if m.Effect != nil {
		d.Plot = plot.place(m.Effect.Throughput, "better")
	}
	for _, a := range m.Axes {
		row := axisData{AxisAdvice: a}
		if a.Effect != nil && a.Effect.Throughput != nil {
			row.Class = map[EffectVerdict]string{Better: "better", Worse: "worse", Mixed: "mixed", NoDifference: "same"}[a.Verdict]
			row.Throughput, row.Plot = changeInterval(*a.Effect.Throughput), plot.place(a.Effect.Throughput, row.Class)
		}
		d.Rows = append(d.Rows, row)
	}
	return d
}

// forest places ratios on one logarithmic axis, so that the intervals of all
// models can be compared by eye.
type forest struct{ low, high float64 }

// span01 is an interval on the axis, of 100.
type span01 struct {
	One, Low, Value, High float64
	Class                 string // of what is drawn: "better", "worse", ...
}

func newForest(s *Summary) forest {
	f := forest{0.9, 1.1}
	for _, m := range s.Models {
		for _, a := range m.Axes {
			if a.Effect != nil {
				f.widen(a.Effect.Throughput)
			}
		}
		if m.Effect != nil {
			f.widen(m.Effect.Throughput)
		}
	}
	for _, r := range s.Interference {
		for _, e := range r.Models {
			f.widen(e.Throughput)
		}
	}
	return f
}

func (f *forest) widen(e *results.Estimate) {
	if e != nil && e.Low > 0 {
		f.low, f.high = max(0.1, min(f.low, e.Low)), min(10, max(f.high, e.High))
	}
}

func (f forest) at(ratio float64) float64 {
	x := (math.Log(ratio) - math.Log(f.low)) / (math.Log(f.high) - math.Log(f.low))
	return round1(2 + 96*min(1, max(0, x)))
}

func (f forest) place(e *results.Estimate, class string) *span01 {
	if e == nil || !(e.Low > 0) {
		return nil
	}
	return &span01{One: f.at(1), Low: f.at(e.Low), Value: f.at(e.Value), High: f.at(e.High), Class: class}
}
