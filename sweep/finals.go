package sweep

import (
	"math/rand/v2"
	"slices"
	"time"

	"tritonsweep/tritonconfig"
)

// Finals say how the best settings are measured afresh: the largest of many noisy
// figures is large by luck too, so the figures that chose a setting must not be
// those that praise it.
type Finals struct {
	// Rounds is how often, numbered on from the rounds of the plan.
	Rounds int `json:"rounds"`
	// Settings is how many of one model at most, the control not counted.
	Settings int `json:"settings"`
}

// mostFinalists bounds what the finals cost. More than three settings that cannot
// be told from the best differ by so little that it hardly matters which it is.
const mostFinalists = 3

// Finalist is one settings value of the finals.
type Finalist struct {
	Model    string
	Settings tritonconfig.Settings
	Loads    []Load
	// Control is true where the untouched config stands as a control beside them.
	Control bool
}

// FinalTrials returns the trials of the finals: in every round the untouched
// config of each model and then its finalists in shuffled order, and at the end
// the untouched configs once more, so that all lie between two controls.
// precision and duration are those of a point of the plan; a final point is
// measured until its interval is half as wide, for twice as long at most.
func (p Plan) FinalTrials(finalists []Finalist, precision float64, duration time.Duration) []Trial {
	if p.Finals == nil || len(finalists) == 0 {
		return nil
	}
	random := rand.New(rand.NewPCG(p.Seed, 1))
	planned := len(p.Trials)
	p.Trials = slices.Clip(p.Trials) // the caller's stay as they are
	for round := p.Rounds + 1; round <= p.Rounds+p.Finals.Rounds+1; round++ {
		controls := finalControls(finalists, round)
		var others []Trial
		for _, f := range finalists {
			others = append(others, Trial{Round: round, Model: f.Model, Settings: f.Settings, Loads: f.Loads})
		}
		random.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
		p.add(controls...)
		if round <= p.Rounds+p.Finals.Rounds {
			p.add(others...)
		}
	}
	added := p.Trials[planned:]
	for i := range added {
		added[i].Final, added[i].Precision, added[i].MaxDuration = true, precision/2, 2*duration
	}
	return added
}

// finalControls returns one trial of the untouched config for each model, under
// all loads of its finalists.
func finalControls(finalists []Finalist, round int) []Trial {
	var controls []Trial
	for _, f := range finalists {
		at := slices.IndexFunc(controls, func(t Trial) bool { return t.Model == f.Model })
		if at < 0 {
			at = len(controls)
			controls = append(controls, Trial{Round: round, Model: f.Model, Control: f.Control})
		}
		for _, l := range f.Loads {
			if !slices.Contains(controls[at].Loads, l) {
				controls[at].Loads = append(controls[at].Loads, l)
			}
		}
	}
	return controls
}

// MostFinal returns how many trials and points the finals take at most.
func (p Plan) MostFinal() (trials, points int) {
	if p.Finals == nil {
		return 0, 0
	}
	settings, loads := map[string]map[string]bool{}, map[string]int{}
	for _, t := range p.Trials {
		loads[t.Model] = max(loads[t.Model], len(t.Loads))
		if !t.Settings.IsZero() {
			if settings[t.Model] == nil {
				settings[t.Model] = map[string]bool{}
			}
			settings[t.Model][t.Settings.Key()] = true
		}
	}
	for model, keys := range settings {
		n := (min(len(keys), p.Finals.Settings)+1)*p.Finals.Rounds + 1
		trials += n
		points += n * loads[model]
	}
	return trials, points
}

// Cost is what the parts of a plan take: the basis of an ETA.
type Cost struct {
	Trial time.Duration // apply, restart, wait, verify
	Point time.Duration // warm-up and measuring
	Final time.Duration // the same of a final point
}

// Estimate returns how long the trials from index on will take, and the finals at
// most.
func (p Plan) Estimate(from int, cost Cost) time.Duration {
	trials, points := p.MostFinal()
	p.Trials = p.Trials[min(from, len(p.Trials)):]
	var total time.Duration
	for _, trials := range p.Occasions() {
		total += cost.Trial + time.Duration(len(trials[0].Loads))*cost.Point
	}
	return total + time.Duration(trials)*cost.Trial + time.Duration(points)*max(cost.Final, cost.Point)
}
