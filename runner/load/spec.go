package load

import (
	"context"
	"fmt"
	"time"

	"tritonsweep/sweep"
)

// Spec says what to offer and how precisely to measure. The zero value of every
// field from Timeout on means its default.
type Spec struct {
	Model Model
	Load  sweep.Load
	Data  Data
	// Request, when set, is sent instead of inference requests made from Model
	// and Data.
	Request *Request
	// Seed drives start jitter, pauses and the arrivals of an open loop.
	Seed uint64
	// Intervals are those of Recorded arrivals, repeated from the first one and
	// stretched to the load's rate.
	Intervals []time.Duration
	// Outstanding is the most requests of an open loop that may be under way at
	// a time; arrivals beyond it wait, and their wait is part of their latency.
	// 0 means DefaultOutstanding, or fewer where the memory limit asks for it.
	Outstanding int

	// Mix, when set, is this model's part in a closed loop of several.
	Mix *Member
	// Regions, when set, lets tensors travel in shared memory.
	Regions *Regions
	// Instances is how many instances the model has; each is asked before the
	// load begins. 0: that is not known, and nobody is asked.
	Instances int

	// Outputs, when set, is what answers are compared with; where the config is
	// Untouched, theirs are what others are compared with.
	Outputs   *Outputs
	Untouched bool

	// Via says how to reach the server, for Connect.
	Via Options

	// Timeout is the deadline of one call; default 30 s.
	Timeout time.Duration
	// Warmup is the least time before measuring; default 1 s. It also lasts
	// until every caller had two answers and no transient shows, but no
	// longer than MaxDuration.
	Warmup time.Duration
	// MinDuration and MaxDuration bound the measured window; defaults 2 s and
	// 30 s. Equal values give a fixed window. The window also lasts at least
	// 20 mean latencies where MaxDuration allows. Windows that begin anew count
	// against MaxDuration together.
	MinDuration, MaxDuration time.Duration
	// Precision is the relative half-width that throughput and the quantile
	// must reach before the window may end; default 0.05.
	Precision float64
	// Quantile is the one that must be precise; default 0.95. Negative: only
	// throughput counts.
	Quantile float64
	// MemoryLimit caps callers x (request + answer) in bytes; default
	// DefaultMemoryLimit.
	MemoryLimit int64

	// Gather, when set, is called before Boundary, and waits for whoever else is to
	// begin or end a window at the same time. It may take as long as it likes.
	Gather func(ctx context.Context, at Phase) error
	// Boundary, when set, is called as close as possible to the instants between
	// which requests are counted, while the load goes on: for snapshots of the
	// server's statistics. WindowStart may come several times, when a window
	// begins anew: the last one counts. An error ends the run.
	Boundary func(ctx context.Context, at Phase) error
	// Shared tells that the server runs in this process, so that its processors
	// are not the client's alone to give up.
	Shared bool
	// Progress, when set, is told the state of things about once a second. It
	// must not block.
	Progress func(Progress)

	host     func() usage // what the client uses; tests replace it
	ownBound bool         // Outstanding is our choice
}

// Phase is where Boundary is called.
type Phase int

// The ends of the measured window.
const (
	WindowStart Phase = iota + 1
	WindowEnd
)

func (p Phase) String() string {
	return map[Phase]string{WindowStart: "window start", WindowEnd: "window end"}[p]
}

// Progress is the state of a run.
type Progress struct {
	// Measuring is false during warm-up.
	Measuring bool
	// Elapsed counts from the start of warm-up or of the window.
	Elapsed  time.Duration
	Requests int64 // answered since the run began
	// Precision is the wider of the relative half-widths that decide; 0 while
	// unknown.
	Precision float64
}

func (s Spec) withDefaults() Spec {
	s.Load.BatchSize = max(s.Load.BatchSize, 1)
	orDuration(&s.Timeout, 30*time.Second)
	orDuration(&s.Warmup, time.Second)
	orDuration(&s.MinDuration, 2*time.Second)
	orDuration(&s.MaxDuration, max(30*time.Second, s.MinDuration))
	if s.Precision == 0 {
		s.Precision = 0.05
	}
	if s.Quantile == 0 {
		s.Quantile = 0.95
	}
	s.ownBound = s.Outstanding == 0
	if s.host == nil {
		s.host = processUsage
	}
	return s
}

// floats reports whether the number of requests under way is not given by the load,
// so that it has to be watched.
func (s Spec) floats() bool { return s.Load.Open() || s.Mix != nil }

// Connect prepares the connection of the spec's load. The address is that of the
// gRPC service; over HTTP it is Via that says where to go.
func (s Spec) Connect(address string) (Connection, error) {
	o := s.Via
	o.Address, o.Callers = address, s.Callers()
	return Connect(o)
}

// Callers is the most requests that are under way at a time: what to Dial for.
func (s Spec) Callers() int {
	switch {
	case !s.Load.Open():
		return s.Load.Concurrency
	case s.Outstanding > 0:
		return s.Outstanding
	}
	return DefaultOutstanding
}

func orDuration(d *time.Duration, otherwise time.Duration) {
	if *d == 0 {
		*d = otherwise
	}
}

// Validate refuses a spec that cannot be run, before anything is sent.
func (s Spec) Validate() error {
	s = s.withDefaults()
	if err := s.Load.Validate(); err != nil {
		return err
	}
	if err := validArrivals(s.Load, s.Intervals); err != nil {
		return err
	}
	switch {
	case s.Outstanding < 0:
		return fmt.Errorf("at most %d requests under way: at least 1 is needed", s.Outstanding)
	case s.Timeout < 0 || s.Warmup < 0 || s.MinDuration < 0:
		return fmt.Errorf("a negative duration (timeout %s, warm-up %s, at least %s)", s.Timeout, s.Warmup, s.MinDuration)
	case s.MaxDuration < s.MinDuration:
		return fmt.Errorf("a window of at least %s and at most %s", s.MinDuration, s.MaxDuration)
	case !(s.Precision > 0 && s.Precision < 1):
		return fmt.Errorf("precision %g: a fraction between 0 and 1 is needed", s.Precision)
	case !(s.Quantile < 1):
		return fmt.Errorf("quantile %g: below 1 is needed", s.Quantile)
	}
	return nil
}
