package batcher

// exec is a batch on its way through an instance.
type exec struct {
	source   int32 // in the agenda
	batch    int32
	instance int32
	items    int32
	phase    phase
	began    Time    // the execution
	ready    Time    // the input copy ended: the device was asked for
	worked   Time    // time on the device, once known
	left     float64 // work left on a Sliced device, in ns at full speed
	work     Time    // time that the device needs at full speed
}

type phase uint8

const (
	copyingIn phase = iota
	slicing         // computing on a Sliced device
	copyingOut
	closing // responses are sent, the execute call has not returned
)

// newExec returns the index of an unused execution. Each has a source of its
// own in the agenda, made when it is first needed.
func (m *simModel) newExec() int32 {
	if n := len(m.freeExecs); n > 0 {
		i := m.freeExecs[n-1]
		m.freeExecs = m.freeExecs[:n-1]
		return i
	}
	s, i := m.sim, int32(len(m.execs))
	s.sources = append(s.sources, source{m, execution, i})
	m.execs = append(m.execs, exec{source: s.agenda.add()})
	return i
}

// execute begins the execution of a batch.
func (m *simModel) execute(batch, instance int32) {
	i := m.newExec()
	now := m.sim.now
	items := m.machine.BatchSize(batch)
	m.tally.mark(now, items)
	if m.sim.sc.Trace {
		m.trace = append(m.trace, items)
	}
	e := &m.execs[i]
	*e = exec{source: e.source, batch: batch, instance: instance, items: int32(items), began: now, work: m.compute[items]}
	if cv := m.def.Service.CV; cv > 0 {
		e.work = Time(float64(e.work) * max(0, 1+cv*max(-4, min(4, m.sim.rng.NormFloat64()))))
	}
	if m.def.Config.DeviceBlocking {
		m.issue(e)
	}
	if in := m.input[items]; in > 0 {
		m.sim.agenda.set(e.source, now+in)
		return
	}
	m.enterDevice(i)
}

// enterDevice begins the compute part of execution i.
func (m *simModel) enterDevice(i int32) {
	e, now := &m.execs[i], m.sim.now
	e.ready = now
	begin := now
	if m.device >= 0 {
		d := &m.sim.devices[m.device]
		switch d.sharing {
		case Sliced:
			e.phase, e.left = slicing, float64(e.work)
			d.advance(now)
			d.active = append(d.active, execRef{m, i})
			d.replan(now)
			return
		case Exclusive:
			begin, _ = d.token.Book(now, e.work)
		}
	}
	if m.def.Config.DeviceBlocking {
		begin = m.inStream(e.instance, begin, e.work)
	}
	e.worked = e.work
	m.consume(e.instance, begin+Time(m.def.Service.Consumed*float64(e.work)))
	m.leaveDevice(i, begin+e.work)
}

// leaveDevice plans the responses of execution i, whose compute part ends at end.
func (m *simModel) leaveDevice(i int32, end Time) {
	e := &m.execs[i]
	e.phase = copyingOut
	m.sim.agenda.set(e.source, end+m.output[e.items])
}

// proceed takes execution i to its next phase.
func (m *simModel) proceed(i int32) {
	e := &m.execs[i]
	switch e.phase {
	case copyingIn:
		m.enterDevice(i)
	case slicing:
		d := &m.sim.devices[m.device]
		d.advance(m.sim.now)
		d.drop(m, i)
		d.replan(m.sim.now)
		e.worked = m.sim.now - e.ready
		m.consume(e.instance, m.sim.now)
		m.leaveDevice(i, m.sim.now)
	case copyingOut:
		m.finish(i)
	case closing:
		m.freeExecs = append(m.freeExecs, i)
		m.step(Event{Kind: Return, Batch: e.batch})
	}
}

// finish sends the responses of execution i.
func (m *simModel) finish(i int32) {
	e := &m.execs[i]
	m.count(e)
	t := &m.sim.sc.Timing
	epilogue := t.EpilogueOf(m.machine.BatchRequests(e.batch)).draw(m.sim.rng)
	switch {
	case m.def.Config.DeviceBlocking:
		m.freeExecs = append(m.freeExecs, i)
		m.step(Event{Kind: Respond, Batch: e.batch})
	case epilogue > 0:
		e.phase = closing
		m.sim.agenda.set(e.source, m.sim.now+epilogue)
		m.step(Event{Kind: Respond, Batch: e.batch})
	default:
		m.freeExecs = append(m.freeExecs, i)
		m.step(Event{Kind: Finish, Batch: e.batch})
	}
}

// count adds a finished execution to the figures.
func (m *simModel) count(e *exec) {
	t := &m.tally
	if !t.measuring || t.ended {
		return
	}
	t.batches[e.items]++
	t.executions++
	t.batched += int(e.items)
	items := m.machine.payloads[e.batch].items
	for i := range items {
		t.queue += float64(e.began - items[i].arrived)
	}
	t.queued += len(items)
	in, out := m.input[e.items], m.output[e.items]
	t.input += float64(in)
	t.output += float64(out)
	t.compute += float64(e.worked)
	t.deviceWait += float64(m.sim.now - e.began - in - out - e.worked)
}
