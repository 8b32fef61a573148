package main

import "fmt"

// Dashboard is the part of Grafana's dashboard model that is needed here; names
// and meanings are those of its JSON, schema version 39.
type Dashboard struct {
	UID           string     `json:"uid"`
	Title         string     `json:"title"`
	Description   string     `json:"description"`
	Tags          []string   `json:"tags"`
	Timezone      string     `json:"timezone"`
	Editable      bool       `json:"editable"`
	GraphTooltip  int        `json:"graphTooltip"` // 1: one crosshair for all panels
	Refresh       string     `json:"refresh"`
	SchemaVersion int        `json:"schemaVersion"`
	Time          Range      `json:"time"`
	Templating    Templating `json:"templating"`
	Panels        []Panel    `json:"panels"`
}

// Range is the time that is shown at first.
type Range struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Templating holds the variables.
type Templating struct {
	List []Variable `json:"list"`
}

// Variable is a choice above the panels.
type Variable struct {
	Name       string     `json:"name"`
	Label      string     `json:"label"`
	Type       string     `json:"type"`
	Datasource *Reference `json:"datasource,omitempty"`
	Query      any        `json:"query"`
	Refresh    int        `json:"refresh"`
	Multi      bool       `json:"multi"`
	IncludeAll bool       `json:"includeAll"`
	AllValue   string     `json:"allValue,omitempty"`
}

// Reference names a data source.
type Reference struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// source is the one that the variable chooses.
var source = Reference{Type: "prometheus", UID: "${datasource}"}

// Panel is one chart, one figure, one table or the head of a row.
type Panel struct {
	ID          int        `json:"id"`
	Type        string     `json:"type"`
	Title       string     `json:"title"`
	Description string     `json:"description,omitempty"`
	Datasource  *Reference `json:"datasource,omitempty"`
	GridPos     Position   `json:"gridPos"`
	FieldConfig *Fields    `json:"fieldConfig,omitempty"`
	Options     any        `json:"options,omitempty"`
	Targets     []Target   `json:"targets,omitempty"`
}

// Position is in a grid of 24 columns.
type Position struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

// Fields say how values look.
type Fields struct {
	Defaults  Field `json:"defaults"`
	Overrides []any `json:"overrides"`
}

// Field is the look of a value.
type Field struct {
	Unit   string         `json:"unit"`
	Min    *float64       `json:"min,omitempty"`
	Max    *float64       `json:"max,omitempty"`
	Custom map[string]any `json:"custom,omitempty"`
}

// Target is a query.
type Target struct {
	RefID        string    `json:"refId"`
	Datasource   Reference `json:"datasource"`
	Expr         string    `json:"expr"`
	LegendFormat string    `json:"legendFormat"`
	Instant      bool      `json:"instant,omitempty"`
	Range        bool      `json:"range,omitempty"`
	Format       string    `json:"format,omitempty"`
}

// query is one line of a panel, as the boards write it.
type query struct{ expr, legend string }

// layout puts panels into rows of three.
type layout struct {
	panels []Panel
	x, y   int
}

const (
	width  = 8
	height = 8
)

// row begins a new one with a head.
func (l *layout) row(title string) {
	if l.x > 0 {
		l.x, l.y = 0, l.y+height
	}
	l.panels = append(l.panels, Panel{ID: len(l.panels) + 1, Type: "row", Title: title, GridPos: Position{H: 1, W: 24, Y: l.y}})
	l.y++
}

// chart adds a course over time. Units are Grafana's: reqps, ms, percentunit.
func (l *layout) chart(title, unit, description string, queries ...query) {
	l.add(Panel{
		Type: "timeseries", Title: title, Description: description,
		FieldConfig: &Fields{Defaults: field(unit), Overrides: []any{}},
		Options: map[string]any{
			"legend":  map[string]any{"displayMode": "table", "placement": "bottom", "calcs": []string{"lastNotNull", "max"}},
			"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
		},
	}, queries)
}

// figure adds the last value.
func (l *layout) figure(title, unit, description string, queries ...query) {
	l.add(Panel{
		Type: "stat", Title: title, Description: description,
		FieldConfig: &Fields{Defaults: Field{Unit: unit}, Overrides: []any{}},
		Options: map[string]any{
			"reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
			"textMode":      "value_and_name", "colorMode": "none", "graphMode": "none",
		},
	}, queries)
}

func field(unit string) Field {
	zero := 0.0
	f := Field{Unit: unit, Min: &zero, Custom: map[string]any{"lineWidth": 1, "fillOpacity": 8, "showPoints": "never", "spanNulls": false}}
	if unit == "percentunit" {
		one := 1.0
		f.Max = &one
	}
	return f
}

func (l *layout) add(p Panel, queries []query) {
	p.ID, p.Datasource = len(l.panels)+1, &source
	p.GridPos = Position{H: height, W: width, X: l.x, Y: l.y}
	for i, q := range queries {
		p.Targets = append(p.Targets, Target{
			RefID: string(rune('A' + i)), Datasource: source, Expr: q.expr, LegendFormat: q.legend, Range: true,
		})
	}
	l.panels = append(l.panels, p)
	if l.x += width; l.x == 3*width {
		l.x, l.y = 0, l.y+height
	}
}

// board completes a dashboard.
func (l *layout) board(uid, title, description, refresh string, variables ...Variable) Dashboard {
	return Dashboard{
		UID: uid, Title: title, Description: description, Tags: []string{"triton", "tritonsweep"}, Timezone: "browser",
		GraphTooltip: 1, Refresh: refresh, SchemaVersion: 39, Time: Range{"now-15m", "now"},
		Templating: Templating{append([]Variable{{
			Name: "datasource", Label: "Data source", Type: "datasource", Query: "prometheus", Refresh: 1,
		}}, variables...)},
		Panels: l.panels,
	}
}

// choice is a variable with all values of a label.
func choice(name, label, metric string) Variable {
	return Variable{
		Name: name, Label: label, Type: "query", Datasource: &source, Refresh: 2, Multi: true, IncludeAll: true, AllValue: ".+",
		Query: map[string]any{"query": fmt.Sprintf("label_values(%s, %s)", metric, name), "refId": "variable"},
	}
}
