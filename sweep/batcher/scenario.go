package batcher

import (
	"fmt"
	"time"
)

// Scenario is what Simulate runs: the models of one server, each under its load.
type Scenario struct {
	Models []Model
	// Devices says how the devices that models name are shared. One that is
	// not listed is Exclusive.
	Devices []Device
	Timing  Timing
	// Seed drives every random draw: equal scenarios give equal results.
	Seed uint64
	// Warmup requests of each model are answered before its measurement
	// begins, then Requests are measured. Both ends lie at the end of a batch.
	Warmup, Requests int
	// Limit bounds the virtual time of the run; 0 means one hour.
	Limit time.Duration
	// Trace asks for the sizes of all executed batches in order.
	Trace bool
	// Observe, where it is set, is called with the latency of every measured request.
	Observe func(latency time.Duration)
}

// Model is one model of a Scenario.
type Model struct {
	Name    string
	Config  Config
	Service Service
	Load    Load
}

// Service says how long an instance works on a batch, by its size in items.
type Service struct {
	// Input and Output are spent by the instance alone, before and after Compute.
	Input, Output Table
	// Compute is spent on the device.
	Compute Table
	// CV is the coefficient of variation of Compute, for example 0.02.
	CV float64
	// Device is the device that Compute takes; empty means that no execution
	// is in the way of another.
	Device string
	// Consumed is the share of Compute after which the inputs are read, so
	// that a device-blocking backend (R12) can issue the next batch. 0 means
	// at its beginning.
	Consumed float64
}

// Service returns the service times of p with the given coefficient of variation.
func (p *Profile) Service(cv float64) Service {
	return Service{Input: p.InputCopy, Compute: p.Compute, Output: p.OutputCopy, CV: cv, Device: p.Device}
}

// Sharing says what several executions on one device do to each other.
type Sharing uint8

const (
	// Exclusive: one at a time, in the order of asking.
	Exclusive Sharing = iota
	// Sliced: all at once, each slowed down by 1 + Slope*(active-1)
	// (processor sharing at Slope 1).
	Sliced
	// Free: all at once at full speed.
	Free
)

// Device is something that executions share.
type Device struct {
	Name    string
	Sharing Sharing
	Slope   float64 // Sliced only
}

// Load says who sends requests to a model. Exactly one of Callers, Rate and
// Script is set.
type Load struct {
	// Callers of a closed loop send their next request when the last was answered.
	Callers int
	// Rate is the arrival rate of an open loop, in requests a second.
	Rate float64
	// Constant makes the intervals of Rate equal; otherwise arrivals are Poisson.
	Constant bool
	// Script gives every arrival, in order of time: a burst, or a recording.
	Script []Arrival
	// Period is after how long the Script begins anew; 0 plays it once.
	Period time.Duration
	// Batch is the number of items in a request; below 1 it counts as 1.
	Batch int
	// Jitter spreads the callers' first requests evenly over this time:
	// closed loops that start together can stay locked in phase.
	Jitter time.Duration
	// Shift, where it is not 0, makes every caller wait once in each period,
	// between two of its requests, for up to the mean latency so far, as a load
	// generator does that wants to see more than one phase of a closed loop. A
	// period is Shift, and at least a hundred mean latencies.
	Shift time.Duration
	// Shapes is the number of input shapes, drawn evenly; below 2 all are equal.
	Shapes int
}

// shiftLatencies is how many mean latencies a period of Load.Shift lasts at least.
const shiftLatencies = 100

// Arrival is one request of a script.
type Arrival struct {
	At       time.Duration // since the start of the script
	Size     int           // items; 0 means Load.Batch
	Priority int
	Timeout  time.Duration
	Shape    uint64
}

// Validate reports the first thing in sc that cannot be simulated.
func (sc *Scenario) Validate() error {
	if len(sc.Models) == 0 {
		return fmt.Errorf("%w: a scenario without models", ErrConfig)
	}
	for i := range sc.Models {
		if err := sc.Models[i].validate(); err != nil {
			return fmt.Errorf("model %q: %w", sc.Models[i].Name, err)
		}
	}
	for _, d := range sc.Devices {
		if !(d.Slope >= 0) {
			return fmt.Errorf("%w: device %q: slope %v", ErrConfig, d.Name, d.Slope)
		}
	}
	if sc.Warmup < 0 || sc.Requests < 1 || sc.Limit < 0 {
		return fmt.Errorf("%w: want at least one request and no negative warm-up or limit", ErrConfig)
	}
	return sc.Timing.validate()
}

func (m *Model) validate() error {
	if err := m.Config.Validate(); err != nil {
		return err
	}
	if s := m.Service; !(s.CV >= 0 && s.CV < 1) || !(s.Consumed >= 0 && s.Consumed <= 1) {
		return fmt.Errorf("%w: variation %v, consumed %v", ErrConfig, s.CV, s.Consumed)
	}
	return m.Load.validate(m.Config.MaxBatch)
}

func (l *Load) validate(maxBatch int) error {
	given := 0
	for _, set := range []bool{l.Callers != 0, l.Rate != 0, len(l.Script) != 0} {
		if set {
			given++
		}
	}
	switch {
	case given != 1:
		return fmt.Errorf("%w: a load has either callers, a rate or a script", ErrConfig)
	case l.Callers < 0 || !(l.Rate >= 0) || l.Rate > 1e9 || l.Jitter < 0 || l.Shift < 0 || l.Period < 0:
		return fmt.Errorf("%w: a load must not be negative, nor its rate above 1e9", ErrConfig)
	case maxBatch > 0 && l.Batch > maxBatch:
		return fmt.Errorf("%w: requests of %d items exceed max_batch_size %d", ErrConfig, l.Batch, maxBatch)
	}
	last := time.Duration(0)
	for _, a := range l.Script {
		if a.At < last {
			return fmt.Errorf("%w: the script's arrivals are not in order of time", ErrConfig)
		}
		last = a.At
	}
	if l.Period > 0 && l.Period < last {
		return fmt.Errorf("%w: the script is longer than its period", ErrConfig)
	}
	return nil
}
