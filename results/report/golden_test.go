package report

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The large views are kept for a few samples only.
var largeViews = []string{"nine", "hostile"}

func TestGolden(t *testing.T) {
	views := map[string]func(*Report, io.Writer) error{
		"txt": func(r *Report, w io.Writer) error { return r.Text(w, TextOptions{Width: 120}) },
		"md":  (*Report).Markdown, "csv": (*Report).CSV, "json": (*Report).JSON,
		"html": (*Report).HTML, "patch": (*Report).Patch,
	}
	large := []string{"html", "json", "csv"}
	for name, build := range samples {
		s := build()
		r := s.report()
		for extension, view := range views {
			if slices.Contains(large, extension) && !slices.Contains(largeViews, name) {
				continue
			}
			t.Run(name+"."+extension, func(t *testing.T) {
				var out bytes.Buffer
				if err := view(r, &out); err != nil {
					t.Fatal(err)
				}
				compareGolden(t, name+"."+extension, withoutAssets(out.String()))
			})
		}
	}
}

// withoutAssets leaves the style sheet, the script and their hashes out of a
// golden page: they are files of their own.
func withoutAssets(page string) string {
	page = strings.Replace(page, styleSheet, "(style sheet)", 1)
	page = strings.Replace(page, script, "(script)", 1)
	if _, rest, ok := strings.Cut(page, `content="default-src`); ok {
		policy, _, _ := strings.Cut(rest, `"`)
		page = strings.Replace(page, policy, " (policy)", 1)
	}
	return page
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (hint: go test ./results/report -update)", err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (hint: -update, then read the difference) (-want +got):\n%s", name, diff)
	}
}

// Every golden file belongs to a sample, so none is a leftover.
func TestNoGoldenLeftovers(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		base := filepath.Base(f)
		if name := strings.TrimSuffix(base, filepath.Ext(base)); !slices.Contains(append(sampleNames(), "summary"), name) {
			t.Errorf("%s belongs to no sample", f)
		}
	}
}
