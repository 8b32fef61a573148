package sweep

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
)

// Load says how requests are offered to a model: by a closed loop of callers, or
// by an open loop in which requests arrive whether or not the server keeps up.
// Equal loads compare equal with ==.
type Load struct {
	// Concurrency is the number of callers of a closed loop: each sends its
	// next request when the last one was answered. It is 0 in an open loop.
	Concurrency int `json:"concurrency"`
	// BatchSize is the number of items in one request (the client batch), at least 1.
	BatchSize int `json:"batch_size"`

	// Share is the part of the requests of a closed loop of several models that goes
	// to this one; 0 is all of them. The callers are those of the whole loop.
	Share float64 `json:"share,omitempty"`

	// Rate is the arrival rate of an open loop in requests a second; 0 is a
	// closed loop.
	Rate float64 `json:"rate_per_s,omitempty"`
	// Arrivals is the process of an open loop; empty there means Poisson.
	Arrivals Arrivals `json:"arrivals,omitempty"`
	// Trace names the intervals of Recorded arrivals.
	Trace string `json:"trace,omitempty"`
}

// Arrivals is how the instants of an open loop are drawn.
type Arrivals string

// The processes of arrivals.
const (
	Poisson  Arrivals = "poisson"  // independent exponential intervals: many users who do not know of each other
	Constant Arrivals = "constant" // equal intervals: a camera, a cron job
	Recorded Arrivals = "recorded" // intervals from a file, repeated, stretched to the rate
)

// Open reports whether requests arrive without waiting for answers.
func (l Load) Open() bool { return l.Rate != 0 || l.Arrivals != "" }

// mostRate is the highest arrival rate, requests a second: one a microsecond.
const mostRate = 1e6

// Validate refuses a load that cannot be offered.
func (l Load) Validate() error {
	switch {
	case l.BatchSize < 1:
		return fmt.Errorf("client batch %d: at least 1 is needed", l.BatchSize)
	case !l.Open() && l.Concurrency < 1:
		return fmt.Errorf("concurrency %d: at least 1 is needed", l.Concurrency)
	case !l.Open() && l.Trace != "":
		return fmt.Errorf("a closed loop has no recorded arrivals (%s)", l.Trace)
	case !(l.Share >= 0 && l.Share < 1) || l.Share > 0 && l.Open():
		return fmt.Errorf("a share of %g of a closed loop's requests: between 0 and 1 is needed", l.Share)
	case !l.Open():
		return nil
	case !(l.Rate > 0 && l.Rate <= mostRate):
		return fmt.Errorf("arrival rate %g: more than 0 and at most %g requests a second are needed", l.Rate, mostRate)
	case l.Concurrency != 0:
		return fmt.Errorf("a load is either a closed loop (concurrency %d) or an open one (%g/s)", l.Concurrency, l.Rate)
	case l.Arrivals == Recorded && l.Trace == "":
		return fmt.Errorf("recorded arrivals without the name of a recording")
	case l.Arrivals != Recorded && l.Trace != "":
		return fmt.Errorf("%s arrivals are not recorded (%s)", l.Arrivals, l.Trace)
	case l.Arrivals != "" && l.Arrivals != Poisson && l.Arrivals != Constant && l.Arrivals != Recorded:
		return fmt.Errorf("unknown arrivals %q (hint: %s, %s or %s)", l.Arrivals, Poisson, Constant, Recorded)
	}
	return nil
}

// String returns for example "c=8 b=1", and in an open loop "r=200/s b=1",
// "r=200/s constant b=1" or "r=200/s monday.txt b=1".
func (l Load) String() string {
	return fmt.Sprintf("%s b=%d", l.Offered(), l.BatchSize)
}

// Offered is String without the client batch: "c=8", "r=200/s constant".
func (l Load) Offered() string {
	if !l.Open() {
		if l.Share > 0 {
			return fmt.Sprintf("c=%d %.3g%%", l.Concurrency, 100*l.Share)
		}
		return fmt.Sprintf("c=%d", l.Concurrency)
	}
	text := "r=" + RateText(l.Rate) + "/s"
	switch l.Arrivals {
	case Constant:
		text += " constant"
	case Recorded:
		text += " " + l.Trace
	}
	return text
}

// RateText writes an arrival rate as people type it, at most three decimals.
func RateText(rate float64) string {
	return strconv.FormatFloat(math.Round(rate*1000)/1000, 'f', -1, 64)
}

// Compare orders loads: by client batch, closed loops before open ones, then by
// how much is offered.
func (l Load) Compare(m Load) int {
	open := func(l Load) int {
		if l.Open() {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(l.BatchSize, m.BatchSize), cmp.Compare(open(l), open(m)),
		cmp.Compare(l.Arrivals, m.Arrivals), cmp.Compare(l.Trace, m.Trace),
		cmp.Compare(l.Concurrency, m.Concurrency), cmp.Compare(l.Share, m.Share), cmp.Compare(l.Rate, m.Rate),
	)
}
