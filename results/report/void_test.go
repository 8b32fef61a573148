package report

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tritonsweep/results"
	"tritonsweep/sweep/search"
)

// views renders a run in every format that there is.
func views(t *testing.T, run results.Run, records []results.Record) map[string]string {
	t.Helper()
	made := Analyze(run, records)
	side := Side{Run: run, Records: records}
	compared := CompareRuns(side, side, nil)
	summary := Summarize([]*Report{made})
	out := map[string]string{
		"text":                view(t, func(w *bytes.Buffer) error { return made.Text(w, TextOptions{Width: 120}) }),
		"markdown":            view(t, func(w *bytes.Buffer) error { return made.Markdown(w) }),
		"json":                view(t, func(w *bytes.Buffer) error { return made.JSON(w) }),
		"csv":                 view(t, func(w *bytes.Buffer) error { return made.CSV(w) }),
		"html":                view(t, func(w *bytes.Buffer) error { return made.HTML(w) }),
		"comparison text":     view(t, func(w *bytes.Buffer) error { return compared.Text(w, TextOptions{}) }),
		"comparison markdown": view(t, func(w *bytes.Buffer) error { return compared.Markdown(w) }),
		"comparison json":     view(t, func(w *bytes.Buffer) error { return compared.JSON(w) }),
		"comparison csv":      view(t, func(w *bytes.Buffer) error { return compared.CSV(w) }),
		"summary text":        view(t, func(w *bytes.Buffer) error { return summary.Text(w, TextOptions{}) }),
		"summary markdown":    view(t, func(w *bytes.Buffer) error { return summary.Markdown(w) }),
		"summary json":        view(t, func(w *bytes.Buffer) error { return summary.JSON(w) }),
		"summary html":        view(t, func(w *bytes.Buffer) error { return summary.HTML(w, nil) }),
	}
	if run.Plan.Sweep == "bench" {
		bench, err := NewBench(run, records)
		if err != nil {
			t.Fatal(err)
		}
		out["bench text"] = view(t, func(w *bytes.Buffer) error { return bench.Text(w, TextOptions{}) })
		out["bench json"] = view(t, func(w *bytes.Buffer) error { return bench.JSON(w) })
	}
	return out
}

// scramble multiplies every figure within a value by something else each time.
func scramble(v reflect.Value, random *rand.Rand) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fresh := reflect.New(v.Type().Elem()) // the record's own may be shared
			fresh.Elem().Set(v.Elem())
			v.Set(fresh)
			scramble(fresh.Elem(), random)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			scramble(v.Field(i), random)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetZero()
			return
		}
		fresh := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(fresh, v)
		v.Set(fresh)
		for i := range v.Len() {
			scramble(v.Index(i), random)
		}
	case reflect.Float64:
		v.SetFloat((v.Float() + 1) * (2 + 1000*random.Float64()))
	case reflect.Int, reflect.Int64:
		v.SetInt((v.Int() + 1) * (2 + random.Int64N(1000)))
	}
}

// TestNoViewUsesAVoidNumber: whatever figures a record has that is void, or could
// not be used for another reason, every format of every report says the same, byte
// for byte, and says why there is none.
func TestNoViewUsesAVoidNumber(t *testing.T) {
	for _, verdict := range []results.Verdict{results.Void, results.Unsteady, results.Failed} {
		for name, build := range samples {
			s := build()
			for i := range s.records {
				// Every third record, so that some points lose a round and some all.
				if i%3 == 0 || s.records[i].Sequence%7 == 1 {
					s.records[i].Verdict, s.records[i].Reasons = verdict, []string{"count: reason " + fmt.Sprint(i%4)}
				}
			}
			expectSameViews(t, name, s)
		}
	}
}

// TestNoBenchUsesAVoidNumber is about the views of one point, and of a search for a
// capacity, whose samples are made apart.
func TestNoBenchUsesAVoidNumber(t *testing.T) {
	run, records := benchSample(results.Void)
	records[0].Reasons = []string{"count: the server counted 9000 successes"}
	s := sample{run: run, records: records}
	expectSameViews(t, "bench", s)
	for format, text := range views(t, run, records) {
		if strings.HasPrefix(format, "bench") && !strings.Contains(text, "the server counted 9000") {
			t.Errorf("%s does not say why there is no figure:\n%s", format, text)
		}
	}
	s.run.Plan.Search = &search.Options{Tolerance: 0.05, Points: 10}
	s.run.Plan.Sweep, s.run.Limit = "capacity", results.Limit{P99: 20}
	expectSameViews(t, "capacity", s)
}

func expectSameViews(t *testing.T, name string, s sample) {
	t.Helper()
	want := views(t, s.run, s.records)
	random := rand.New(rand.NewPCG(9, 9))
	for i := range s.records {
		if r := &s.records[i]; !r.Verdict.Usable() {
			answered := r.Client.Requests
			for _, part := range []any{&r.Client, &r.Server, &r.Resources, &r.Stages} {
				scramble(reflect.ValueOf(part).Elem(), random)
			}
			// Errors are data whatever the verdict, and often its reason: their
			// share of all requests is shown.
			r.Client.Requests = answered
		}
	}
	for format, got := range views(t, s.run, s.records) {
		if got != want[format] {
			t.Errorf("%s, %s: a figure that must not be used shows:\n%s", name, format, cmp.Diff(strings.Split(want[format], "\n"), strings.Split(got, "\n")))
		}
	}
}
