package batcher

// rotation is the one thread of a device-blocking backend (R12). Its execute
// call returns when the batch is issued and the next instance's inputs have
// been consumed, that is when the next batch could be issued at once.
type rotation struct {
	consumed []Time // by instance: when its last inputs are read; Never while unknown
	free     []Time // by instance: when its stream has done all that was issued
	blocked  int32  // the batch whose execute call has not returned, -1 for none
	next     int32  // the instance that this call waits for
}

func (r *rotation) reset(instances int) {
	r.consumed = append(r.consumed[:0], make([]Time, instances)...)
	r.free = append(r.free[:0], make([]Time, instances)...)
	r.blocked = -1
}

// issue begins the execute call for e.
func (m *simModel) issue(e *exec) {
	r := &m.rotation
	r.consumed[e.instance] = Never
	r.blocked = e.batch
	r.next = (e.instance + 1) % int32(len(r.consumed))
	m.planHandBack()
}

// inStream puts a batch behind what its instance's stream still has to do and
// returns when it begins.
func (m *simModel) inStream(instance int32, begin, work Time) Time {
	r := &m.rotation
	begin = max(begin, r.free[instance])
	r.free[instance] = begin + work
	return begin
}

// consume says when the inputs of instance's batch are read.
func (m *simModel) consume(instance int32, at Time) {
	r := &m.rotation
	if !m.def.Config.DeviceBlocking {
		return
	}
	r.consumed[instance] = at
	m.planHandBack()
}

func (m *simModel) planHandBack() {
	r := &m.rotation
	if r.blocked < 0 || r.consumed[r.next] == Never {
		return
	}
	m.sim.agenda.set(m.handBackSource, max(m.sim.now, r.consumed[r.next]))
}

// handBack ends the execute call.
func (m *simModel) handBack() {
	batch := m.rotation.blocked
	m.rotation.blocked = -1
	m.step(Event{Kind: Return, Batch: batch})
}
