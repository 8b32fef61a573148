package report

import (
	"fmt"
	"io"
	"slices"

	"tritonsweep/results"
	"tritonsweep/results/histogram"
)

// Bench is all that is known about one point: the view of a run that measured
// nothing else.
type Bench struct {
	// Schema is the version of this document's structure, that of Report.
	Schema int `json:"schema"`
	// Run says when, how and on what.
	Run   Head   `json:"run"`
	Model string `json:"model"`
	// Point has no figures where its verdict does not allow to use them.
	Point Point `json:"point"`
	// Duration is the length of the measured window, Warmup what was discarded
	// before it, both in seconds.
	Duration float64 `json:"duration_s"`
	Warmup   float64 `json:"warmup_s"`
	// Checks are the validity rules and how the point stood to them.
	Checks []results.Check `json:"checks"`
	// Histogram holds the latencies of the successful requests in rows of equal
	// ratio; absent where the point must not be used.
	Histogram []Bar `json:"histogram,omitempty"`
	// Footnotes are what the reader must know.
	Footnotes []Footnote `json:"footnotes"`
}

// NewBench makes the view of a run of one point from its records. Of several
// records the last is shown. Without a record, or where that is no point by itself
// (it was not measured, or together with others), there is no bench, only the error
// that ended the run.
func NewBench(run results.Run, records []results.Record) (*Bench, error) {
	if len(records) == 0 {
		return nil, fmt.Errorf("run %s has no record: %s", run.ID, run.Outcome)
	}
	last := records[len(records)-1]
	made := Analyze(run, []results.Record{last})
	var points []Point
	for _, m := range made.Models {
		points = slices.Concat(points, m.Points, m.Control, m.Finals)
	}
	if len(points) == 0 {
		return nil, fmt.Errorf("run %s has no point to show by itself: %s", run.ID, run.Outcome)
	}
	b := &Bench{
		Schema: SchemaVersion, Run: made.Run, Model: last.Model, Point: points[0],
		Duration: last.Duration, Warmup: last.Warmup, Checks: last.Checks,
	}
	b.Point.Footnotes = nil // there is only one point that they can be about
	for _, f := range made.Footnotes {
		if len(f.Points) == 0 && !slices.Contains(elsewhere, f.Kind) {
			b.Footnotes = append(b.Footnotes, Footnote{Number: len(b.Footnotes) + 1, Kind: f.Kind, Text: f.Text})
		}
	}
	if !last.Verdict.Usable() || len(last.Client.Histogram) == 0 {
		return b, nil
	}
	values := histogram.New()
	if err := values.UnmarshalBinary(last.Client.Histogram); err != nil {
		return nil, fmt.Errorf("run %s: %w", run.ID, err)
	}
	b.Histogram = barsOf(values)
	return b, nil
}

// elsewhere are footnotes that a bench has no use for: it compares nothing, and
// what it does not show was not reported.
var elsewhere = []string{"one-round", "no-container-memory", "no-gpu"}

// JSON writes the bench.
func (b *Bench) JSON(w io.Writer) error { return writeJSON(w, b) }
