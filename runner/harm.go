package runner

import (
	"fmt"
	"time"

	"tritonsweep/runner/triton"
)

// What a sweep does to the other models of a server, those that it does not load
// itself, is seen in the server's own counters: how many of their requests ended,
// how many of them in an error, and how long they took in the server on average.
// The counters hold no quantiles, so it is the mean that is judged.
const (
	// harmBaseline is how long the others are watched before anything is changed,
	// on a server where others were ever asked.
	harmBaseline = 5 * time.Second
	// harmEvery is how often the counters are read under load.
	harmEvery = time.Second
	// harmPatience is how long the others must fare badly, without a better moment
	// in between, before the sweep ends.
	harmPatience = 5 * time.Second
	// leastHarmed is how many requests make a judgement: fewer wait for more.
	leastHarmed = 5
	// harmlessDelay is a growth of the mean that hurts nobody, whatever the factor.
	harmlessDelay = time.Millisecond
	// harmlessShare is a growth of the share of failed requests that may be chance.
	harmlessShare = 0.01
)

// HarmError ends a sweep under which the requests of others to the same server
// fail, or take, much more than before it.
type HarmError struct {
	Model    string // theirs
	Was, Is  Toll
	Limit    float64 // the factor allowed
	Lasted   time.Duration
	Original bool // an isolated copy is swept: the container that it is a copy of was hurt
}

func (e *HarmError) Error() string {
	where, hint := "on this server", "--isolate, "
	if e.Original {
		where, hint = "on the container that was copied", ""
	}
	return fmt.Sprintf("stopped: the requests of others to %s %s fare worse under the sweep's load: %s, before it %s; more than %g times for %s (hint: %sa quieter hour, a lighter load, or a higher --max-slowdown)",
		e.Model, where, e.Is, e.Was, e.Limit, e.Lasted.Round(100*time.Millisecond), hint)
}

// Toll is what became of a model's requests in a while.
type Toll struct {
	Requests, Failures uint64
	Time               time.Duration // of those that did not fail, in the server
}

func (t Toll) plus(o Toll) Toll {
	return Toll{t.Requests + o.Requests, t.Failures + o.Failures, t.Time + o.Time}
}

// mean is that of the requests that did not fail; 0 without one.
func (t Toll) mean() time.Duration {
	if t.Requests == t.Failures {
		return 0
	}
	return t.Time / time.Duration(t.Requests-t.Failures)
}

func (t Toll) share() float64 { return float64(t.Failures) / float64(max(t.Requests, 1)) }

func (t Toll) String() string {
	return fmt.Sprintf("%.3g ms each and %.2g %% failed", float64(t.mean())/float64(time.Millisecond), 100*t.share())
}

// worse tells that others fare worse than a factor allows.
func (t Toll) worse(before Toll, factor float64) bool {
	slow := float64(t.mean()) > factor*float64(before.mean()) && t.mean() > before.mean()+harmlessDelay
	failing := t.share() > factor*before.share() && t.share() > before.share()+harmlessShare
	return slow && before.mean() > 0 || failing
}

// version names what has counters of its own.
type version struct{ model, version string }

// harmWatch judges readings of a server's counters. It has no clock.
type harmWatch struct {
	limit    float64
	patience time.Duration
	original bool
	before   map[version]Toll // of those that were asked before the sweep
	last     map[version]triton.Stats
	now      map[version]*streak
}

// streak is what a model's callers go through.
type streak struct {
	open    Toll // not judged yet
	openFor time.Duration
	bad     Toll // in a row
	badFor  time.Duration
}

// between returns what became of requests between two readings. Counters that
// fell are those of another process, and prove nothing.
func between(earlier map[version]triton.Stats, later []triton.Stats) map[version]Toll {
	tolls := map[version]Toll{}
	for _, now := range later {
		key := version{now.Model, now.Version}
		was, known := earlier[key]
		if !known {
			continue
		}
		if d, err := now.Sub(was); err == nil {
			tolls[key] = Toll{d.Success.Count + d.Fail.Count, d.Fail.Count, d.Success.Time}
		}
	}
	return tolls
}

func byVersion(readings []triton.Stats) map[version]triton.Stats {
	all := map[version]triton.Stats{}
	for _, s := range readings {
		all[version{s.Model, s.Version}] = s
	}
	return all
}

// newHarmWatch returns nil where nobody asks other models: there is nobody to hurt.
func newHarmWatch(limit float64, patience time.Duration, first, second []triton.Stats) *harmWatch {
	w := &harmWatch{limit: limit, patience: patience, before: map[version]Toll{}, now: map[version]*streak{}}
	for key, toll := range between(byVersion(first), second) {
		if toll.Requests >= leastHarmed {
			w.before[key], w.now[key] = toll, &streak{}
		}
	}
	if len(w.before) == 0 {
		return nil
	}
	return w
}

// begin takes the reading at the beginning of a load: what was before it, a
// restart for example, is not held against the load.
func (w *harmWatch) begin(readings []triton.Stats) {
	w.last = byVersion(readings)
	for _, s := range w.now {
		s.open, s.openFor = Toll{}, 0
	}
}

// observe takes a reading under load, so long after the one before. The error is a
// HarmError.
func (w *harmWatch) observe(readings []triton.Stats, passed time.Duration) error {
	tolls := between(w.last, readings)
	w.last = byVersion(readings)
	for key, before := range w.before {
		s := w.now[key]
		s.add(tolls[key], passed)
		if s.open.Requests < leastHarmed {
			continue
		}
		s.judge(before, w.limit)
		if s.badFor >= w.patience {
			return &HarmError{Model: key.model, Was: before, Is: s.bad, Limit: w.limit, Lasted: s.badFor, Original: w.original}
		}
	}
	return nil
}

// add counts what ended in a while. A while in which nothing did says nothing.
func (s *streak) add(t Toll, passed time.Duration) {
	if t.Requests > 0 {
		s.open, s.openFor = s.open.plus(t), s.openFor+passed
	}
}

func (s *streak) judge(before Toll, limit float64) {
	if s.open.worse(before, limit) {
		s.bad, s.badFor = s.bad.plus(s.open), s.badFor+s.openFor
	} else {
		s.bad, s.badFor = Toll{}, 0
	}
	s.open, s.openFor = Toll{}, 0
}
