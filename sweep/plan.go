package sweep

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"tritonsweep/sweep/search"
	"tritonsweep/tritonconfig"
)

// MaxPoints bounds a plan: more than that cannot end in a night.
const MaxPoints = 10_000

// Space is the set of settings and loads of one model that a sweep may try.
type Space struct {
	Model    string                  `json:"model"`
	Settings []tritonconfig.Settings `json:"settings"`
	Loads    []Load                  `json:"loads"`
	// Skip leaves points out: it returns why, or "" for a point to measure. The
	// control is measured in any case. Nil leaves out nothing.
	Skip func(tritonconfig.Settings, Load) string `json:"-"`
}

// Trial is one settings value in one round: one apply, one restart, then every load.
type Trial struct {
	// Index counts the trials of a plan from 0.
	Index int `json:"index"`
	// Round counts from 1. Round 0 is the untouched config once more before all
	// others: with that of round 1 it is the A/A measurement, how much the same
	// thing differs from itself.
	Round int    `json:"round"`
	Model string `json:"model"`
	// Settings is what to apply; zero means the config as it is.
	Settings tritonconfig.Settings `json:"settings"`
	// Control marks the untouched config, measured in every round beside the
	// settings of the space.
	Control bool   `json:"control,omitempty"`
	Loads   []Load `json:"loads"`
	// Together marks the trials of a round that are measured at the same time.
	Together bool `json:"together,omitempty"`
	// Final marks a fresh measurement of a finalist, or of the control beside it.
	Final bool `json:"final,omitempty"`
	// MaxDuration is the longest that its points are measured, Precision the
	// relative half-width at which they end; zero means as the others.
	MaxDuration time.Duration `json:"max_duration_ns,omitempty"`
	Precision   float64       `json:"precision,omitempty"`
}

// Plan is the ordered list of trials of one run.
type Plan struct {
	// Sweep names what made the plan: "queue-delay", "batch-size", ...
	Sweep string `json:"sweep"`
	// Seed drives the order inside the rounds, and the load's randomness.
	Seed   uint64  `json:"seed"`
	Rounds int     `json:"rounds"`
	Trials []Trial `json:"trials"`
	// Finals say how the best are measured afresh after the trials; nil where
	// nothing is compared, or only once.
	Finals *Finals `json:"finals,omitempty"`
	// Skipped are the points that the space holds and the plan leaves out.
	Skipped []Skip `json:"skipped,omitempty"`
	// Search says how to go on after the trials, where what is tried depends on
	// what was measured.
	Search *search.Options `json:"search,omitempty"`
}

// Skip is a point that need not be measured, or cannot be.
type Skip struct {
	Model    string                `json:"model"`
	Settings tritonconfig.Settings `json:"settings"`
	// Loads under which they are left out; none means all.
	Loads  []Load `json:"loads,omitempty"`
	Reason string `json:"reason"`
}

// NewPlan orders the spaces' trials: the rounds are the outer loop. Each begins
// with the untouched config, which a space whose settings do not contain it gets
// as a control, so that whatever else is measured has a control before and after
// it; the order of the others is shuffled from the seed, so that a slow drift of
// the machine does not favour a setting. Where settings are compared, the
// untouched config is measured once more before all (round 0), and the best are
// measured afresh at the end (Finals).
func NewPlan(name string, spaces []Space, rounds int, seed uint64) (Plan, error) {
	plan := Plan{Sweep: name, Seed: seed, Rounds: rounds}
	if err := check(spaces, rounds); err != nil {
		return plan, err
	}
	for _, space := range spaces {
		plan.Skipped = append(plan.Skipped, space.skipped()...)
	}
	random := rand.New(rand.NewPCG(seed, 0))
	for _, space := range spaces {
		if space.compares() {
			plan.add(space.untouched(0))
		}
	}
	for round := 1; round <= rounds; round++ {
		controls, trials := oneRound(spaces, round)
		random.Shuffle(len(trials), func(i, j int) { trials[i], trials[j] = trials[j], trials[i] })
		plan.add(controls...)
		plan.add(trials...)
	}
	if rounds > 1 && slices.ContainsFunc(spaces, Space.compares) {
		plan.Finals = &Finals{Rounds: rounds, Settings: mostFinalists}
	}
	return plan, nil
}

// add appends trials and numbers them.
func (p *Plan) add(trials ...Trial) {
	for _, t := range trials {
		t.Index = len(p.Trials)
		p.Trials = append(p.Trials, t)
	}
}

// oneRound returns the trials of the untouched configs, and the others.
func oneRound(spaces []Space, round int) (controls, trials []Trial) {
	for _, space := range spaces {
		controls = append(controls, space.untouched(round))
		for _, settings := range space.Settings {
			if loads := space.worth(settings); len(loads) > 0 && !settings.IsZero() {
				trials = append(trials, Trial{Round: round, Model: space.Model, Settings: settings, Loads: loads})
			}
		}
	}
	return controls, trials
}

// untouched is the trial of the config as it is: a control, unless it is among
// the settings.
func (s Space) untouched(round int) Trial {
	among := slices.ContainsFunc(s.Settings, tritonconfig.Settings.IsZero)
	return Trial{Round: round, Model: s.Model, Control: !among, Loads: s.Loads}
}

// compares tells that the space holds more than the untouched config.
func (s Space) compares() bool {
	return slices.ContainsFunc(s.Settings, func(v tritonconfig.Settings) bool { return !v.IsZero() })
}

// worth returns the loads under which settings are to be measured.
func (s Space) worth(settings tritonconfig.Settings) []Load {
	if s.Skip == nil || settings.IsZero() {
		return s.Loads
	}
	var loads []Load
	for _, l := range s.Loads {
		if s.Skip(settings, l) == "" {
			loads = append(loads, l)
		}
	}
	return loads
}

// skipped lists what a space leaves out, one entry for each settings value and
// reason.
func (s Space) skipped() []Skip {
	var out []Skip
	for _, settings := range s.Settings {
		if s.Skip == nil || settings.IsZero() {
			continue
		}
		var skips []Skip
		for _, l := range s.Loads {
			why := s.Skip(settings, l)
			if why == "" {
				continue
			}
			at := slices.IndexFunc(skips, func(k Skip) bool { return k.Reason == why })
			if at < 0 {
				at = len(skips)
				skips = append(skips, Skip{Model: s.Model, Settings: settings, Reason: why})
			}
			skips[at].Loads = append(skips[at].Loads, l)
		}
		if len(skips) == 1 && len(skips[0].Loads) == len(s.Loads) {
			skips[0].Loads = nil
		}
		out = append(out, skips...)
	}
	return out
}

func check(spaces []Space, rounds int) error {
	if rounds < 1 {
		return fmt.Errorf("rounds: %d is not at least 1", rounds)
	}
	points := 0
	for _, space := range spaces {
		if len(space.Settings) == 0 || len(space.Loads) == 0 {
			return fmt.Errorf("%s: nothing to try: no settings or no loads are left", space.Model)
		}
		seen := map[string]bool{}
		for _, settings := range space.Settings {
			if key := settings.Key(); seen[key] {
				return fmt.Errorf("%s: %s is named twice", space.Model, key)
			} else {
				seen[key] = true
			}
		}
		if points += (len(space.Settings) + 2) * len(space.Loads) * rounds; points > MaxPoints {
			return fmt.Errorf("the plan has more than %d points (hint: fewer values, rounds or loads)", MaxPoints)
		}
	}
	return nil
}

// Points counts the points of the plan: its trials times their loads.
func (p Plan) Points() int {
	n := 0
	for _, t := range p.Trials {
		n += len(t.Loads)
	}
	return n
}

// OtherPaths returns the paths of the config fields that the plan changes for a
// model beside the four tuned values.
func (p Plan) OtherPaths(model string) []string {
	paths := map[string]bool{}
	for _, t := range p.Trials {
		for path := range t.Settings.Other {
			paths[path] = paths[path] || t.Model == model
		}
	}
	maps.DeleteFunc(paths, func(_ string, used bool) bool { return !used })
	return slices.Sorted(maps.Keys(paths))
}

// Models returns the models of the plan, in the order of their first trial.
func (p Plan) Models() []string {
	var models []string
	seen := map[string]bool{}
	for _, t := range p.Trials {
		if !seen[t.Model] {
			seen[t.Model] = true
			models = append(models, t.Model)
		}
	}
	return models
}
