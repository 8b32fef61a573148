package batcher

import "time"

// simModel is one model in a running simulation: its callers, front end,
// scheduler and executions.
type simModel struct {
	sim     *Simulator
	def     *Model
	machine Machine
	offered traffic
	tally   tally
	trace   []int

	arrivalSource, batcherSource, threadSource, handBackSource int32

	deadline Time // of the batcher's sleep, as last seen
	planned  bool // the batcher was notified and is on its way

	input, compute, output []Time // by items
	device                 int32
	execs                  []exec
	freeExecs              []int32
	rotation               rotation
}

func (m *simModel) reset(s *Simulator, def *Model) error {
	m.sim, m.def = s, def
	if err := m.machine.Reset(def.Config); err != nil {
		return err
	}
	largest := m.machine.maxBatch
	m.input = def.Service.Input.expand(m.input, largest)
	m.compute = def.Service.Compute.expand(m.compute, largest)
	m.output = def.Service.Output.expand(m.output, largest)
	m.device = s.device(def.Service.Device)
	m.tally.reset(largest)
	m.trace = m.trace[:0]
	m.deadline, m.planned = Never, false

	m.arrivalSource = s.register(m, arrivals, 1)
	m.batcherSource = s.register(m, batcherRun, 1)
	m.threadSource = s.register(m, threadRun, len(m.machine.threads))
	m.handBackSource = s.register(m, handBack, 1)
	m.execs, m.freeExecs = m.execs[:0], m.freeExecs[:0]
	m.rotation.reset(m.machine.instances)
	return nil
}

// start plans the first requests.
func (m *simModel) start() {
	if m.sim.sc.Warmup == 0 {
		m.tally.begin(0)
	}
	m.offered.reset(m)
}

// deliver hands the request that leaves the front end now to the scheduler.
func (m *simModel) deliver() {
	if r, ok := m.offered.pop(m); ok {
		m.step(Event{Kind: Arrive, Request: r})
	}
}

// step gives the scheduler an event and does what it asks for.
func (m *simModel) step(e Event) {
	s := m.sim
	answered := Time(0) // responses
	for i, actions := 0, m.machine.Step(s.now, e); i < len(actions); i++ {
		switch a := &actions[i]; a.Kind {
		case Resume:
			m.resume(a)
		case Execute:
			m.execute(a.Batch, a.Instance)
		case Answer:
			m.answer(a.ID, s.now+answered*Time(s.sc.Timing.RespondEach))
			answered++
		case Refuse:
			m.tally.refused[a.Reason]++
			m.offered.done(m, a.ID, s.now)
		}
	}
	if deadline := m.machine.NextDeadline(); deadline != m.deadline {
		m.deadline = deadline
		if !m.planned {
			if deadline != Never {
				deadline += s.sc.Timing.Timer.draw(s.rng)
			}
			s.agenda.set(m.batcherSource, deadline)
		}
	}
	if answered > 0 {
		m.gauge()
	}
}

// resume plans when a thread runs.
func (m *simModel) resume(a *Action) {
	s := m.sim
	at := s.now + s.sc.Timing.lag(a).draw(s.rng)
	if a.Thread != BatcherThread {
		s.agenda.set(m.threadSource+a.Thread, at)
		return
	}
	m.planned = true
	if a.Pace == Wake { // a sleep that has just ended by itself may be quicker
		at = min(at, s.agenda.at[m.batcherSource])
	}
	s.agenda.set(m.batcherSource, at)
}

// answer lets a caller have its response, which is sent at the given time, after
// the way back.
func (m *simModel) answer(id uint64, at Time) {
	t := &m.tally
	if !t.ended {
		t.requests++
	}
	if t.measuring && !t.ended {
		latency := at + Time(m.sim.sc.Timing.Latency) - m.offered.sent[id].at
		t.latency.add(latency)
		if m.sim.sc.Observe != nil {
			m.sim.sc.Observe(time.Duration(latency))
		}
		t.items += int(m.offered.sent[id].items)
	}
	m.offered.done(m, id, at)
}

// gauge begins and ends the measurement, at the end of a batch: cut anywhere
// else, a window counts parts of batches.
func (m *simModel) gauge() {
	t, sc := &m.tally, m.sim.sc
	switch {
	case t.ended:
	case !t.measuring && t.requests >= sc.Warmup:
		t.requests = 0
		t.begin(m.sim.now)
	case t.measuring && t.requests >= sc.Requests:
		t.ended, t.end = true, m.sim.now
		m.sim.running--
	}
}
