package batcher

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Simulate runs sc in virtual time and returns what it predicts.
func Simulate(sc Scenario) (Result, error) { return new(Simulator).Run(&sc) }

// Simulator runs scenarios one after another and keeps its memory between
// them. It is not safe for concurrent use.
type Simulator struct {
	sc      *Scenario
	rng     *rand.Rand
	pcg     *rand.PCG
	agenda  agenda
	sources []source // by source of the agenda
	models  []*simModel
	devices []simDevice
	events  uint64
	running int // models whose measurement has not ended
	now     Time
}

// source says whom an entry of the agenda belongs to.
type source struct {
	model *simModel
	kind  sourceKind
	index int32 // of the thread or execution
}

type sourceKind uint8

const (
	arrivals   sourceKind = iota // the next request leaves the front end
	batcherRun                   // the batcher thread runs
	threadRun                    // an instance thread runs
	execution                    // an execution goes on to its next phase
	handBack                     // R12: the execute call of the one thread returns
)

// Run simulates sc. An error wraps ErrConfig and means that nothing was run.
func (s *Simulator) Run(sc *Scenario) (Result, error) {
	if err := sc.Validate(); err != nil {
		return Result{}, fmt.Errorf("simulating: %w", err)
	}
	if err := s.reset(sc); err != nil {
		return Result{}, fmt.Errorf("simulating: %w", err)
	}
	limit := Time(sc.Limit)
	if limit == 0 {
		limit = Time(time.Hour)
	}
	for s.running > 0 {
		src, at := s.agenda.next()
		if at == Never { // a script came to its end
			break
		}
		if at > limit {
			s.now = limit
			break
		}
		s.now = at
		s.events++
		s.fire(src, &s.sources[src])
	}
	return s.result(), nil
}

func (s *Simulator) result() Result {
	r := Result{Events: s.events, End: time.Duration(s.now)}
	for _, m := range s.models {
		mr := m.tally.result(m.def.Name, s.now)
		if s.sc.Trace {
			mr.Trace = slices.Clone(m.trace)
		}
		r.Models = append(r.Models, mr)
	}
	return r
}

func (s *Simulator) reset(sc *Scenario) error {
	s.sc, s.events, s.now = sc, 0, 0
	if s.rng == nil {
		s.pcg = rand.NewPCG(0, 0)
		s.rng = rand.New(s.pcg)
	}
	s.pcg.Seed(sc.Seed, 0x7472_6974_6f6e)
	s.sources, s.devices = s.sources[:0], s.devices[:0]
	for len(s.models) < len(sc.Models) {
		s.models = append(s.models, new(simModel))
	}
	s.models = s.models[:len(sc.Models)]
	for i := range sc.Models {
		if err := s.models[i].reset(s, &sc.Models[i]); err != nil {
			return fmt.Errorf("model %q: %w", sc.Models[i].Name, err)
		}
	}
	s.agenda.reset(len(s.sources))
	s.running = len(s.models)
	for _, m := range s.models {
		m.start()
	}
	return nil
}

// register adds count sources of one kind and returns the first.
func (s *Simulator) register(m *simModel, kind sourceKind, count int) int32 {
	first := int32(len(s.sources))
	for i := range count {
		s.sources = append(s.sources, source{m, kind, int32(i)})
	}
	return first
}

// device returns the index of the named device; the empty name has none (-1).
func (s *Simulator) device(name string) int32 {
	if name == "" {
		return -1
	}
	for i := range s.devices {
		if s.devices[i].name == name {
			return int32(i)
		}
	}
	d := simDevice{name: name}
	for _, given := range s.sc.Devices {
		if given.Name == name {
			d.sharing, d.slope = given.Sharing, given.Slope
		}
	}
	s.devices = append(s.devices, d)
	return int32(len(s.devices) - 1)
}

func (s *Simulator) fire(src int32, f *source) {
	m := f.model
	if f.kind == arrivals { // which plans its next time in any case
		m.deliver()
		return
	}
	s.agenda.set(src, Never)
	switch f.kind {
	case batcherRun:
		m.planned = false
		m.step(Event{Kind: Run, Thread: BatcherThread})
	case threadRun:
		m.step(Event{Kind: Run, Thread: f.index})
	case execution:
		m.proceed(f.index)
	case handBack:
		m.handBack()
	}
}
