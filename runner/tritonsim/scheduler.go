package tritonsim

import (
	"time"

	"tritonsweep/sweep/batcher"
)

// scheduler runs one loaded model: its batcher, its instances, its executions.
// All of it is used with the engine's lock held.
type scheduler struct {
	engine  *engine
	machine *batcher.Machine
	config  batcher.Config
	service batcher.Service
	scale   func(elements float64) float64 // times of an item of that size
	device  *device
	done    func(batch)         // an execution has ended
	idle    func()              // nothing is left to do, if set
	calls   map[uint64]*pending // requests that are not answered
	lastID  uint64

	batcherRun source
	deadline   batcher.Time // of the batcher's sleep, as last seen
	planned    bool         // the batcher was notified and is on its way
	threads    []*source
	free       []*execution
	rotation   *rotation // of a device-blocking backend; nil otherwise
	waiting    int       // requests that no execution has
}

// pending is one request on its way.
type pending struct {
	done     chan error // gets nil, a *refused, or why the server gave up
	elements float64    // of one item, for profiles that depend on it
}

// refused is why the scheduler would not serve a request.
type refused struct{ reason batcher.Reason }

func (r *refused) Error() string { return r.reason.String() }

// batch is a finished execution, as the statistics need it.
type batch struct {
	items                  int
	input, compute, output time.Duration // compute includes waiting for the device
	tail                   time.Duration // from the answers to the backend's return
	ended                  batcher.Time
	requests               []served
}

// served is one request of a batch.
type served struct {
	items        int
	queue, total time.Duration
}

func newScheduler(e *engine, config batcher.Config, service batcher.Service) (*scheduler, error) {
	machine, err := batcher.New(config)
	if err != nil {
		return nil, err
	}
	s := &scheduler{
		engine: e, machine: machine, config: config, service: service,
		scale: func(float64) float64 { return 1 }, done: func(batch) {},
		device: e.device(service.Device), calls: map[uint64]*pending{}, deadline: batcher.Never,
	}
	s.batcherRun.fire = func() {
		s.planned = false
		s.step(batcher.Event{Kind: batcher.Run, Thread: batcher.BatcherThread})
	}
	if config.DeviceBlocking {
		s.rotation = newRotation(s, max(1, config.Instances))
	}
	for i := range max(1, config.Instances) {
		s.threads = append(s.threads, &source{fire: func() {
			s.step(batcher.Event{Kind: batcher.Run, Thread: int32(i)})
		}})
	}
	return s, nil
}

// arrive hands a request to the scheduler and returns its number.
func (s *scheduler) arrive(r batcher.Request, p *pending) uint64 {
	s.lastID++
	r.ID = s.lastID
	s.calls[r.ID] = p
	s.waiting++
	s.step(batcher.Event{Kind: batcher.Arrive, Request: r})
	return r.ID
}

// cancel gives a request up, if it still waits.
func (s *scheduler) cancel(id uint64) {
	s.step(batcher.Event{Kind: batcher.Cancel, Request: batcher.Request{ID: id}})
}

// step gives the machine an event and does what it asks for.
func (s *scheduler) step(ev batcher.Event) {
	e := s.engine
	for _, a := range s.machine.Step(e.now, ev) {
		switch a.Kind {
		case batcher.Resume:
			s.resume(a)
		case batcher.Execute:
			s.execute(a.Batch, a.Instance)
		case batcher.Answer:
			s.answer(a.ID, nil)
		case batcher.Refuse:
			s.waiting--
			s.answer(a.ID, &refused{a.Reason})
		}
	}
	if deadline := s.machine.NextDeadline(); deadline != s.deadline {
		s.deadline = deadline
		if !s.planned {
			if deadline != batcher.Never {
				deadline += e.draw(e.timing.Timer)
			}
			e.set(&s.batcherRun, deadline)
		}
	}
	if s.idle != nil && s.machine.Open() == 0 {
		s.idle()
		s.idle = nil
	}
}

func (s *scheduler) answer(id uint64, err error) {
	p := s.calls[id]
	delete(s.calls, id)
	p.done <- err
}

// resume plans when a thread runs.
func (s *scheduler) resume(a batcher.Action) {
	e := s.engine
	if a.Thread != batcher.BatcherThread {
		lag := e.timing.WakeInstance
		if a.Pace == batcher.Ask {
			lag = e.timing.Ask
		}
		e.set(s.threads[a.Thread], e.now+e.draw(lag))
		return
	}
	lag := e.timing.WakeBatcher
	if a.Pace == batcher.Loop {
		lag = e.timing.Loop
	}
	at := e.now + e.draw(lag)
	s.planned = true
	// A sleep that has just ended by itself may be quicker.
	if a.Pace == batcher.Wake && s.batcherRun.place > 0 && s.batcherRun.at < at {
		return
	}
	e.set(&s.batcherRun, at)
}

// drained calls idle once no request is left, which may be now.
func (s *scheduler) drained(idle func()) {
	if s.machine.Open() == 0 {
		idle()
		return
	}
	s.idle = idle
}
