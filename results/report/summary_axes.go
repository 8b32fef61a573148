package report

import (
	"fmt"
	"slices"
	"strings"

	"tritonsweep/tritonconfig"
)

// axes says for each setting that the run swept, and for its loads, what came
// out. The order is that of the performance plan.
func axes(run string, m *Model) []AxisAdvice {
	groups := map[string][]*Point{}
	for i := range m.Points {
		p := &m.Points[i]
		if name := axisOf(p.Settings); name != "" {
			groups[name] = append(groups[name], p)
		}
	}
	names := slices.SortedFunc(slices.Values(sortedKeys(groups)), compareAxes)
	out := []AxisAdvice{}
	for _, name := range names {
		out = append(out, axisAdvice(run, m, name, groups[name]))
	}
	for _, axis := range []string{"concurrency", "batch_size"} {
		if a, ok := loadAdvice(run, m, axis); ok {
			out = append(out, a)
		}
	}
	return out
}

// axisOf names what settings change.
func axisOf(s tritonconfig.Settings) string {
	var parts []string
	if s.MaxQueueDelay != nil {
		parts = append(parts, "queue delay")
	}
	if s.PreferredBatchSizes != nil {
		parts = append(parts, "preferred sizes")
	}
	if s.InstanceCount != nil {
		parts = append(parts, "instances")
	}
	if s.MaxBatchSize != nil {
		parts = append(parts, "maximum batch")
	}
	return strings.Join(append(parts, s.OtherPaths()...), " + ")
}

var (
	axisOrder = []string{"queue delay", "preferred sizes", "instances", "maximum batch"}
	loadAxes  = []string{"client batch", "concurrency"}
)

// compareAxes puts the tuned values first, then other fields, then the load.
func compareAxes(a, b string) int {
	place := func(name string) int {
		if i := slices.Index(axisOrder, name); i >= 0 {
			return i
		}
		return len(axisOrder) + 1 + slices.Index(loadAxes, name)
	}
	if d := place(a) - place(b); d != 0 {
		return d
	}
	return strings.Compare(a, b)
}

// axisAdvice picks the best point of an axis: of those that are better than the
// current settings the one with the largest gain, else the largest gain at all.
func axisAdvice(run string, m *Model, name string, points []*Point) AxisAdvice {
	a := AxisAdvice{Axis: name, Run: run}
	tried := map[string]bool{}
	var best *Point
	for _, p := range points {
		tried[p.Settings.Key()] = true
		if p.Effect == nil || p.Effect.Throughput == nil || p.Current || len(p.Errors) > 0 {
			continue
		}
		if best == nil || verdictRank(p.Effect.Verdict) > verdictRank(best.Effect.Verdict) ||
			p.Effect.Verdict == best.Effect.Verdict && gainOf(*p.Effect, m.Objective) > gainOf(*best.Effect, m.Objective) {
			best = p
		}
	}
	a.Tried = len(tried)
	if best == nil {
		a.Text = "nothing that could be compared with the current settings"
		return a
	}
	a.Verdict, a.Settings, a.Load, a.Effect = best.Effect.Verdict, &best.Settings, loadText(best.Load), best.Effect
	figures := "throughput " + changeInterval(*best.Effect.Throughput)
	if l := best.Effect.Latency[m.Objective]; l != nil {
		figures += fmt.Sprintf(", %s %s", m.Objective, changeInterval(*l))
	}
	switch best.Effect.Verdict {
	case Better:
		a.Text = fmt.Sprintf("%s is best: %s at %s", describe(best.Settings), figures, a.Load)
	case NoDifference:
		a.Text = fmt.Sprintf("no significant difference; the largest is %s with %s at %s", figures, describe(best.Settings), a.Load)
	case Mixed:
		a.Text = fmt.Sprintf("nothing is better throughout; %s trades: %s at %s", describe(best.Settings), figures, a.Load)
	default:
		a.Text = fmt.Sprintf("the current settings are best; the nearest is %s: %s at %s", describe(best.Settings), figures, a.Load)
	}
	return a
}

func verdictRank(v EffectVerdict) int {
	return slices.Index([]EffectVerdict{Worse, Mixed, NoDifference, Better}, v)
}

// loadAdvice says where the untouched config saturates.
func loadAdvice(run string, m *Model, axis string) (AxisAdvice, bool) {
	points := m.pointsByID()
	for _, c := range m.Curves {
		if c.Axis != axis || !c.Control && !c.Settings.IsZero() {
			continue
		}
		name := map[string]string{"concurrency": "concurrency", "batch_size": "client batch"}[axis]
		headline, _ := saturationText(c, points)
		a := AxisAdvice{Axis: name, Run: run, Tried: len(c.Points), Text: lowerFirst(strings.TrimSuffix(headline, "."))}
		if p := points[c.Saturation]; p != nil {
			a.Load = loadText(p.Load)
		}
		return a, true
	}
	return AxisAdvice{}, false
}
