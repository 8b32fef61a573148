package report

import (
	"maps"
	"slices"

	"tritonsweep/results"
)

// joinStages joins the rounds of a point.
func joinStages(records []results.Record) []results.Stage {
	byName := map[string][]results.Stage{}
	for _, rec := range records {
		for _, s := range rec.Stages {
			byName[s.Name] = append(byName[s.Name], s)
		}
	}
	var out []results.Stage
	for _, rounds := range byName {
		out = append(out, joinStage(rounds))
	}
	slices.SortFunc(out, results.CompareStages)
	return out
}

func joinStage(rounds []results.Stage) results.Stage {
	if len(rounds) == 1 {
		return rounds[0]
	}
	s := results.Stage{Name: rounds[0].Name}
	for _, r := range rounds {
		s.Requests += r.Requests
		s.Mean += r.Mean * float64(r.Requests)
	}
	s.Mean /= max(float64(s.Requests), 1)
	s.P50 = meanOfAll(rounds, func(r results.Stage) *float64 { return r.P50 })
	s.P95 = meanOfAll(rounds, func(r results.Stage) *float64 { return r.P95 })
	s.P99 = meanOfAll(rounds, func(r results.Stage) *float64 { return r.P99 })
	return s
}

// meanOfAll is absent where any round lacks the figure.
func meanOfAll(rounds []results.Stage, figure func(results.Stage) *float64) *float64 {
	sum := 0.0
	for _, r := range rounds {
		v := figure(r)
		if v == nil {
			return nil
		}
		sum += *v
	}
	sum /= float64(len(rounds))
	return &sum
}

// stageTable shows the stages of a pipeline under rising load: of the current
// settings, and of the recommended ones.
type stageTable struct {
	Loads []string
	Rows  []stageRow
}

type stageRow struct {
	Name  string
	Cells []string
}

// stageLegend explains a stageTable.
const stageLegend = "By what the service says in its answers: mean / p95 in ms. Stages that run beside each other add up to more than the latency."

func newStageTable(m *Model) stageTable {
	var t stageTable
	chosen := m.pointsByID()[m.Recommendation.Point]
	names := map[string]float64{}
	var columns []map[string]results.Stage
	for _, p := range tableRows(m) {
		recommended := chosen != nil && !p.Control && p.Settings.Key() == chosen.Settings.Key()
		if len(p.Stages) == 0 || !p.Control && !p.Settings.IsZero() && !recommended {
			continue
		}
		title := p.Load.String()
		if recommended && !p.Settings.IsZero() {
			title += " recommended"
		}
		t.Loads = append(t.Loads, title)
		column := map[string]results.Stage{}
		for _, s := range p.Stages {
			column[s.Name] = s
			names[s.Name] = max(names[s.Name], s.Mean)
		}
		columns = append(columns, column)
	}
	order := slices.SortedFunc(maps.Keys(names), func(a, b string) int {
		return results.CompareStages(results.Stage{Name: a, Mean: names[a]}, results.Stage{Name: b, Mean: names[b]})
	})
	for _, name := range order {
		row := stageRow{Name: clean(name)}
		for _, column := range columns {
			row.Cells = append(row.Cells, stageCell(column[name]))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func stageCell(s results.Stage) string {
	if s.Requests == 0 {
		return ""
	}
	if s.P95 == nil {
		return number(s.Mean) + " / n/a"
	}
	return number(s.Mean) + " / " + number(*s.P95)
}
