package report

import (
	"slices"
	"strings"
	"testing"

	"tritonsweep/results"
)

// A point that a run found to need no measurement is no failed one: it is a
// footnote, once for all rounds, and counts neither as planned nor as missing.
func TestInertRecordsAreFootnotes(t *testing.T) {
	s := samples["queue-delay"]()
	settings := s.records[0].Settings
	s.records = slices.DeleteFunc(s.records, func(r results.Record) bool { return r.Final })
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

// The advice to keep what there is names a point that looks better and could not
// be judged.
func TestKeepingTellsOfWhatWasNotConsidered(t *testing.T) {
	s := samples["noise"]()
	s.run.Objective = "p95"
	before := s.report().Models[0].Recommendation
	if before.Headline != "Keep the current settings." || strings.Contains(before.Reason, "looks better") {
		t.Fatalf("%+v", before)
	}
	var fast results.Record
	for i := range s.records {
		r := &s.records[i]
		if fast.Model == "" && !r.Control {
			fast = *r
		}
		if r.Control || r.Settings.Key() != fast.Settings.Key() || r.Load != fast.Load {
			continue
		}
		x := *r.Client.Throughput
		r.Client.Throughput = &results.Estimate{Value: 3 * x.Value, Low: 3 * x.Low, High: 3 * x.High}
		r.Client.P95, r.Client.Missing = nil, map[string]int64{"p95": 77}
	}
	after := s.report().Models[0].Recommendation
	want := describe(fast.Settings) + " at " + loadText(fast.Load) + " looks better (throughput +"
	if after.Headline != before.Headline || !strings.Contains(after.Reason, want) || !strings.Contains(after.Reason, "was not considered: p95 is not known: it needs about 77 more requests") {
		t.Errorf("%s, want %s", after.Reason, want)
	}
}
