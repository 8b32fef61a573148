package report

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"tritonsweep/results/pareto"
)

//go:embed assets
var assets embed.FS

var (
	styleSheet = mustRead("assets/report.css")
	script     = mustRead("assets/report.js")
	page       = template.Must(template.New("page.html").Funcs(template.FuncMap{
		"clean": clean, "describe": describe, "plural": plural, "diff": diffLines, "load": loadText,
		"sub": func(a, b float64) float64 { return round1(a - b) },
	}).ParseFS(assets, "assets/*.html"))
)

func mustRead(name string) string {
	data, err := assets.ReadFile(name)
	if err != nil {
		panic(err) // embedded: cannot fail in a built program
	}
	return string(data)
}

// HTML writes one page that needs nothing else: no network, no other file. It
// forbids everything but its own style sheet and script by their hashes, shows
// all figures and the chart without the script too, and prints well.
func (r *Report) HTML(w io.Writer) error {
	var out strings.Builder
	if err := page.Execute(&out, newPage(r)); err != nil {
		return err
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// pageData is what the template lays out.
type pageData struct {
	Report *Report
	Title  string
	Policy string
	Style  template.CSS
	Script template.JS
	Facts  []string
	Limit  string
	Models []modelData
	// Together is what models cost each other, nil unless the run measured that.
	Together *togetherData
	How      [][2]string
}

// modelData is one model's part of the page.
type modelData struct {
	*Model
	Index       int
	Alone       bool // the only model: its name is the page's title
	Tag         string
	Tiles       []tile
	Chart       *chart
	Data        chartData
	Table       tableData
	FinalTitle  string
	FinalLegend string
	FinalTable  finalTable
	Near        string
	Choices     []choiceData
	Stages      stageTable
	StageLegend string
	Times       []timeBar
	TimeKeys    []string
	Facts       []string
	Gain        string
}

// chartData is what the script needs.
type chartData struct {
	First    string             `json:"first"`
	Drawings map[string]drawing `json:"drawings"`
	Tips     map[string]tip     `json:"tips"`
}

type choiceData struct{ Limit, Rate, Settings, Load string }

func newPage(r *Report) pageData {
	h, e := r.Run, r.Run.Environment
	d := pageData{
		Report: r, Title: h.Sweep,
		Policy: fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'",
			hash(styleSheet), hash(script)),
		Style: template.CSS(styleSheet), Script: template.JS(script), Limit: limitText(h.Limit), How: how(r),
	}
	if len(r.Models) == 1 {
		d.Title = r.Models[0].Name
	}
	if r.Interference != nil {
		d.Title = plural(len(r.Interference.Models), "model") + " at the same time"
		d.Together = newTogether(r.Interference, newForest(&Summary{Interference: []Together{{Report: r.Interference}}}))
	}
	d.Facts = []string{h.Start.UTC().Format("2 January 2006, 15:04 UTC"), durationText(h.Duration)}
	if e.Server != "" {
		d.Facts = append(d.Facts, e.Server)
	}
	d.Facts = append(d.Facts, plural(h.Rounds, "round"))
	for i := range r.Models {
		d.Models = append(d.Models, newModelData(r, &r.Models[i], i))
	}
	return d
}

// tags say what kind of advice a page shows.
var tags = map[pareto.Action]string{pareto.Change: "Recommended change", pareto.Keep: "Recommendation", pareto.None: "Result"}

func newModelData(r *Report, m *Model, index int) modelData {
	d := modelData{
		Model: m, Index: index, Alone: len(r.Models) == 1,
		Tag:        tags[m.Recommendation.Action],
		FinalTitle: finalTitle(m), FinalLegend: finalLegend, FinalTable: newFinalTable(m), Near: nearText(m.Recommendation),
		Tiles: tiles(m), Chart: newChart(r, m), Table: newTable(m), Choices: choices(m),
		Facts: curveLines(m), Stages: newStageTable(m), StageLegend: stageLegend,
	}
	if m.comparesSettings() {
		d.Facts = append(d.Facts, noiseText(m.Noise))
	}
	d.Facts = append(costLines(m), d.Facts...)
	d.Times, d.TimeKeys = timeBars(m)
	if c := d.Chart; c != nil {
		d.Data = chartData{First: c.First, Drawings: c.Drawings, Tips: map[string]tip{}}
		for _, p := range c.Points {
			d.Data.Tips[p.ID] = p.Tip
		}
	}
	if p := m.chosen(); p != nil && p.Effect != nil && p.Effect.Throughput != nil {
		d.Gain = changeInterval(*p.Effect.Throughput)
	}
	return d
}

func choices(m *Model) []choiceData {
	points := m.pointsByID()
	var list []choiceData
	for _, c := range m.Choices {
		p := points[c.Point]
		list = append(list, choiceData{number(c.Limit) + " ms", rate(*p.Throughput), label(*p), loadText(p.Load)})
	}
	return list
}

// hash is what a content security policy names a script or a style by.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// how lists the circumstances of the run.
func how(r *Report) [][2]string {
	h, e := r.Run, r.Run.Environment
	var list [][2]string
	add := func(name, value string) {
		if value != "" {
			list = append(list, [2]string{name, clean(value)})
		}
	}
	add("Run", h.ID)
	add("Command", strings.Join(quoteAll(h.Command), " "))
	add("Outcome", h.Outcome)
	add("Started", h.Start.UTC().Format(time.RFC3339))
	add("Took", durationText(h.Duration))
	add("Measurements", fmt.Sprintf("%s of %s planned, in %s", count(int64(h.Records)), count(int64(h.Planned)), plural(h.Rounds, "round")))
	add("Order", fmt.Sprintf("every round begins with the untouched config, the others are shuffled (seed %d); before the first round it is measured once more, against itself", h.Seed))
	add("Load", loopText(h.Loop))
	add("Limit", limitText(h.Limit))
	add("GPU memory", gpuLimitText(h.Limit))
	add("Server", e.Server)
	add("Image", strings.TrimSpace(e.Image+" "+e.ImageDigest))
	add("Container", e.Container)
	add("Settings applied by", e.Mode)
	add("Client", strings.TrimSpace(fmt.Sprintf("tritonsweep %s on %s, %d processors, %s, %s inputs", e.Tool, e.Host, e.CPUs, e.Transport, e.InputSource)))
	if e.Server == "" {
		list = list[:len(list)-1]
	}
	add("Intervals", "two-sided 95 %, over dependent latencies and over rounds; significance allows for the number of comparisons")
	return list
}

// diffLine is one line of a patch with its meaning.
type diffLine struct{ Kind, Text string }

func diffLines(patch string) []diffLine {
	var lines []diffLine
	for _, l := range strings.Split(strings.TrimSuffix(cleanLines(patch), "\n"), "\n") {
		kind := "same"
		switch {
		case strings.HasPrefix(l, "+++"), strings.HasPrefix(l, "---"):
			kind = "file"
		case strings.HasPrefix(l, "+"):
			kind = "new"
		case strings.HasPrefix(l, "-"):
			kind = "old"
		case strings.HasPrefix(l, "@"):
			kind = "at"
		}
		lines = append(lines, diffLine{kind, l})
	}
	return lines
}
