package report

import (
	"bytes"
	"encoding/csv"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// evil tries to leave every view at once: a terminal, a page, a spreadsheet, a
// Markdown table.
const evil = "=1+1\x1b[2J\x1b]0;owned\x07\u202e</script><script>owned()</script><img src=x onerror=owned()>\r\n| a | `b` [c](javascript:d)\x9b31m"

// TestFault61EveryTextIsHostile: all free texts of a run and of its records, the
// ones to come too, hold what harms whoever shows it as it is. Texts that are
// one of a few words (a verdict, a status) have types of their own and stay.
func TestFault61EveryTextIsHostile(t *testing.T) {
	for _, name := range []string{"queue-delay", "instances", "pipeline"} {
		build, ok := samples[name]
		if !ok {
			continue
		}
		s := build()
		spoiled := poison(reflect.ValueOf(&s.run).Elem())
		for i := range s.records {
			spoiled += poison(reflect.ValueOf(&s.records[i]).Elem())
		}
		if spoiled < 5*len(s.records) {
			t.Errorf("%s: only %d texts of %d records were changed", name, spoiled, len(s.records))
		}
		made := s.report()
		views := map[string]string{
			"text":     view(t, func(w *bytes.Buffer) error { return made.Text(w, TextOptions{}) }),
			"markdown": view(t, func(w *bytes.Buffer) error { return made.Markdown(w) }),
			"json":     view(t, func(w *bytes.Buffer) error { return made.JSON(w) }),
			"csv":      view(t, func(w *bytes.Buffer) error { return made.CSV(w) }),
			"html":     view(t, func(w *bytes.Buffer) error { return made.HTML(w) }),
		}
		for kind, text := range views {
			if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && steers(r) }); i >= 0 {
				t.Errorf("%s as %s steers a terminal: %q", name, kind, text[max(0, i-60):i+1])
			}
		}
		views["markdown"] = withoutCode(views["markdown"])
		for _, kind := range []string{"html", "markdown"} {
			if !strings.Contains(views[kind], "&lt;script") {
				t.Errorf("%s as %s shows none of the texts", name, kind)
			}
			if i := strings.Index(views[kind], "<script>owned()"); i >= 0 {
				t.Errorf("%s as %s holds a script: %q", name, kind, views[kind][max(0, i-60):i+20])
			}
			if i := strings.Index(views[kind], "<img src=x"); i >= 0 {
				t.Errorf("%s as %s holds an element: %q", name, kind, views[kind][max(0, i-60):i+20])
			}
		}
		rows, err := csv.NewReader(strings.NewReader(views["csv"])).ReadAll()
		if err != nil {
			t.Errorf("%s as csv: %v", name, err)
		}
		for _, row := range rows {
			for _, c := range row {
				if c != "" && strings.ContainsRune("=+-@", rune(c[0])) {
					t.Errorf("%s as csv: a spreadsheet would run %q", name, c)
				}
			}
		}
	}
}

// withoutCode leaves out what Markdown shows as it is: fenced blocks, and spans
// between runs of as many backticks.
func withoutCode(text string) string {
	for _, limit := range []string{"(?m)^(`{3,}).*\n", "`+"} {
		opening := regexp.MustCompile(limit)
		var out strings.Builder
		for at := opening.FindStringIndex(text); at != nil; at = opening.FindStringIndex(text) {
			run := strings.TrimRight(text[at[0]:at[1]], "\n")
			run = run[:len(run)-len(strings.TrimLeft(run, "`"))]
			out.WriteString(text[:at[0]])
			end := regexp.MustCompile("[^`]" + run + "([^`]|$)").FindStringIndex(text[at[1]:])
			if end == nil { // not code after all
				out.WriteString(text[at[0]:at[1]])
				text = text[at[1]:]
				continue
			}
			text = text[at[1]+end[1]-1:]
		}
		text = out.String() + text
	}
	return text
}

// poison puts evil behind every plain string below a value, keys of maps too,
// and counts them.
func poison(v reflect.Value) (n int) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() && v.Type() == reflect.TypeFor[string]() && v.Len() > 0 {
			v.SetString(v.String() + evil)
			n++
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			n += poison(v.Elem())
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			n += poison(v.Index(i))
		}
	case reflect.Struct:
		if v.Type().PkgPath() == "time" {
			return 0
		}
		for i := range v.NumField() {
			n += poison(v.Field(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(v.MapIndex(key))
			n += poison(value)
			fresh := reflect.New(v.Type().Key()).Elem()
			fresh.Set(key)
			n += poison(fresh)
			v.SetMapIndex(key, reflect.Value{})
			v.SetMapIndex(fresh, value)
		}
	}
	return n
}
