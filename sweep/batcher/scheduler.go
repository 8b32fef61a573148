package batcher

import "math/rand/v2"

// Scheduler is a Machine together with its threads, for a driver on the real
// clock. Between two calls it keeps the threads' next steps, each at a moment
// drawn from a Timing, and takes them in the order of those moments however
// late the driver is: races come out as in a server whose threads take tens of
// microseconds to wake, where a real timer alone may err by a millisecond.
//
// The driver calls Do for each arrival and each end of an execution, and
// Advance when Next has come, and does the Execute, Answer and Refuse actions
// that they return; Resume actions stay inside. Action.At tells when something
// happened, which can be a little before now: times of service count from it.
// A Scheduler is not safe for concurrent use.
type Scheduler struct {
	machine  Machine
	timing   Timing
	rng      *rand.Rand
	agenda   agenda // 0: the batcher; from 1 on the instance threads
	deadline Time
	planned  bool
	out      []Action
}

// NewScheduler returns a Scheduler for c. The seed drives the draws from t.
func NewScheduler(c Config, t Timing, seed uint64) (*Scheduler, error) {
	s := &Scheduler{timing: t, rng: rand.New(rand.NewPCG(seed, 0)), deadline: Never}
	if err := t.validate(); err != nil {
		return nil, err
	}
	if err := s.machine.Reset(c); err != nil {
		return nil, err
	}
	s.agenda.reset(1 + len(s.machine.threads))
	return s, nil
}

// Machine returns the machine inside, to look up batches and counts; its Step
// must not be called.
func (s *Scheduler) Machine() *Machine { return &s.machine }

// Next returns when Advance is to be called, if Do is not called before; Never
// while nothing is under way.
func (s *Scheduler) Next() Time {
	_, at := s.agenda.next()
	return at
}

// Do tells the scheduler that e (an Arrive, Respond, Return, Finish or Cancel)
// happens at now, after everything that was due before. The slice is valid
// until the next call.
func (s *Scheduler) Do(now Time, e Event) []Action {
	s.out = s.out[:0]
	s.catchUp(now)
	s.step(now, e)
	return s.out
}

// Advance lets the threads run up to now. The slice is valid until the next call.
func (s *Scheduler) Advance(now Time) []Action {
	s.out = s.out[:0]
	s.catchUp(now)
	return s.out
}

func (s *Scheduler) catchUp(now Time) {
	for {
		source, at := s.agenda.next()
		if at > now {
			return
		}
		s.agenda.set(source, Never)
		if source == 0 {
			s.planned = false
		}
		s.step(at, Event{Kind: Run, Thread: source - 1})
	}
}

func (s *Scheduler) step(now Time, e Event) {
	for _, a := range s.machine.Step(now, e) {
		if a.Kind != Resume {
			s.out = append(s.out, a)
			continue
		}
		at := now + s.timing.lag(&a).draw(s.rng)
		source := a.Thread + 1
		if a.Thread == BatcherThread {
			s.planned = true
			if a.Pace == Wake {
				at = min(at, s.agenda.at[source])
			}
		}
		s.agenda.set(source, at)
	}
	if deadline := s.machine.NextDeadline(); deadline != s.deadline {
		s.deadline = deadline
		if !s.planned {
			if deadline != Never {
				deadline += s.timing.Timer.draw(s.rng)
			}
			s.agenda.set(0, deadline)
		}
	}
}

// Token is a device that executes one batch at a time, in the order of asking:
// what a driver on the real clock shares among the instances of all models
// that name one device.
type Token struct{ free Time }

// Book reserves the device for work from now on, or from when it is free, and
// returns the beginning and the end of that slot.
func (t *Token) Book(now, work Time) (begin, end Time) {
	begin = max(now, t.free)
	t.free = begin + work
	return begin, t.free
}
