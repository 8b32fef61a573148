// Package inert finds the points of a space that need no measurement, because
// the scheduler does the same with them as with others.
//
// Two things prove it. The scheduler's rules alone do in simple cases: one caller
// never has two requests under way, so neither preferred sizes nor a second
// instance can do anything for it; a request that is a preferred size by itself
// is sent at once, whatever the delay. And where the model's service times are
// known, a simulation of both settings with the same random numbers does: if the
// sizes of all batches agree in their order, and so do throughput and latency,
// the settings cannot be told apart.
//
// A point that is left out is not forgotten: each comes with its reason, and
// with the point that stands for it.
package inert

import (
	"fmt"
	"reflect"
	"slices"

	"tritonsweep/sweep"
	"tritonsweep/sweep/batcher"
	"tritonsweep/tritonconfig"
)

// Model is what must be known of a model.
type Model struct {
	// Config is that of the untouched model.
	Config batcher.Config
	// Service holds the service times; nil where they are not known, and the
	// rules alone decide.
	Service *batcher.Service
	// ItemBytes is the size of an item's inputs: large requests arrive further
	// apart than small ones.
	ItemBytes int64
}

// Finder answers which points of a space are inert. It is not safe for
// concurrent use.
type Finder struct {
	model   Model
	space   []tritonconfig.Settings // with the untouched config, which is measured in any case, first
	sim     batcher.Simulator
	reasons map[sweep.Load]map[string]string // reasons by settings
}

// New returns a Finder for settings of a model.
func New(model Model, settings []tritonconfig.Settings) *Finder {
	space := []tritonconfig.Settings{{}}
	for _, s := range settings {
		if !s.IsZero() {
			space = append(space, s)
		}
	}
	return &Finder{model: model, space: space, reasons: map[sweep.Load]map[string]string{}}
}

// Skip returns why settings need not be measured under a load, or "". It is made
// for sweep.Space.
func (f *Finder) Skip(s tritonconfig.Settings, l sweep.Load) string {
	if f.reasons[l] == nil {
		f.reasons[l] = f.judge(l)
	}
	return f.reasons[l][s.Key()]
}

// judge goes through the space under one load: each settings value either is
// like an earlier one, or stands for itself.
func (f *Finder) judge(l sweep.Load) map[string]string {
	reasons := map[string]string{}
	var standing []*view
	for _, s := range f.space {
		v := f.view(s, l)
		for _, other := range standing {
			if why := v.like(other); why != "" {
				reasons[s.Key()] = fmt.Sprintf("like %s: %s", name(other.settings), why)
				break
			}
		}
		if reasons[s.Key()] == "" {
			standing = append(standing, v)
		}
	}
	return reasons
}

// view is one settings value under one load, as the scheduler sees it.
type view struct {
	settings tritonconfig.Settings
	config   batcher.Config
	load     sweep.Load
	finder   *Finder
	runs     []batcher.ModelResult // simulated when first asked for
	failed   bool
}

func (f *Finder) view(s tritonconfig.Settings, l sweep.Load) *view {
	return &view{settings: s, config: f.model.Config.With(s), load: l, finder: f}
}

// like returns why v cannot be told from an earlier view, or "".
func (v *view) like(o *view) string {
	if other(v.settings) != other(o.settings) || v.working() != o.working() {
		return ""
	}
	if reflect.DeepEqual(v.config, o.config) {
		return "the same values"
	}
	if why := v.likeByRule(o); why != "" {
		return why
	}
	return v.likeBySimulation(o)
}

// name says which settings a point is like.
func name(s tritonconfig.Settings) string {
	if s.IsZero() {
		return "the untouched config"
	}
	return s.String()
}

// other spells the settings that no scheduling rule knows of.
func other(s tritonconfig.Settings) string {
	return tritonconfig.Settings{Other: s.Other}.Key() + s.InstanceGroup
}

// working is how many instances can ever work at once.
func (v *view) working() int {
	if v.load.Open() {
		return max(1, v.config.Instances)
	}
	return min(max(1, v.config.Instances), max(1, v.load.Concurrency))
}

// atOnce reports whether a request is sent without waiting for the delay: it is
// a preferred size by itself, or there is no delay.
func (v *view) atOnce() bool {
	preferred := v.config.Preferred
	if len(preferred) == 0 {
		preferred = []int{v.config.MaxBatch}
	}
	b := v.load.BatchSize
	return !v.config.Dynamic || v.config.Delay == 0 || slices.Contains(preferred, b) || b >= slices.Max(preferred)
}

// alone reports whether no two requests can share a batch.
func (v *view) alone() bool {
	return v.load.Concurrency == 1 || !v.config.Dynamic || 2*v.load.BatchSize > v.config.MaxBatch
}

// likeByRule compares by the scheduler's rules R0, R4 and R6 (see package
// batcher). Queues with limits, timeouts or priorities follow others, and are
// left to the simulation.
func (v *view) likeByRule(o *view) string {
	if !v.config.Prefetch() || !o.config.Prefetch() || !v.alone() || !o.alone() {
		return ""
	}
	one := v.load.Concurrency == 1
	switch {
	case v.atOnce() && o.atOnce() && one:
		return "one caller has one request under way, and it is sent at once" + v.instances(o)
	case v.atOnce() && o.atOnce():
		return fmt.Sprintf("average batch 1: a request of %s is sent at once, and no two fit in a batch", items(v.load.BatchSize))
	case one && !v.atOnce() && !o.atOnce() && v.config.Delay == o.config.Delay:
		return "one caller has one request under way, and it waits for the delay with either" + v.instances(o)
	}
	return ""
}

func (v *view) instances(o *view) string {
	if v.config.Instances != o.config.Instances {
		return "; one instance works at a time"
	}
	return ""
}

func items(n int) string {
	if n == 1 {
		return "1 item"
	}
	return fmt.Sprintf("%d items", n)
}
