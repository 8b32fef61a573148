package report

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"tritonsweep/results"
)

// summarySamples are runs of one results file: the queue delay twice, and the
// instances of the same model.
func summarySamples() *Summary {
	first, second, third := samples["queue-delay"](), samples["instances"](), samples["hostile"]()
	second.run.ID, second.run.Start = "20261124-093000-aaaa", sampleStart.AddDate(0, 0, 1)
	third.run.ID, third.run.Start = "20261125-093000-bbbb", sampleStart.AddDate(0, 0, 2)
	for _, run := range []*results.Run{&second.run, &third.run} {
		end := run.Start.Add(11 * time.Minute)
		run.End = &end
	}
	code := 20
	third.run.ExitCode = &code
	return Summarize([]*Report{third.report(), first.report(), second.report()})
}

func TestSummaryGolden(t *testing.T) {
	s := summarySamples()
	views := map[string]func(w io.Writer) error{
		"txt": func(w io.Writer) error { return s.Text(w, TextOptions{Width: 120}) },
		"md":  s.Markdown, "json": s.JSON,
		"html": func(w io.Writer) error {
			return s.HTML(w, map[string]string{s.Runs[0].ID: s.Runs[0].ID + "/report.html"})
		},
	}
	for extension, view := range views {
		t.Run(extension, func(t *testing.T) {
			var out bytes.Buffer
			if err := view(&out); err != nil {
				t.Fatal(err)
			}
			page := strings.Replace(out.String(), summarySheet, "(summary's style sheet)", 1)
			compareGolden(t, "summary."+extension, withoutAssets(page))
		})
	}
}

func TestSummaryJoinsRuns(t *testing.T) {
	s := summarySamples()
	if len(s.Runs) != 3 || s.Runs[0].Start.After(s.Runs[1].Start) {
		t.Fatalf("runs %+v", s.Runs)
	}
	if !s.Runs[0].Restored || s.Runs[2].Restored {
		t.Error("exit code 20 means that configs are not restored, 0 that they are")
	}
	for code, want := range map[int]bool{0: true, 1: true, 2: false, 3: true, 20: false, 21: false, 22: false, 130: true, 143: true} {
		if restored(code) != want {
			t.Errorf("exit code %d: restored %t", code, !want)
		}
	}
	for _, m := range s.Models {
		if m.Name != "arcface_w600k_r50" {
			continue
		}
		var names []string
		for _, a := range m.Axes {
			names = append(names, a.Axis)
			if a.Text == "" || a.Tried == 0 {
				t.Errorf("%+v says nothing", a)
			}
		}
		if got := strings.Join(names, ", "); !strings.Contains(got, "queue delay") || !strings.Contains(got, "instances") {
			t.Errorf("settings %s", got)
		}
		if m.Recommendation.Headline == "" || m.Recommendation.Reason == "" {
			t.Errorf("no advice: %+v", m.Recommendation)
		}
		return
	}
	t.Error("the model is not in the summary")
}

// Names from outside stay harmless in every view, and the page runs no script.
func TestSummaryIsHarmless(t *testing.T) {
	s := summarySamples()
	var text, page, document bytes.Buffer
	if err := s.Text(&text, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := s.HTML(&page, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.JSON(&document); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsRune(text.String(), '\x1b') || ansi.Strip(text.String()) != text.String() {
		t.Error("the text steers the terminal")
	}
	for _, bad := range []string{"<script", "<img"} {
		if strings.Contains(page.String(), bad) {
			t.Errorf("the page holds %s", bad)
		}
	}
	if !json.Valid(document.Bytes()) || bytes.ContainsRune(document.Bytes(), '\x1b') {
		t.Error("the JSON is broken, or steers a terminal")
	}
}

func TestForest(t *testing.T) {
	f := forest{0.5, 2}
	if one := f.at(1); one != 50 || f.at(0.01) != 2 || f.at(100) != 98 {
		t.Errorf("1 lies at %v of 100, the ends at %v and %v", one, f.at(0.01), f.at(100))
	}
}
