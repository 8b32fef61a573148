package inert

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"tritonsweep/sweep"
	"tritonsweep/sweep/batcher"
	"tritonsweep/tritonconfig"
)

// Measured is what a server says of one measured point. It proves more than the
// rules can, and needs no service times.
type Measured struct {
	Settings tritonconfig.Settings
	Load     sweep.Load
	// Requests and Executions count what was answered in Window, and the batches
	// for it.
	Requests, Executions int64
	Window               time.Duration
	// Queue is how long a request waited on average until its batch was begun,
	// for a full batch or the end of the delay, or for an instance.
	Queue time.Duration
	// Sizes counts the executions by their size in items.
	Sizes map[int]int64
}

// Evidence finds inert points of one model from the points that were measured so
// far. It is not safe for concurrent use.
type Evidence struct {
	config batcher.Config
	seen   []Measured
}

// NewEvidence returns one without points yet, of a model whose untouched config
// this is.
func NewEvidence(config batcher.Config) *Evidence { return &Evidence{config: config} }

// Add takes a measured point in.
func (e *Evidence) Add(m Measured) {
	if m.Requests > 0 && m.Executions > 0 {
		e.seen = append(e.seen, m)
	}
}

// Skip returns why settings need not be measured under a load, with the point
// that stands for them, or "".
func (e *Evidence) Skip(s tritonconfig.Settings, l sweep.Load) string {
	for i := range e.seen {
		m := &e.seen[i]
		if m.Load != l || m.Settings.Key() == s.Key() {
			continue
		}
		if why := e.like(m, s); why != "" {
			return fmt.Sprintf("like %s: %s", name(m.Settings), why)
		}
	}
	return ""
}

// few is the share of batches, or of requests, that may be treated otherwise:
// below what a point's interval is asked to be. Triton counts about 0.2 ms of
// its own into every wait, so that less would prove nothing about delays of some
// milliseconds.
const few = 0.05

// like returns why s does what was measured with m, or "". Both must be equal
// but for their delay, or but for their preferred sizes.
func (e *Evidence) like(m *Measured, s tritonconfig.Settings) string {
	theirs, mine := e.config.With(m.Settings), e.config.With(s)
	if other(m.Settings) != other(s) || !theirs.Dynamic || !mine.Dynamic || !theirs.Prefetch() {
		return ""
	}
	if same := mine; theirs.Delay != mine.Delay {
		if same.Delay = theirs.Delay; reflect.DeepEqual(same, theirs) {
			return m.delayNeverEnds(theirs, mine.Delay)
		}
		return ""
	}
	if same := mine; theirs.Delay == 0 {
		if same.Preferred = theirs.Preferred; reflect.DeepEqual(same, theirs) {
			return m.neverShares()
		}
	}
	return ""
}

// delayNeverEnds tells that no batch was begun because the delay of its oldest
// request had ended, and that none would be with another delay.
//
// A batch that is begun so holds a request that waited for the whole delay.
// Requests that wait Q on average cannot hold more than Q/delay of such: Markov's
// inequality, over all requests. And a batch that is full is begun before, and
// would have been full with any longer delay.
func (m *Measured) delayNeverEnds(theirs batcher.Config, other time.Duration) string {
	shorter := min(theirs.Delay, other)
	if shorter > 0 {
		if ended := float64(m.Queue) * float64(m.Requests) / (float64(shorter) * float64(m.Executions)); ended <= few {
			return fmt.Sprintf("measured: requests wait %s on average, so that at most %.1g %% of the batches can have waited for a delay of %s",
				m.Queue.Round(time.Microsecond), 100*ended, shorter)
		}
	}
	if full := m.full(theirs); other > theirs.Delay && full >= 1-few {
		return fmt.Sprintf("measured: the batcher is never idle, %.3g %% of the batches are as large as they may be, and a longer delay makes none larger", 100*full)
	}
	return ""
}

// full is the share of executions of max_batch_size, where no smaller size is
// preferred: of batches of such a size, instances merge those that have waited
// for the delay (R6), so that a full one may owe its size to it.
func (m *Measured) full(c batcher.Config) float64 {
	if slices.ContainsFunc(c.Preferred, func(size int) bool { return size < c.MaxBatch }) {
		return 0
	}
	most := c.MaxBatch - c.MaxBatch%max(1, m.Load.BatchSize) // whole requests
	var full int64
	for size, n := range m.Sizes {
		if size >= most {
			full += n
		}
	}
	return float64(full) / float64(m.Executions)
}

// neverShares tells that without a delay each request had a batch of its own, and
// that hardly ever one had to wait, by Little's law: at no time were there two to
// choose a size for.
func (m *Measured) neverShares() string {
	shared := float64(m.Requests-m.Executions) / float64(m.Requests)
	waiting := float64(m.Requests) * float64(m.Queue) / float64(max(1, m.Window))
	if shared > few || waiting > few {
		return ""
	}
	return fmt.Sprintf("measured: average batch 1, no two requests wait at a time (%.1g do on average), and there is no delay", waiting)
}
