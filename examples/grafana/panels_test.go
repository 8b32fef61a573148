package main

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
)

func TestFilesAreUpToDate(t *testing.T) {
	for name, board := range boards() {
		want, err := encode(board)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("dashboards", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("dashboards/%s is old (hint: go run .): %v", name, err)
		}
	}
	files, err := filepath.Glob("dashboards/*")
	if err != nil || len(files) != len(boards()) {
		t.Errorf("dashboards holds %v, %v", files, err)
	}
}

// plain replaces Grafana's variables as Grafana would.
func plain(expr string) string {
	return strings.NewReplacer("$__rate_interval", "30s", "$model", ".+").Replace(expr)
}

// sources are the files of samples that the panels of a board are evaluated on.
var sources = map[string][]string{
	"triton.json":      {"triton.txt", "device.txt"},
	"tritonsweep.json": {"run.txt", "pipeline.txt", "triton.txt"},
}

// Every query of every panel is valid to Prometheus, and has figures on the
// samples.
func TestNoPanelIsEmpty(t *testing.T) {
	engine := promqltest.NewTestEngine(t, false, 0, 1_000_000)
	for name, board := range boards() {
		stores := map[string]*store{}
		for _, file := range sources[name] {
			stores[file] = load(t, file)
		}
		for _, panel := range board.Panels {
			if panel.Type != "row" && len(panel.Targets) == 0 {
				t.Errorf("%s: %s asks nothing", name, panel.Title)
			}
			for _, target := range panel.Targets {
				expr := plain(target.Expr)
				if _, err := parser.NewParser(parser.Options{}).ParseExpr(expr); err != nil {
					t.Errorf("%s: %s %s: %v", name, panel.Title, target.RefID, err)
					continue
				}
				figures := 0
				for _, file := range sources[name] {
					figures += evaluate(t, engine, stores[file], expr, panel)
				}
				if figures == 0 {
					t.Errorf("%s: %s %s is empty: %s", name, panel.Title, target.RefID, expr)
				}
				if labelled := legend.FindAllString(target.LegendFormat, -1); len(labelled) == 0 && target.LegendFormat == "" {
					t.Errorf("%s: %s %s has no legend", name, panel.Title, target.RefID)
				}
			}
		}
	}
}

var legend = regexp.MustCompile(`\{\{(\w+)\}\}`)

// evaluate counts the finite figures of a query over the time of the samples,
// and demands that the labels of the legend are there and that a share is one.
func evaluate(t *testing.T, engine *promql.Engine, s *store, expr string, panel Panel) int {
	t.Helper()
	start := time.Unix(0, 0)
	query, err := engine.NewRangeQuery(context.Background(), s.storage, nil, expr, start, start.Add(s.length), 5*time.Second)
	if err != nil {
		t.Fatalf("%s: %v", panel.Title, err)
	}
	defer query.Close()
	result := query.Exec(context.Background())
	matrix, err := result.Matrix()
	if err != nil {
		t.Fatalf("%s: %s: %v", panel.Title, expr, err)
	}
	figures := 0
	for _, series := range matrix {
		for _, match := range legend.FindAllStringSubmatch(panel.Targets[0].LegendFormat, -1) {
			if series.Metric.Get(match[1]) == "" {
				t.Errorf("%s: the series %s has no %s for the legend", panel.Title, series.Metric, match[1])
			}
		}
		for _, p := range series.Floats {
			if math.IsNaN(p.F) || math.IsInf(p.F, 0) {
				continue // a model without a request has no mean
			}
			figures++
			if p.F < 0 || panel.FieldConfig.Defaults.Unit == "percentunit" && p.F > 1 {
				t.Errorf("%s: %s is %g", panel.Title, series.Metric, p.F)
			}
		}
	}
	return figures
}

// Only metrics that were seen, or that Triton documents, are used: people's
// dashboards are known to ask for some that no server has.
func TestOnlyMetricsThatExist(t *testing.T) {
	known := map[string]bool{}
	for _, file := range []string{"triton.txt", "device.txt", "run.txt", "pipeline.txt"} {
		for _, line := range strings.Split(load(t, file).text, "\n") {
			name, _, _ := strings.Cut(strings.TrimSpace(line), "{")
			name, _, _ = strings.Cut(name, " ")
			known[name] = true
		}
	}
	names := regexp.MustCompile(`\b(nv|tritonsweep)_\w+`)
	for file, board := range boards() {
		data, err := encode(board)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names.FindAllString(string(data), -1) {
			if !known[name] {
				t.Errorf("%s uses %s, which no sample has", file, name)
			}
		}
		for _, absent := range []string{"_bucket", "nv_model_ready_state", "histogram_quantile"} {
			if strings.Contains(string(data), absent) {
				t.Errorf("%s uses %s, which Triton does not have", file, absent)
			}
		}
	}
}

func TestPanelsDoNotOverlap(t *testing.T) {
	for name, board := range boards() {
		taken := map[[2]int]string{}
		ids := map[int]bool{}
		for _, p := range board.Panels {
			if ids[p.ID] {
				t.Errorf("%s: identifier %d twice", name, p.ID)
			}
			ids[p.ID] = true
			for x := range p.GridPos.W {
				for y := range p.GridPos.H {
					at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
					if other, used := taken[at]; used || at[0] >= 24 {
						t.Fatalf("%s: %s lies on %q at %v", name, p.Title, other, at)
					}
					taken[at] = p.Title
				}
			}
		}
	}
}

func TestSamplesAreCompact(t *testing.T) {
	got := samples([]string{"# HELP a b\na{x=\"1 2\"} 1\n", "a{x=\"1 2\"} 2\nb 5\n\n"}, 5*time.Second)
	if want := "load 5s\n  a{x=\"1 2\"} 1 2\n  b _ 5\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
