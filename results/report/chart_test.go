package report

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestEveryMarkerLiesInThePlot(t *testing.T) {
	for name, build := range samples {
		s := build()
		r := s.report()
		for i := range r.Models {
			c := newChart(r, &r.Models[i])
			if c == nil {
				if name != "empty" {
					t.Errorf("%s has no chart", name)
				}
				continue
			}
			for drawing, d := range c.Drawings {
				for id, at := range d.At {
					if at.X < plotLeft || at.X > plotRight || at.Y < plotTop || at.Y > plotBottom {
						t.Errorf("%s, %s: point %s lies at %v", name, drawing, id, at)
					}
				}
				if len(d.XTicks) < 2 || len(d.YTicks) < 2 {
					t.Errorf("%s, %s: ticks %v, %v", name, drawing, d.XTicks, d.YTicks)
				}
				if len(d.At)+d.Absent != len(c.Points) {
					t.Errorf("%s, %s: %d shown and %d absent of %d points", name, drawing, len(d.At), d.Absent, len(c.Points))
				}
			}
		}
	}
}

func TestScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := rapid.Float64Range(0.001, 1e6).Draw(t, "low")
		high := low * rapid.Float64Range(1, 1e5).Draw(t, "factor")
		log := rapid.Bool().Draw(t, "log")
		s := newScale([]float64{high, low}, 0, 1000, log)
		a, b := s.at(low), s.at(high)
		if a < 0 || b > 1000 || a > b {
			t.Fatalf("%v..%v lies at %v..%v", low, high, a, b)
		}
		ticks := s.ticks()
		if len(ticks) < 2 || len(ticks) > 20 {
			t.Fatalf("%v..%v: %d ticks: %v", low, high, len(ticks), ticks)
		}
		for i, tick := range ticks {
			if tick.At < 0 || tick.At > 1000 || i > 0 && (tick.At <= ticks[i-1].At || tick.Text == ticks[i-1].Text) {
				t.Fatalf("%v..%v: ticks %v", low, high, ticks)
			}
		}
	})
}

func TestSeriesAreToldApart(t *testing.T) {
	r := samples["queue-delay"]().report()
	c := newChart(r, &r.Models[0])
	looks := map[[2]int]string{}
	for _, s := range c.Series {
		if s.Control {
			continue
		}
		look := [2]int{s.Color, s.Marker}
		if other, ok := looks[look]; ok {
			t.Errorf("%s looks like %s", s.Label, other)
		}
		looks[look] = s.Label
	}
	if len(looks) != 8 {
		t.Errorf("%d series, want 8", len(looks))
	}
}

// The assets must stay such that a page can hold them, and their hashes.
func TestAssets(t *testing.T) {
	for name, text := range map[string]string{"script": script, "style sheet": styleSheet} {
		for _, bad := range []string{"</", "<!--", "\r", "url(", "@import", "http:", "https:", "eval(", "innerHTML"} {
			if strings.Contains(strings.ToLower(text), strings.ToLower(bad)) {
				t.Errorf("the %s holds %q", name, bad)
			}
		}
	}
	page := view(t, func(w *bytes.Buffer) error { return samples["nine"]().report().HTML(w) })
	for _, want := range []string{"<style>" + styleSheet + "</style>", "<script>" + script + "</script>", hash(script), hash(styleSheet)} {
		if !strings.Contains(page, strings.ReplaceAll(want, "+", "+")) && !strings.Contains(page, strings.ReplaceAll(want, "+", "&#43;")) {
			t.Errorf("the page does not hold %.60q as it is", want)
		}
	}
	if strings.Contains(page, " style=") || strings.Contains(page, " onclick=") {
		t.Error("inline styles and handlers are against the page's own policy")
	}
}
