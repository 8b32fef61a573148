package monitor

import (
	"maps"
	"sync"
	"time"

	"tritonsweep/results"
	"tritonsweep/runner"
	"tritonsweep/sweep"
)

// mostPoints bounds how many points are shown; of more the first ones are
// dropped. Each is about a dozen series for whoever scrapes.
const mostPoints = 1000

// Monitor is told what a run does and shows it. It is safe for concurrent use.
type Monitor struct {
	run     results.Run
	version string
	now     func() time.Time

	mu       sync.Mutex
	event    runner.Event
	restored bool
	warnings int
	verdicts map[results.Verdict]int
	points   map[pointKey]results.Record // the last record of each
	order    []pointKey
	errors   map[string]int64 // failed requests of all points, by kind
	requests int64            // successful ones
}

// pointKey is what makes a series of its own.
type pointKey struct {
	model, settings string
	control         bool
	load            sweep.Load
}

// New watches a run that begins; version is that of the program.
func New(run results.Run, version string) *Monitor {
	return &Monitor{
		run: run, version: version, now: time.Now,
		verdicts: map[results.Verdict]int{}, points: map[pointKey]results.Record{}, errors: map[string]int64{},
	}
}

// Event is the runner's callback.
func (m *Monitor) Event(e runner.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch e.Step {
	case runner.Warning:
		m.warnings++
		return
	case runner.Recorded:
		m.add(*e.Record)
	case runner.Done:
		m.restored = true
	}
	m.event = e
}

func (m *Monitor) add(r results.Record) {
	m.verdicts[r.Verdict]++
	m.requests += r.Client.Requests
	for kind, n := range r.Client.Errors {
		m.errors[kind] += n
	}
	if !r.Verdict.Usable() {
		return // its figures count nowhere
	}
	key := pointKey{r.Model, r.Settings.Key(), r.Control, r.Load}
	if _, known := m.points[key]; !known {
		if len(m.order) == mostPoints {
			delete(m.points, m.order[0])
			m.order = m.order[1:]
		}
		m.order = append(m.order, key)
	}
	r.Client.Histogram, r.Config = nil, nil // only figures are shown
	m.points[key] = r
}

// state is a copy for one page.
type state struct {
	event    runner.Event
	restored bool
	warnings int
	verdicts map[results.Verdict]int
	points   []results.Record
	errors   map[string]int64
	requests int64
}

func (m *Monitor) state() state {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := state{
		event: m.event, restored: m.restored, warnings: m.warnings,
		verdicts: maps.Clone(m.verdicts), errors: maps.Clone(m.errors), requests: m.requests,
	}
	for _, key := range m.order {
		s.points = append(s.points, m.points[key])
	}
	return s
}
