package report

import (
	"fmt"
	"slices"
	"strings"

	"tritonsweep/results"
	"tritonsweep/sweep"
)

// partInert parts the records that were measured from those that stand for a
// point which needed no measurement. Each round has one of these.
func partInert(records []results.Record) (measured []results.Record, skipped []sweep.Skip) {
	for _, rec := range records {
		if rec.Verdict != results.Inert {
			measured = append(measured, rec)
			continue
		}
		skipped = append(skipped, sweep.Skip{
			Model: rec.Model, Settings: rec.Settings, Loads: []sweep.Load{rec.Load}, Reason: strings.Join(rec.Reasons, "; "),
		})
	}
	return measured, skipped
}

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
		if !slices.Contains(points[key], text) { // once for all rounds
			points[key] = append(points[key], text)
		}
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
