package spec

import (
	"fmt"
	"maps"
	"slices"

	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// Names returns the names of the models, in the order of the file.
func (s *Spec) Names() []string {
	var names []string
	for _, m := range s.Models {
		names = append(names, m.Name)
	}
	return names
}

// Space returns what to try for a model. The loads are those of the spec, or
// otherwise where it gives none. More than most points a round are an error, and
// are never made.
func (s *Spec) Space(model string, otherwise []sweep.Load, most int) (sweep.Space, error) {
	i := slices.IndexFunc(s.Models, func(m Model) bool { return m.Name == model })
	if i < 0 {
		return sweep.Space{}, fmt.Errorf("%s: not in the spec", model)
	}
	m := s.Models[i]
	axes := m.Settings.over(s.Settings).axes()
	loads := m.Loads.over(s.Loads).all(otherwise)
	joint := m.combined(s) == "joint"
	if points := size(axes, len(loads), joint); points > int64(most) {
		return sweep.Space{}, fmt.Errorf("%s: %s make %d points a round, more than %d (hint: shorter lists, or combine: each)",
			model, lengths(axes, len(loads)), points, most)
	}
	space := sweep.Space{Model: model, Loads: loads, Settings: sweep.Each(axes)}
	if joint {
		space.Settings = sweep.Joint(axes)
	}
	if len(axes) == 0 {
		space.Settings = []tritonconfig.Settings{{}} // only the load varies
	}
	return space, nil
}

// combined returns how the settings of the model are laid out.
func (m Model) combined(s *Spec) string {
	for _, c := range []string{m.Combine, s.Combine} {
		if c != "" {
			return c
		}
	}
	return "each"
}

// size counts the points of one round, the control's among them.
func size(axes [][]tritonconfig.Settings, loads int, joint bool) int64 {
	counts := []int{}
	sum := 0
	for _, a := range axes {
		counts = append(counts, len(a))
		sum += len(a)
	}
	if joint {
		return sweep.Size(append(counts, loads)...)
	}
	return sweep.Size(sum+1, loads)
}

func lengths(axes [][]tritonconfig.Settings, loads int) string {
	text := ""
	for _, a := range axes {
		text += fmt.Sprintf("%d x ", len(a))
	}
	return fmt.Sprintf("%s%d loads", text, loads)
}

// over returns the settings with what they do not give taken from the common ones.
func (s Settings) over(common Settings) Settings {
	s.Delay = orNumbers(s.Delay, common.Delay)
	s.Count = orNumbers(s.Count, common.Count)
	s.MaxBatch = orNumbers(s.MaxBatch, common.MaxBatch)
	if s.Preferred == nil {
		s.Preferred = common.Preferred
	}
	if s.Group == "" {
		s.Group = common.Group
	}
	set := maps.Clone(common.Set)
	if set == nil {
		set = map[string]Values{}
	}
	maps.Copy(set, s.Set)
	s.Set = set
	return s
}

func orNumbers(a, b Numbers) Numbers {
	if a == nil {
		return b
	}
	return a
}

// axes returns the values of each setting that has any.
func (s Settings) axes() [][]tritonconfig.Settings {
	var axes [][]tritonconfig.Settings
	add := func(values []tritonconfig.Settings) {
		if len(values) > 0 {
			axes = append(axes, values)
		}
	}
	add(sweep.Counts(s.Count, s.Group))
	add(sweep.MaxBatches(s.MaxBatch))
	add(sweep.PreferredSets(s.Preferred))
	add(sweep.Delays(s.Delay))
	for _, path := range slices.Sorted(maps.Keys(s.Set)) {
		canonical, _, err := tritonconfig.NewOther(path, s.Set[path][0])
		if err != nil {
			canonical = path // reading has refused it
		}
		add(sweep.Others(canonical, s.Set[path]))
	}
	return axes
}

// over returns the loads with what they do not give taken from the common ones.
func (l Loads) over(common Loads) Loads {
	l.Concurrency = orNumbers(l.Concurrency, common.Concurrency)
	l.ClientBatch = orNumbers(l.ClientBatch, common.ClientBatch)
	if l.Rate == nil {
		l.Rate = common.Rate
	}
	if l.Arrivals == "" {
		l.Arrivals = common.Arrivals
	}
	return l
}

// all returns the loads: the closed ones of the command where the spec names
// neither callers nor rates.
func (l Loads) all(otherwise []sweep.Load) []sweep.Load {
	batches := l.ClientBatch
	if batches == nil {
		batches = Numbers{1}
	}
	if l.Concurrency == nil && l.Rate == nil {
		if l.ClientBatch == nil {
			return otherwise
		}
		for _, o := range otherwise {
			l.Concurrency = append(l.Concurrency, o.Concurrency)
		}
		slices.Sort(l.Concurrency)
		l.Concurrency = slices.DeleteFunc(slices.Compact(l.Concurrency), func(c int) bool { return c < 1 })
	}
	arrivals := sweep.Poisson
	if l.Arrivals != "" {
		arrivals = sweep.Arrivals(l.Arrivals)
	}
	return append(sweep.Closed(l.Concurrency, batches), sweep.Open(l.Rate, batches, arrivals, "")...)
}
