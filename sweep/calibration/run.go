package calibration

import (
	"errors"
	"fmt"
	"math"
	"time"

	"tritonsweep/sweep/batcher"
)

// ErrRuns is wrapped by every refusal of runs that nothing can be learned from.
var ErrRuns = errors.New("no calibration")

// Run is what a calibration takes from one measured point of a closed loop.
type Run struct {
	// Name is for messages: which point of which run it was.
	Name string
	// Config is what was in force.
	Config batcher.Config
	// Callers of the closed loop, each sending Batch items in a request.
	Callers, Batch int
	// Throughput is in items a second.
	Throughput float64
	// Mean and P95 are the callers' latency, its mean and 95th percentile; 0 where
	// they are not known.
	Mean, P95 time.Duration
	// Queue is the mean time that the server let a request wait.
	Queue time.Duration
	// Batches are the server's own times by executed batch size.
	Batches []Batch
}

// Batch is what the server says of the executions of one size.
type Batch struct {
	Size       int
	Executions int64
	// Time is the mean of one whole execution: input, inference and output.
	Time time.Duration
}

// Validate reports why nothing can be learned from r.
func (r *Run) Validate() error {
	switch {
	case r.Callers < 1:
		return fmt.Errorf("%w: %s is no closed loop", ErrRuns, r.Name)
	case !(r.Throughput > 0) || math.IsInf(r.Throughput, 0):
		return fmt.Errorf("%w: %s has a throughput of %v/s", ErrRuns, r.Name, r.Throughput)
	case r.executions() == 0:
		return fmt.Errorf("%w: %s has no times by batch size (hint: the server's batch_stats)", ErrRuns, r.Name)
	case r.P95 < 0 || r.Queue < 0 || r.Mean < 0:
		return fmt.Errorf("%w: %s has a negative time", ErrRuns, r.Name)
	}
	for _, b := range r.Batches {
		if b.Size < 1 || b.Executions < 0 || b.Time < 0 {
			return fmt.Errorf("%w: %s: %d executions of %d items in %v", ErrRuns, r.Name, b.Executions, b.Size, b.Time)
		}
	}
	if err := r.Config.Validate(); err != nil {
		return fmt.Errorf("%s: %w", r.Name, err)
	}
	return nil
}

// alone reports whether no execution of the run can be in the way of another.
func (r *Run) alone() bool { return r.Config.Instances <= 1 || r.Callers == 1 }

func (r *Run) items() int { return max(1, r.Batch) }

func (r *Run) executions() (n int64) {
	for _, b := range r.Batches {
		n += b.Executions
	}
	return n
}

// meanBatch returns the mean size of an execution, in items.
func (r *Run) meanBatch() float64 {
	items := 0.0
	for _, b := range r.Batches {
		items += float64(b.Size) * float64(b.Executions)
	}
	return items / float64(r.executions())
}

// variesBatch returns the standard deviation of the sizes of executions, in items.
func (r *Run) variesBatch() float64 {
	sum, mean := 0.0, r.meanBatch()
	for _, b := range r.Batches {
		sum += square(float64(b.Size)-mean) * float64(b.Executions)
	}
	return math.Sqrt(sum / float64(r.executions()))
}

// working returns the mean time of an execution, in seconds.
func (r *Run) working() float64 {
	sum := 0.0
	for _, b := range r.Batches {
		sum += b.Time.Seconds() * float64(b.Executions)
	}
	return sum / float64(r.executions())
}

// served returns the mean time that a request spends in an execution, in seconds.
func (r *Run) served() float64 {
	sum, items := 0.0, 0.0
	for _, b := range r.Batches {
		n := float64(b.Size) * float64(b.Executions)
		sum += b.Time.Seconds() * n
		items += n
	}
	return sum / items
}

// requests returns the mean number of requests in an execution.
func (r *Run) requests() float64 { return r.meanBatch() / float64(r.items()) }

// saturated reports that a batch was waiting whenever the instance came to ask
// for one: requests waited for longer than an execution takes.
func (r *Run) saturated() bool {
	return r.Config.Instances <= 1 && r.Config.Dynamic && r.Queue.Seconds() > 1.5*r.working()
}

// pause returns the time between an execution and the next, as the server counts
// them, of an instance that never waits; in seconds.
func (r *Run) pause() float64 { return r.meanBatch()/r.Throughput - r.working() }

// cycle returns the mean time from a caller's request to its next in seconds, by
// Little's law ("A proof for the queuing formula L = lambda W", 1961).
func (r *Run) cycle() float64 {
	return float64(r.Callers) * float64(r.items()) / r.Throughput
}

// response returns the mean latency of a request in seconds. Where the callers did
// not tell it, they are taken to send again at once.
func (r *Run) response() float64 {
	if r.Mean > 0 {
		return r.Mean.Seconds()
	}
	return r.cycle()
}

// overhead returns what a request waits outside queue and execution, in
// seconds: the way to the scheduler and back.
func (r *Run) overhead() float64 { return r.response() - r.Queue.Seconds() - r.served() }

// company returns how many requests travel in an execution, as a request sees it.
func (r *Run) company() float64 {
	sum, items := 0.0, 0.0
	for _, b := range r.Batches {
		n := float64(b.Size) * float64(b.Executions)
		sum += n * float64(b.Size)
		items += n
	}
	return sum / items / float64(r.items())
}

// clientTimes returns Z and C: by how much a caller's cycle is longer than its
// latency, alone, and for each other caller of its batch, half of which are before
// it. Weighted least squares; a long cycle tells less.
func clientTimes(runs []Run) (think, client time.Duration) {
	var w, x, y, xx, xy float64
	for i := range runs {
		r := &runs[i]
		if r.Mean <= 0 {
			continue
		}
		weight := 1 / square(r.cycle())
		before, late := (r.company()-1)/2, r.cycle()-r.response()
		w += weight
		x += weight * before
		y += weight * late
		xx += weight * before * before
		xy += weight * before * late
	}
	if w == 0 {
		return 0, 0
	}
	each := 0.0
	if spread := w*xx - x*x; spread > 1e-9*w*xx {
		each = max(0, (w*xy-x*y)/spread)
	}
	return min(seconds((y-each*x)/w), mostClient), min(seconds(each), mostClient)
}

// mostClient bounds Z and C: callers that are slower were kept from sending.
const mostClient = 200 * us
