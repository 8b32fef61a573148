package tritonsim

import "tritonsweep/sweep/batcher"

// execution is a batch on its way through an instance: the input copy, the
// device, the output copy, and what the backend does after it has answered.
type execution struct {
	scheduler *scheduler
	source    source // of what only the instance sees
	last      source // of what the answers wait for
	batch     int32
	instance  int32
	items     int
	scale     float64
	began     batcher.Time
	ready     batcher.Time // the input copy has ended
	finished  batcher.Time // the device has
	answered  batcher.Time // the output copy has ended
	phase     phase
}

type phase uint8

const (
	copyingIn phase = iota
	computing
	copyingOut
	closing // the answers are out, the backend's call has not returned
)

// execute begins the execution of a batch.
func (s *scheduler) execute(number, instance int32) {
	x := s.newExecution()
	x.batch, x.instance, x.items = number, instance, s.machine.BatchSize(number)
	x.began, x.phase = s.engine.now, copyingIn
	first, _ := s.machine.BatchRequest(number, 0)
	x.scale = s.scale(s.calls[first.ID].elements)
	s.waiting -= s.machine.BatchRequests(number)
	if s.rotation != nil {
		s.rotation.issue(number, instance)
	}
	x.after(&x.source, s.service.Input)
}

func (s *scheduler) newExecution() *execution {
	if n := len(s.free); n > 0 {
		x := s.free[n-1]
		s.free = s.free[:n-1]
		return x
	}
	x := &execution{scheduler: s}
	x.source.fire, x.last.fire, x.last.answers = x.proceed, x.proceed, true
	return x
}

// after plans the end of a phase that takes a time from table.
func (x *execution) after(s *source, table batcher.Table) {
	e := x.scheduler.engine
	e.set(s, e.now+x.duration(table))
}

func (x *execution) duration(table batcher.Table) batcher.Time {
	return batcher.Time(float64(table.At(x.items)) * x.scale)
}

// proceed ends a phase and begins the next.
func (x *execution) proceed() {
	s := x.scheduler
	e := s.engine
	switch x.phase {
	case copyingIn:
		x.ready = e.now
		x.compute()
	case computing:
		x.finished = e.now
		x.phase = copyingOut
		x.after(&x.last, s.service.Output)
	case copyingOut:
		x.respond()
	case closing:
		x.count()
		s.free = append(s.free, x)
		s.step(batcher.Event{Kind: batcher.Return, Batch: x.batch})
	}
}

// compute takes the device, or waits for it: a place is booked in the order of
// asking.
func (x *execution) compute() {
	s := x.scheduler
	e := s.engine
	x.phase = computing
	work := x.duration(s.service.Compute)
	if cv := s.service.CV; cv > 0 {
		work = batcher.Time(float64(work) * max(0, 1+cv*max(-4, min(4, e.rng.NormFloat64()))))
	}
	begin := e.now
	if s.device != nil {
		begin = max(begin, s.device.free)
		s.device.free = begin + work
	}
	if s.rotation != nil {
		begin = s.rotation.begin(x.instance, begin, work)
	}
	e.set(&x.last, begin+work)
}

// respond answers the batch and plans the return of the backend's call.
func (x *execution) respond() {
	s := x.scheduler
	e := s.engine
	x.answered = e.now
	if s.rotation != nil { // the call has returned, or will by itself
		x.count()
		s.free = append(s.free, x)
		s.step(batcher.Event{Kind: batcher.Respond, Batch: x.batch})
		return
	}
	x.phase = closing
	e.set(&x.source, e.now+e.draw(e.timing.EpilogueOf(s.machine.BatchRequests(x.batch))))
	s.step(batcher.Event{Kind: batcher.Respond, Batch: x.batch})
}

// count hands the figures of the execution on. Triton's backends report them
// when they have sent all answers, so that what passes until then is output time.
func (x *execution) count() {
	s := x.scheduler
	now := s.engine.now
	b := batch{
		items: x.items, ended: now,
		input: x.ready.Sub(x.began), compute: x.finished.Sub(x.ready), output: x.answered.Sub(x.finished), tail: now.Sub(x.answered),
	}
	for i := range s.machine.BatchRequests(x.batch) {
		r, arrived := s.machine.BatchRequest(x.batch, i)
		b.requests = append(b.requests, served{int(max(1, r.Size)), x.began.Sub(arrived), now.Sub(arrived)})
	}
	s.done(b)
}
