package report

import (
	"strings"
	"testing"
	"time"

	"tritonsweep/results"
	"tritonsweep/results/histogram"
	"tritonsweep/results/stall"
)

// TestLostWakeUps: a point that shows them says so in a footnote of its own, once.
func TestLostWakeUps(t *testing.T) {
	h := histogram.New()
	for range 400 {
		h.Record(30 * time.Millisecond)
	}
	for range 16 {
		h.Record(510 * time.Millisecond)
	}
	data, err := h.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	s := delaySweep(0.3, 8)
	s.edit(func(r results.Record) bool { return delayOf(r) == 2000 }, func(r *results.Record) {
		r.Config = []byte(`{"maxBatchSize": 8, "dynamicBatching": {"defaultQueuePolicy": {"maxQueueSize": 50}}}`)
		r.Client.Histogram = data
		lost, found := stall.Find(r)
		if !found {
			t.Fatal("the record shows no lost wake-ups")
		}
		r.Reasons = append(r.Reasons, lost.String())
	})
	var notes []string
	for _, n := range s.report().Footnotes {
		if strings.Contains(n.Text, stall.Name) {
			notes = append(notes, n.Kind)
			if len(n.Points) != 1 || !strings.Contains(n.Text, "16 of 416 requests (3.8 %)") {
				t.Errorf("%+v", n)
			}
		}
	}
	if len(notes) != 1 || notes[0] != "lost-wake-up" {
		t.Errorf("footnotes of kinds %q tell of lost wake-ups, want one", notes)
	}
}
