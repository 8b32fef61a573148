package report

import (
	"strings"
	"testing"

	"tritonsweep/results"
)

// A point that a run found to need no measurement is no failed one: it is a
// footnote, once for all rounds, and counts neither as planned nor as missing.
func TestInertRecordsAreFootnotes(t *testing.T) {
	s := samples["queue-delay"]()
	settings := s.records[0].Settings
	for _, rec := range s.records {
		if !rec.Control {
			settings = rec.Settings
		}
	}
	points, inert := map[string]bool{}, 0
	for i, rec := range s.records {
		if rec.Settings.Key() != settings.Key() || rec.Control {
			points[rec.Settings.Key()] = true
			continue
		}
		s.records[i] = results.Record{
			Run: rec.Run, Sequence: rec.Sequence, Model: rec.Model, Round: rec.Round, Settings: rec.Settings, Load: rec.Load,
			Verdict: results.Inert, Reasons: []string{"like the untouched config: measured: average batch 1"},
		}
		inert++
	}
	r := s.report()
	if inert == 0 || r.Run.Records != len(s.records)-inert || r.Run.Planned != len(s.records)-inert {
		t.Errorf("%d inert of %d records, %d planned, %d measured", inert, len(s.records), r.Run.Planned, r.Run.Records)
	}
	for _, p := range r.Models[0].Points {
		if !points[p.Settings.Key()] {
			t.Errorf("%s is among the points", p.Settings)
		}
	}
	var notes []string
	for _, f := range r.Footnotes {
		if f.Kind == "skipped" {
			notes = append(notes, f.Text)
		}
		if f.Kind == "incomplete" {
			t.Errorf("footnote %q", f.Text)
		}
	}
	if len(notes) != 1 || strings.Count(notes[0], "at concurrency") != inert/r.Run.Rounds || !strings.Contains(notes[0], "not measured") {
		t.Errorf("footnotes %q", notes)
	}
}
