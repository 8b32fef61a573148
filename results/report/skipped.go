package report

import (
	"fmt"
	"slices"
	"strings"

	"tritonsweep/sweep"
)

// noteSkipped says which points the plan left out, and why: one footnote for
// each model and reason.
func (f *footnotes) noteSkipped(skipped []sweep.Skip) {
	type about struct{ model, reason string }
	points := map[about][]string{}
	var order []about
	for _, s := range skipped {
		key := about{s.Model, s.Reason}
		if points[key] == nil {
			order = append(order, key)
		}
		text := describe(s.Settings)
		if len(s.Loads) > 0 {
			text += " at " + loadList(s.Loads)
		}
		points[key] = append(points[key], text)
	}
	for _, key := range order {
		f.number("skipped", fmt.Sprintf("%s, not measured: %s: %s", key.model, strings.Join(points[key], "; "), key.reason))
	}
}

// loadList names loads in few words: closed loops of one client batch together.
func loadList(loads []sweep.Load) string {
	var parts []string
	loads = slices.SortedFunc(slices.Values(loads), sweep.Load.Compare)
	for i := 0; i < len(loads); {
		first, callers := loads[i], []string{}
		for ; i < len(loads) && !first.Open() && !loads[i].Open() && loads[i].BatchSize == first.BatchSize; i++ {
			callers = append(callers, count(int64(loads[i].Concurrency)))
		}
		if first.Open() {
			parts = append(parts, loadText(first))
			i++
			continue
		}
		text := "concurrency " + strings.Join(callers, ", ")
		if b := first.BatchSize; b > 1 {
			text += " with client batch " + count(int64(b))
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " and ")
}
