package report

import (
	"cmp"
	"io"
	"slices"
	"time"

	"tritonsweep/results/interference"
	"tritonsweep/results/pareto"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// SummaryVersion is the version of the JSON view of a Summary.
const SummaryVersion = 1

// Summary puts what several runs say about their models on one page: for each
// model one recommendation with its interval and its reason, and what each
// setting that was swept did.
type Summary struct {
	Schema int           `json:"schema"`
	Runs   []SummaryRun  `json:"runs"`
	Models []ModelAdvice `json:"models"`
	// Interference is what models that are loaded at the same time cost each
	// other, one entry for each run that measured it.
	Interference []Together `json:"interference,omitempty"`
	// Simulated is true if any run was on the simulated server.
	Simulated bool `json:"simulated"`
}

// Together is what a run says about models at the same time.
type Together struct {
	Run string `json:"run"`
	*interference.Report
}

// SummaryRun is one of the runs.
type SummaryRun struct {
	ID       string    `json:"id"`
	Sweep    string    `json:"sweep"`
	Start    time.Time `json:"start"`
	Duration float64   `json:"duration_s"`
	Outcome  string    `json:"outcome"`
	// Restored is true where the run ended with the config files as they were,
	// and with the server verified.
	Restored bool     `json:"restored"`
	Rounds   int      `json:"rounds"`
	Points   int      `json:"records"`
	Server   string   `json:"server"`
	Command  []string `json:"command"`
}

// ModelAdvice is what the runs say about one model.
type ModelAdvice struct {
	Name string `json:"name"`
	// Run is the run that the recommendation comes from: of several the one
	// whose change gains most, else the last.
	Run            string                `json:"run"`
	Current        tritonconfig.Settings `json:"current"`
	Objective      pareto.Quantile       `json:"objective"`
	Recommendation Recommendation        `json:"recommendation"`
	// Load and Effect are those of the recommended change; absent without one.
	Load   string  `json:"load,omitempty"`
	Effect *Effect `json:"effect,omitempty"`
	// Worse names the loads under which the recommended settings are worse than the
	// current ones, or trade one figure for another.
	Worse string `json:"worse_at,omitempty"`
	// Axes say what each swept setting did, the load's among them.
	Axes []AxisAdvice `json:"axes"`
	// Memory is what one more instance costs, as one of the runs measured it.
	Memory *InstanceMemory `json:"instance_memory,omitempty"`
	// Scaling is how throughput scales with the instances.
	Scaling *InstanceScaling `json:"instance_scaling,omitempty"`

	rank float64 // of the recommendation among those of all runs
}

// AxisAdvice is what became of one setting.
type AxisAdvice struct {
	// Axis names the setting: "queue delay", "preferred sizes", "instances",
	// "maximum batch", "concurrency", "client batch", several joined by "+", or
	// the path of a config field.
	Axis string `json:"axis"`
	Run  string `json:"run"`
	// Tried counts the settings values, or the loads, that were measured.
	Tried int `json:"tried"`
	// Verdict says what the best of them does, "" for an axis of load.
	Verdict EffectVerdict `json:"verdict,omitempty"`
	// Settings and Load are those of the best point.
	Settings *tritonconfig.Settings `json:"settings,omitempty"`
	Load     string                 `json:"load,omitempty"`
	Effect   *Effect                `json:"effect,omitempty"`
	// Text says it in a sentence.
	Text string `json:"text"`
}

// Summarize makes the summary of reports, by rising start.
func Summarize(reports []*Report) *Summary {
	reports = slices.SortedStableFunc(slices.Values(reports), func(a, b *Report) int {
		return cmp.Or(a.Run.Start.Compare(b.Run.Start), cmp.Compare(a.Run.ID, b.Run.ID))
	})
	s := &Summary{Schema: SummaryVersion, Runs: []SummaryRun{}, Models: []ModelAdvice{}}
	byName := map[string]*ModelAdvice{}
	var names []string
	for _, r := range reports {
		s.Runs = append(s.Runs, summaryRun(r))
		s.Simulated = s.Simulated || r.Run.Environment.Simulated
		if r.Interference != nil {
			s.Interference = append(s.Interference, Together{r.Run.ID, r.Interference})
		}
		for i := range r.Models {
			m := &r.Models[i]
			if byName[m.Name] == nil {
				byName[m.Name] = &ModelAdvice{Name: m.Name, Axes: []AxisAdvice{}}
				names = append(names, m.Name)
			}
			byName[m.Name].add(r, m)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		s.Models = append(s.Models, *byName[name])
	}
	return s
}

func summaryRun(r *Report) SummaryRun {
	h := r.Run
	return SummaryRun{
		ID: h.ID, Sweep: h.Sweep, Start: h.Start, Duration: h.Duration, Outcome: h.Outcome, Rounds: h.Rounds,
		Points: h.Records, Server: h.Environment.Server, Command: h.Command,
		Restored: h.ExitCode != nil && restored(*h.ExitCode),
	}
}

// add takes in what one run says about the model.
func (a *ModelAdvice) add(r *Report, m *Model) {
	chosen := m.chosen()
	if n := rank(m, chosen); a.Run == "" || n >= a.rank {
		a.rank = n
		a.Run, a.Recommendation, a.Objective = r.Run.ID, m.Recommendation, m.Objective
		a.Load, a.Effect, a.Worse = "", nil, ""
		if chosen != nil && m.Recommendation.Action == pareto.Change {
			a.Load, a.Effect, a.Worse = loadText(chosen.Load), chosen.Effect, worseAt(m, chosen)
		}
	}
	if !m.Current.IsZero() {
		a.Current = m.Current
	}
	if m.InstanceMemory != nil {
		a.Memory, a.Scaling = m.InstanceMemory, m.Instances
	}
	for _, axis := range axes(r.Run.ID, m) {
		same := func(b AxisAdvice) bool { return b.Axis == axis.Axis }
		if at := slices.IndexFunc(a.Axes, same); at >= 0 {
			a.Axes[at] = axis // of two runs the later one counts
			continue
		}
		a.Axes = append(a.Axes, axis)
	}
	slices.SortStableFunc(a.Axes, func(a, b AxisAdvice) int { return compareAxes(a.Axis, b.Axis) })
}

// restored tells by an exit code whether the configs are back and the server was
// verified (docs/exit-codes.md): 2 is a crash, from 20 on they are not, and from
// 128 on a signal ended the run, which restored first.
func restored(code int) bool { return code < 20 && code != 2 || code > 128 }

// worseAt lists the loads under which the settings of a point are worse.
func worseAt(m *Model, chosen *Point) string {
	var loads []sweep.Load
	for _, p := range m.Points {
		if p.Settings.Key() == chosen.Settings.Key() && p.Effect != nil && (p.Effect.Verdict == Worse || p.Effect.Verdict == Mixed) {
			loads = append(loads, p.Load)
		}
	}
	return loadList(loads)
}

// Where says under which load the recommended change was found, and where it is
// worse; "" without a change.
func (a *ModelAdvice) Where() string {
	if a.Load == "" {
		return ""
	}
	text := "at " + a.Load
	if a.Worse != "" {
		text += "; worse at " + a.Worse
	}
	return text
}

// rank orders recommendations: a change by its gain, then keeping, then none.
func rank(m *Model, chosen *Point) float64 {
	switch m.Recommendation.Action {
	case pareto.Change:
		if chosen != nil && chosen.Effect != nil {
			return 1 + gainOf(*chosen.Effect, m.Objective)
		}
		return 1
	case pareto.Keep:
		return 0.5
	}
	return 0
}

// gainOf weighs a gain in throughput and in latency alike.
func gainOf(e Effect, q pareto.Quantile) float64 {
	gain := 1.0
	if e.Throughput != nil {
		gain *= e.Throughput.Value
	}
	if l := e.Latency[q]; l != nil && l.Value > 0 {
		gain /= l.Value
	}
	return gain
}

// JSON writes the whole summary.
func (s *Summary) JSON(w io.Writer) error { return writeJSON(w, s) }
