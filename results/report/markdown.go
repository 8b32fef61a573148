package report

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// Markdown writes the report for a pull request or a wiki (GitHub's dialect).
// Text from outside cannot become markup: it is escaped, or stands in a code
// span or a code block that it cannot close.
func (r *Report) Markdown(w io.Writer) error {
	var out strings.Builder
	r.markdownHead(&out)
	for i := range r.Models {
		markdownModel(&out, &r.Models[i])
	}
	if r.Interference != nil {
		markdownTogether(&out, r.Interference)
	}
	if len(r.Footnotes) > 0 {
		out.WriteString("## Notes\n\n")
		for _, f := range r.Footnotes {
			fmt.Fprintf(&out, "%d. %s\n", f.Number, escapeMarkdown(f.Text))
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (r *Report) markdownHead(out *strings.Builder) {
	h, e := r.Run, r.Run.Environment
	fmt.Fprintf(out, "# tritonsweep: %s\n\n", escapeMarkdown(h.Sweep))
	if e.Simulated {
		out.WriteString("**Simulated server: no Triton was measured.**\n\n")
	}
	facts := []string{
		"run " + codeSpan(h.ID), h.Start.UTC().Format(time.DateTime) + " UTC", durationText(h.Duration),
		escapeMarkdown(h.Outcome), plural(h.Rounds, "round"), fmt.Sprintf("seed %d", h.Seed),
	}
	if e.Server != "" {
		facts = append(facts, escapeMarkdown(e.Server), "mode "+escapeMarkdown(e.Mode))
	}
	if e.Image != "" {
		facts = append(facts, "image "+codeSpan(e.Image))
	}
	if l := limitText(h.Limit); l != "" {
		facts = append(facts, "limit "+escapeMarkdown(l))
	}
	if l := gpuLimitText(h.Limit); l != "" {
		facts = append(facts, "GPU memory "+l)
	}
	fmt.Fprintf(out, "%s\n\n", strings.Join(facts, " · "))
	if len(h.Command) > 0 {
		fmt.Fprintf(out, "%s\n\n", codeBlock("sh", strings.Join(quoteAll(h.Command), " ")))
	}
	if len(r.Models) < 2 {
		return
	}
	out.WriteString("| model | advice |\n|---|---|\n")
	for _, m := range r.Models {
		fmt.Fprintf(out, "| %s | %s |\n", tableCode(m.Name), escapeMarkdown(m.Recommendation.Headline))
	}
	out.WriteByte('\n')
}

func markdownModel(out *strings.Builder, m *Model) {
	a := m.Recommendation
	fmt.Fprintf(out, "## %s\n\n", codeSpan(m.Name))
	fmt.Fprintf(out, "> **%s**", escapeMarkdown(a.Headline))
	if a.Detail != "" {
		fmt.Fprintf(out, "\n> %s", escapeMarkdown(a.Detail))
	}
	fmt.Fprintf(out, "\n>\n> Why: %s.", escapeMarkdown(a.Reason))
	if near := nearText(a); near != "" {
		fmt.Fprintf(out, " %s", escapeMarkdown(near))
	}
	out.WriteString("\n\n")
	if m.Pipeline != "" {
		fmt.Fprintf(out, "Through %s\n\n", codeSpan(m.Pipeline))
	}
	if now := describe(m.Current); now != "" {
		fmt.Fprintf(out, "Now: %s.\n\n", escapeMarkdown(now))
	}
	for _, c := range a.Cautions {
		fmt.Fprintf(out, "- **Caution:** %s\n", escapeMarkdown(c))
	}
	if len(a.Cautions) > 0 {
		out.WriteByte('\n')
	}
	if a.Apply != "" {
		fmt.Fprintf(out, "%s\n\n", codeBlock("sh", a.Apply))
	}
	if a.Patch != "" {
		fmt.Fprintf(out, "%s\n\n", codeBlock("diff", strings.TrimSuffix(a.Patch, "\n")))
	}
	markdownFinals(out, m)
	markdownTable(out, m)
	markdownStages(out, m)
	if lines := choiceLines(m); len(lines) > 1 {
		fmt.Fprintf(out, "What a %s limit buys:\n\n", m.Objective)
		for _, line := range lines {
			fmt.Fprintf(out, "- %s\n", escapeMarkdown(line))
		}
		out.WriteByte('\n')
	}
	lines := curveLines(m)
	lines = append(lines, costLines(m)...)
	if m.comparesSettings() {
		lines = append(lines, noiseText(m.Noise))
	}
	for _, line := range lines {
		fmt.Fprintf(out, "%s\n\n", escapeMarkdown(line))
	}
}

func markdownStages(out *strings.Builder, m *Model) {
	table := newStageTable(m)
	if len(table.Rows) == 0 {
		return
	}
	fmt.Fprintf(out, "| stage | %s |\n|---|%s\n", strings.Join(table.Loads, " | "), strings.Repeat("--:|", len(table.Loads)))
	for _, row := range table.Rows {
		fmt.Fprintf(out, "| %s | %s |\n", escapeMarkdown(row.Name), strings.Join(row.Cells, " | "))
	}
	fmt.Fprintf(out, "\n%s\n\n", stageLegend)
}

func markdownTable(out *strings.Builder, m *Model) {
	rows := tableRows(m)
	if len(rows) == 0 {
		return
	}
	cols := columns(m)
	rule := make([]string, len(cols))
	for i, c := range cols {
		rule[i] = "--:"
		if c.left {
			rule[i] = "---"
		}
	}
	fmt.Fprintf(out, "| %s |\n|%s|\n", strings.Join(titles(cols), " | "), strings.Join(rule, "|"))
	for _, p := range rows {
		cells := make([]string, len(cols))
		for i, c := range cols {
			cells[i] = escapeMarkdown(c.cell(m, p))
			if c.title == "settings" && len(p.Footnotes) > 0 {
				cells[i] += " <sup>" + footnoteNumbers(p.Footnotes, ",") + "</sup>"
			}
			if p.ID == m.Recommendation.Point && cells[i] != "" && c.title == "settings" {
				cells[i] = "**" + cells[i] + "**"
			}
		}
		fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
	}
	fmt.Fprintf(out, "\n%s\n\n", legend)
}

var (
	markup = regexp.MustCompile("[\\\\`*{}\\[\\]#|~!]")
	// An underscore inside of a word means nothing; left alone, names of models
	// stay readable in the source.
	underscore = regexp.MustCompile(`(^|[^\pL\pN])_|_($|[^\pL\pN])`)
	entities   = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	links      = regexp.MustCompile(`(?i)\b(https?|ftp|mailto)(:)|\b(www)(\.)`)
	listStart  = regexp.MustCompile(`^(\s*\d*)([-+.)])(\s|$)`)
	backquotes = regexp.MustCompile("`+")
)

// escapeMarkdown makes text from outside mean itself, on one line.
func escapeMarkdown(s string) string {
	s = markup.ReplaceAllString(clean(s), `\$0`)
	s = underscore.ReplaceAllStringFunc(s, func(m string) string { return strings.ReplaceAll(m, "_", `\_`) })
	s = entities.Replace(s)
	s = links.ReplaceAllString(s, "$1$3<span>$2$4</span>")
	return listStart.ReplaceAllString(s, `$1\$2$3`)
}

// codeSpan puts text between more backquotes than it has in a row.
func codeSpan(s string) string {
	s = clean(s)
	if strings.TrimSpace(s) == "" {
		return ""
	}
	fence := longestRun(s) + "`"
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// tableCode is codeSpan for a cell of a table, where a bar would end the cell.
func tableCode(s string) string { return strings.ReplaceAll(codeSpan(s), "|", `\|`) }

func codeBlock(language, s string) string {
	s = cleanLines(s)
	fence := max(3, len(longestRun(s))+1)
	f := strings.Repeat("`", fence)
	return f + language + "\n" + s + "\n" + f
}

func longestRun(s string) string {
	longest := ""
	for _, run := range backquotes.FindAllString(s, -1) {
		if len(run) > len(longest) {
			longest = run
		}
	}
	return longest
}
