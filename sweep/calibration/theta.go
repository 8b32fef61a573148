package calibration

import (
	"fmt"
	"slices"
	"time"

	"tritonsweep/sweep/batcher"
)

// Form says what several instances do to each other.
type Form uint8

// The forms of contention.
const (
	Free      Form = iota // nothing
	Sliced                // processor sharing
	Exclusive             // a host part that overlaps, a device part that does not
)

// String returns a few words for people.
func (f Form) String() string {
	return [...]string{"instances do not hinder each other", "instances slow each other down", "instances share an exclusive device"}[f]
}

// Theta is what a simulation needs to know of a model on a server.
type Theta struct {
	// Total is t(b): the time of an execution by its size, when nothing
	// hinders it, up to its responses.
	Total batcher.Table
	// FrontEnd is F, Latency is L0.
	FrontEnd, Latency time.Duration
	// Think is Z, from a response to the caller's next request, and Client is C:
	// what the callers' machine needs for each of them, one after another.
	Think, Client time.Duration
	// Respond is E: by how much each response of a batch is sent after the one
	// before, all at the end of what the server counts as an execution.
	Respond time.Duration
	// Release is G: what an instance needs for each request of a batch between
	// the end of an execution, as the server counts it, and the next.
	Release time.Duration
	Form    Form
	// Slope is by how much each other execution slows one down (Sliced).
	Slope float64
	// Host is the part of Total that overlaps with other executions (Exclusive).
	Host batcher.Table
	// Behind is the share of Host that comes after the device's part.
	Behind float64
	// Unrest is the share of Respond and Release that varies (see
	// [batcher.Timing.EpilogueEach]): all of it on two busy cores.
	Unrest float64
	// CV is the coefficient of variation of an execution's time.
	CV float64
}

// clump is the share of requests that reach the front end in one read with the one
// before: a client and a server of gRPC, each of which writes and reads what has
// gathered, show it by batches that are one above a preferred size.
const clump = 0.5

// device is the name of what executions share in a Scenario.
const device = "device"

// service returns the times of an execution for a simulation of batches up to largest.
func (t *Theta) service(largest int) batcher.Service {
	if t.Form != Exclusive {
		s := batcher.Service{Compute: t.Total, CV: t.CV}
		if t.Form == Sliced {
			s.Device = device
		}
		return s
	}
	work := map[int]time.Duration{}
	host := map[int]time.Duration{}
	after := map[int]time.Duration{}
	for size := 1; size <= max(1, largest); size++ {
		total := t.Total.At(size)
		all := min(t.Host.At(size), total)
		work[size] = total - all
		after[size] = time.Duration(float64(all) * t.Behind)
		host[size] = all - after[size]
	}
	output, _ := batcher.NewTable(after)
	input, _ := batcher.NewTable(host) // sizes and times are in range
	compute, _ := batcher.NewTable(work)
	return batcher.Service{Input: input, Compute: compute, Output: output, CV: t.CV, Device: device}
}

// Load is what is offered to the server: by a closed loop of Callers, or, where
// Rate is not 0, by an open one. Requests have Batch items.
type Load struct {
	Callers, Batch int
	// Rate is in requests a second; they arrive as a Poisson process, or at equal
	// intervals where Constant is set.
	Rate     float64
	Constant bool
}

// Effort says how long a simulation runs.
type Effort struct {
	// Requests to measure at least; more with many callers.
	Requests int
}

// shift is how often the load generator shifts its callers against each other,
// at the least.
const shift = time.Second

// Scenario returns the simulation of a config under a load.
func (t *Theta) Scenario(c batcher.Config, l Load, effort Effort, seed uint64) batcher.Scenario {
	timing := batcher.DefaultTiming()
	timing.FrontEnd = batcher.Lag{Min: t.FrontEnd / 10, Mean: t.FrontEnd}
	timing.Clump = clump
	timing.Latency, timing.Think, timing.Client = t.Latency, t.Think, t.Client
	each := t.Respond + t.Release
	timing.RespondEach, timing.EpilogueEach = t.Respond, batcher.Lag{Min: time.Duration((1 - t.Unrest) * float64(each)), Mean: each}
	service := t.service(c.MaxBatch)
	requests := max(effort.Requests, 12*l.Callers)
	load := batcher.Load{Callers: l.Callers, Batch: l.Batch, Jitter: t.probe(c, l), Shift: shift}
	if l.Rate > 0 {
		load = batcher.Load{Rate: l.Rate, Constant: l.Constant, Batch: l.Batch}
	}
	return batcher.Scenario{
		Models: []batcher.Model{{
			Name: "m", Config: c, Service: service, Load: load,
		}},
		Devices: []batcher.Device{{Name: device, Sharing: t.sharing(), Slope: t.Slope}},
		Timing:  timing, Seed: seed,
		Warmup: max(requests/8, 4*l.Callers), Requests: requests,
	}
}

// probe is the latency of a request that comes alone: over so long does a load
// generator spread the first requests of its callers, of which it knows no more.
// Which of its rhythms a closed loop falls into depends on it.
func (t *Theta) probe(c batcher.Config, l Load) time.Duration {
	size := max(1, l.Batch)
	alone := t.Total.At(size) + t.Latency + t.FrontEnd
	if c.Dynamic && size < c.MaxBatch && !slices.Contains(c.Preferred, size) {
		alone += c.Delay
	}
	return alone
}

func (t *Theta) sharing() batcher.Sharing {
	switch t.Form {
	case Sliced:
		return batcher.Sliced
	case Exclusive:
		return batcher.Exclusive
	}
	return batcher.Free
}

// Contention describes what several instances do to each other, for people.
func (t *Theta) Contention() string {
	switch t.Form {
	case Sliced:
		return fmt.Sprintf("%v (by %.2f each)", t.Form, t.Slope)
	case Exclusive:
		return fmt.Sprintf("%v (of an execution of 1, %v is beside it)", t.Form, t.Host.At(1).Round(10*time.Microsecond))
	}
	return t.Form.String()
}

// String describes t for people.
func (t *Theta) String() string {
	return fmt.Sprintf("%v each request at the front end, %v the way there and back, %v each request after an execution, %v at the callers, responses %v apart; %s",
		t.FrontEnd, t.Latency.Round(time.Microsecond), t.Release.Round(time.Microsecond), t.Client.Round(time.Microsecond), t.Respond, t.Contention())
}
