package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
	"tritonsweep/results/stall"
)

// footnotes collects footnotes; an equal one is made once and lists all points.
type footnotes struct {
	list []Footnote
}

// about adds a footnote about points of a model; it returns its number.
func (f *footnotes) about(kind, text, model string, points ...*Point) int {
	n := f.number(kind, text)
	for _, p := range points {
		if !slices.Contains(p.Footnotes, n) {
			p.Footnotes = append(p.Footnotes, n)
			f.list[n-1].Points = append(f.list[n-1].Points, PointRef{model, p.ID})
		}
	}
	return n
}

func (f *footnotes) number(kind, text string) int {
	for _, note := range f.list {
		if note.Kind == kind && note.Text == text {
			return note.Number
		}
	}
	f.list = append(f.list, Footnote{Number: len(f.list) + 1, Kind: kind, Text: text})
	return len(f.list)
}

// notePoint turns what the records of a point say into footnotes.
func (f *footnotes) notePoint(model string, g *group) {
	p := &g.point
	for _, rec := range g.records {
		if lost, found := stall.Find(&rec); found {
			f.about("lost-wake-up", lost.String(), model, p)
		}
		switch {
		case len(g.used) == 0:
			f.about(string(rec.Verdict), unusable(rec), model, p)
			p.Reasons = addNew(p.Reasons, rec.Reasons...)
		case !rec.Verdict.Usable():
			f.about("round-left-out", "a round was left out: "+unusable(rec), model, p)
			p.Reasons = addNew(p.Reasons, fmt.Sprintf("round %d left out: %s", rec.Round, unusable(rec)))
		default:
			p.Reasons = addNew(p.Reasons, rec.Reasons...)
			if rec.Verdict == results.OK {
				f.remarks(model, p, rec.Reasons)
			}
		}
	}
	if p.Verdict == results.Noisy {
		f.about("noisy", "valid, but at least one round is less precise than was asked for; the intervals say how much", model, p)
	}
	if len(p.Errors) > 0 {
		f.about("errors", "requests failed; such a point is never recommended", model, p)
	}
	if p.Current && !p.Settings.IsZero() {
		f.about("current", "these are the current values: what differs from the control is noise", model, p)
	}
}

// remarks are reasons of a good record: what happened on the way to it.
func (f *footnotes) remarks(model string, p *Point, reasons []string) {
	for _, reason := range reasons {
		if !strings.HasPrefix(reason, stall.Name) { // which has a footnote of its own
			f.about("remark", "a round: "+reason, model, p)
		}
	}
}

// unusable says why a record cannot be used.
func unusable(rec results.Record) string {
	reasons := slices.Clone(rec.Reasons)
	for _, c := range rec.Checks {
		if !c.Passed && len(rec.Reasons) == 0 {
			reasons = append(reasons, c.Name+": "+c.Detail)
		}
	}
	if len(reasons) == 0 {
		return string(rec.Verdict)
	}
	return fmt.Sprintf("%s: %s", rec.Verdict, strings.Join(reasons, "; "))
}

func addNew(list []string, more ...string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// noteMissing makes one footnote a quantile, however many points lack it.
func (f *footnotes) noteMissing(model string, groups []*group) {
	for _, q := range quantiles {
		var points []*Point
		var needs []int64
		for _, g := range groups {
			if more, ok := g.point.Missing[q]; ok {
				points, needs = append(points, &g.point), append(needs, more)
			}
		}
		if len(points) == 0 {
			continue
		}
		least, largest := slices.Min(needs), slices.Max(needs)
		needed := fmt.Sprintf("about %s more", count(least))
		if largest > least {
			needed = fmt.Sprintf("between %s and %s more", count(least), count(largest))
		}
		f.about("missing-quantile", fmt.Sprintf(
			"%s needs more requests than were measured: %s over all rounds (hint: a longer --duration)", q, needed), model, points...)
	}
}

// noteRun adds what concerns the run as a whole.
func (f *footnotes) noteRun(r *Report, records []results.Record) {
	if r.Run.Environment.Simulated {
		f.number("simulated", "the server was tritonsweep's own simulator, no Triton: the figures say nothing about a real one")
	}
	f.noteLoop(r.Run.Loop)
	if missing := r.Run.Planned - r.Run.Records; missing > 0 {
		f.number("incomplete", fmt.Sprintf("the run ended early (%s): %s of %s planned measurements are missing",
			r.Run.Outcome, count(int64(missing)), count(int64(r.Run.Planned))))
	}
	compares := slices.ContainsFunc(r.Models, func(m Model) bool { return m.comparesSettings() && m.Capacity == nil })
	if r.Run.Rounds == 1 && len(records) > 0 && compares {
		f.number("one-round", "one round: how much two starts of one config differ was not measured (hint: --rounds 3)")
	}
	for _, part := range environmentParts(records) {
		f.number("environment", part)
	}
	f.noteUnreported(r)
}

// noteUnreported says which gauges nobody reported.
func (f *footnotes) noteUnreported(r *Report) {
	memory, gpu, any := false, false, false
	for _, m := range r.Models {
		if !m.comparesSettings() {
			continue // an API reports neither
		}
		for _, p := range slices.Concat(m.Points, m.Control) {
			any = any || p.Rounds > 0
			memory = memory || p.ContainerMemory != nil
			gpu = gpu || p.GPU != nil
		}
	}
	if any && !memory {
		f.number("no-container-memory", "container memory: not reported")
	}
	if any && !gpu {
		f.number("no-gpu", "GPU memory and utilization: not reported by the server, so that container memory is all that is known of what instances cost")
		if l := gpuLimitText(r.Run.Limit); l != "" {
			f.number("gpu-limit", "the limit on GPU memory ("+l+") could not be checked: no GPU was seen")
		}
	}
}

// environmentParts says in what the records' environments differ, where that
// makes comparing them doubtful.
func environmentParts(records []results.Record) []string {
	values := map[string][]string{}
	for _, rec := range records {
		e := rec.Environment
		for name, value := range map[string]string{
			"server version": e.Server, "image": e.ImageDigest, "host": e.Host, "tritonsweep version": e.Tool,
			"transport": e.Transport, "input of " + rec.Model: e.InputSource, "container": e.ContainerID,
			"untouched config of " + rec.Model: e.ConfigSHA256, "version of " + rec.Model: e.ModelVersion,
		} {
			if value != "" {
				values[name] = addNew(values[name], value)
			}
		}
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if len(values[name]) > 1 {
			parts = append(parts, fmt.Sprintf("the %s changed during the run: %s", name, strings.Join(values[name], ", ")))
		}
	}
	return parts
}

// excluded says why a point must not be recommended, whatever its figures.
func excluded(p Point) string {
	switch {
	case !p.Verdict.Usable() && len(p.Reasons) > 0:
		return fmt.Sprintf("%s: %s", p.Verdict, p.Reasons[0])
	case !p.Verdict.Usable():
		return string(p.Verdict)
	case p.Current && !p.Control && !p.Settings.IsZero():
		return "these are the current values"
	}
	return ""
}

// candidate is the point as results/pareto wants it.
func (g *group) candidate() pareto.Candidate {
	c := pareto.Candidate{
		ID: g.point.ID, Load: g.point.Load.String(), Throughput: g.throughput, Latency: g.latency,
		Missing: g.point.Missing, Excluded: excluded(g.point), Pooled: g.pooled, At: g.at,
	}
	if n := g.point.Active.InstanceCount; n != nil {
		c.Instances = *n
	} else if n := g.point.Settings.InstanceCount; n != nil {
		c.Instances = *n
	}
	for _, n := range g.point.Errors {
		c.Errors += n
	}
	return c
}
