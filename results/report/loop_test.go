package report

import (
	"bytes"
	"strings"
	"testing"

	"tritonsweep/results"
	"tritonsweep/sweep"
)

// openSample is a sweep whose loads above one caller are open loops.
func openSample(all bool) sample {
	s := delaySweep(1, 1, 8, 32)
	open := func(l sweep.Load) sweep.Load {
		if !all && l.Concurrency == 1 {
			return l
		}
		return sweep.Load{Rate: float64(10 * l.Concurrency), Arrivals: sweep.Poisson, BatchSize: 1}
	}
	for i := range s.records {
		s.records[i].Load = open(s.records[i].Load)
		if s.records[i].Load.Open() {
			s.records[i].Client.Arrivals = &results.Arrivals{Requests: 400, Held: 3, Outstanding: 64, Underway: 2, SendLag: 0.25, SendLagMean: 0.1}
		}
	}
	for i := range s.run.Plan.Trials {
		loads := append([]sweep.Load(nil), s.run.Plan.Trials[i].Loads...)
		for k := range loads {
			loads[k] = open(loads[k])
		}
		s.run.Plan.Trials[i].Loads = loads
	}
	return s
}

// TestOpenLoopsAreSaid: every view says which loop a latency comes from.
func TestOpenLoopsAreSaid(t *testing.T) {
	for all, want := range map[bool]struct{ loop, notes string }{
		true:  {"open", "open loop: requests arrive"},
		false: {"mixed", "open loop (r=): requests arrive"},
	} {
		r := openSample(all).report()
		if r.Run.Loop != want.loop {
			t.Errorf("loop %q, want %q", r.Run.Loop, want.loop)
		}
		var text, page, csv bytes.Buffer
		if err := r.Text(&text, TextOptions{Width: 160}); err != nil {
			t.Fatal(err)
		}
		if err := r.HTML(&page); err != nil {
			t.Fatal(err)
		}
		if err := r.CSV(&csv); err != nil {
			t.Fatal(err)
		}
		for _, must := range []string{want.notes, "r=80/s b=1", "r=320/s b=1"} {
			if !strings.Contains(text.String(), must) {
				t.Errorf("text without %q:\n%s", must, text.String())
			}
		}
		if closed := strings.Contains(text.String(), "closed loop"); closed == all {
			t.Errorf("%s: closed loop is named: %v", want.loop, closed)
		}
		if !strings.Contains(page.String(), "latency counts from when they were due") {
			t.Error("the page does not say what latency counts from")
		}
		if !strings.Contains(csv.String(), ",,1,320,poisson,") || !strings.Contains(csv.String(), ",0.25,") {
			t.Errorf("CSV without the arrivals:\n%s", csv.String()[:2000])
		}
		for _, c := range r.Models[0].Curves {
			t.Errorf("a curve of loads that saturate nowhere: %+v", c)
		}
	}
}
