package search

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Options say how to look for a capacity. Zero values mean the defaults.
type Options struct {
	// Start is the rate tried first, requests a second: just below the
	// throughput of a saturated closed loop. It has no default.
	Start float64 `json:"start_per_s"`
	// Tolerance ends the search: the ends of the bracket are apart by no more
	// than this part of the lower one. Default 0.05.
	Tolerance float64 `json:"tolerance"`
	// Looks is how often a rate is measured at most before it stays undecided,
	// and as often again to confirm it. Default 3.
	Looks int `json:"looks"`
	// Points is how many measurements are made at most. Default 40.
	Points int `json:"points"`
	// Span bounds the rates: from Start/Span to Start*Span. Default 64.
	Span float64 `json:"span"`
}

func (o Options) withDefaults() Options {
	if o.Tolerance == 0 {
		o.Tolerance = 0.05
	}
	if o.Looks == 0 {
		o.Looks = 3
	}
	if o.Points == 0 {
		o.Points = 40
	}
	if o.Span == 0 {
		o.Span = 64
	}
	return o
}

// leastTolerance keeps tidied rates apart.
const leastTolerance = 0.005

// tidy rounds a rate to four digits, which people can read and type.
func tidy(rate float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(rate))-3)
	if unit < 1 {
		return math.Round(rate/unit) / math.Round(1/unit)
	}
	return math.Round(rate/unit) * unit
}

// Validate refuses options by which nothing can be found.
func (o Options) Validate() error {
	o = o.withDefaults()
	switch {
	case !(o.Start > 0) || math.IsInf(o.Start, 0):
		return fmt.Errorf("a search that starts at %g requests a second", o.Start)
	case !(o.Tolerance >= leastTolerance && o.Tolerance < 1):
		return fmt.Errorf("tolerance %g: a fraction between %g and 1 is needed (hint: 0.05 for 5 %%)", o.Tolerance, leastTolerance)
	case o.Looks < 1 || o.Points < 1:
		return fmt.Errorf("%d looks and %d points: at least 1 of each is needed", o.Looks, o.Points)
	case !(o.Span > 1):
		return fmt.Errorf("span %g: above 1 is needed", o.Span)
	}
	return nil
}

// Ask is what to measure next.
type Ask struct {
	Rate float64 // requests a second
	// Length is how long to measure, relative to the first look at a rate: each
	// further look is twice as long. A confirmation is as long as the look that it
	// has to confirm.
	Length int
	// Confirm tells that an end of the bracket is measured anew.
	Confirm bool
}

// Capacity is a search under way.
type Capacity struct {
	options Options
	rates   []*rate // ascending
	told    int
	pending Ask
}

// rate is all that is known of one arrival rate.
type rate struct {
	value   float64
	first   evidence
	confirm evidence
}

// NewCapacity begins a search.
func NewCapacity(o Options) (*Capacity, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	return &Capacity{options: o.withDefaults()}, nil
}

// Tell reports a measurement. It confirms when the last Ask was to confirm the
// same rate, and counts for the search otherwise: also rates that were not asked
// for may be told.
func (c *Capacity) Tell(o Observation) {
	c.told++
	r := c.at(o.Rate)
	if c.pending.Confirm && c.pending.Rate == o.Rate {
		r.confirm.add(o)
	} else {
		r.first.add(o)
	}
	c.pending = Ask{}
}

func (c *Capacity) at(value float64) *rate {
	i, found := slices.BinarySearchFunc(c.rates, value, func(r *rate, v float64) int {
		switch {
		case r.value < v:
			return -1
		case r.value > v:
			return 1
		}
		return 0
	})
	if !found {
		c.rates = slices.Insert(c.rates, i, &rate{value: value})
	}
	return c.rates[i]
}

// standing is that of the confirmation, once it showed anything.
func (c *Capacity) standing(r *rate) Standing {
	if r.confirmed() {
		return r.confirm.standing(c.stretch())
	}
	return r.first.standing(1)
}

func (r *rate) confirmed() bool { return len(r.confirm.observations) > 0 }

// mostVoid is how often a rate is measured in vain: what spoilt it may be over.
const mostVoid = 2

// settled reports whether a rate is not to be measured again for its purpose.
func (c *Capacity) settled(r *rate) bool {
	e, stretch := &r.first, 1.0
	if r.confirm.looks() > 0 {
		e, stretch = &r.confirm, c.stretch()
	}
	switch e.standing(stretch) {
	case Passes, Fails:
		return true
	case Unmeasured:
		return e.void >= mostVoid
	}
	return e.looks() >= c.options.Looks
}

// stretch makes room for all looks of a confirmation: together they err as often
// as a single one at the ends of a 95 % interval.
func (c *Capacity) stretch() float64 {
	return distuv.UnitNormal.Quantile(1-0.025/float64(c.options.Looks)) / normal95
}

// Ask returns what to measure next; more is false when there is nothing.
func (c *Capacity) Ask() (a Ask, more bool) {
	if c.told >= c.options.Points {
		return Ask{}, false
	}
	a, more = c.next()
	c.pending = a
	return a, more
}

func (c *Capacity) next() (Ask, bool) {
	for _, r := range c.rates {
		if !c.settled(r) {
			return c.again(r, r.confirm.looks() > 0), true
		}
	}
	// What is left at the end belongs to the confirmation: an honest wide bracket
	// is worth more than a narrow one that nobody stands for.
	if low, high := c.ends(); low == nil || high == nil || c.told < c.options.Points-2*c.options.Looks {
		if value := c.explore(); value > 0 {
			return Ask{Rate: tidy(value), Length: 1}, true
		}
	}
	low, high := c.ends()
	for _, r := range []*rate{low, high} {
		if r != nil && r.confirm.looks() == 0 && c.standing(r) != Unmeasured {
			return c.again(r, true), true
		}
	}
	return Ask{}, false
}

func (c *Capacity) again(r *rate, confirm bool) Ask {
	doublings := len(r.first.observations)
	if confirm {
		doublings = len(r.first.observations) + len(r.confirm.observations) - 1
	}
	return Ask{Rate: r.value, Length: 1 << max(min(doublings, c.options.Looks-1), 0), Confirm: confirm}
}

// ends returns the highest rate that passes and the lowest above it that fails;
// where none fails, the lowest above it that could not be measured.
func (c *Capacity) ends() (low, high *rate) {
	var wall *rate
	for _, r := range slices.Backward(c.rates) {
		switch c.standing(r) {
		case Passes:
			if high == nil {
				high = wall
			}
			return r, high
		case Fails:
			high = r
		case Unmeasured:
			wall = r
		}
	}
	if high == nil {
		high = wall
	}
	return nil, high
}

// explore returns a rate that nobody measured and that would make the bracket
// narrower; 0 when it is narrow enough, or cannot become so.
func (c *Capacity) explore() float64 {
	o := c.options
	low, high := c.ends()
	switch {
	case len(c.rates) == 0:
		return o.Start
	case low == nil:
		return c.below()
	case high == nil:
		return c.above()
	}
	// Between the ends lie rates that are undecided or could not be measured.
	inside := []float64{low.value}
	for _, r := range c.rates {
		if r.value > low.value && r.value < high.value && c.standing(r) != Fails {
			inside = append(inside, r.value)
		}
	}
	inside = append(inside, high.value)
	last := len(inside) - 1
	for _, gap := range [][2]float64{{inside[0], inside[1]}, {inside[last-1], inside[last]}} {
		if gap[1]/gap[0] > 1+o.Tolerance {
			return math.Sqrt(gap[0] * gap[1])
		}
	}
	return 0
}

// steps are the factors by which the search leaves its start: small ones first,
// because the start is a good guess.
var steps = []float64{1.15, 1.3, 1.6, 2}

// below steps down from the lowest rate, as long as the span allows.
func (c *Capacity) below() float64 {
	least := c.options.Start / c.options.Span
	if c.rates[0].value <= least {
		return 0
	}
	return max(least, c.rates[0].value/steps[min(len(c.rates), len(steps))-1])
}

// above steps up from the highest rate, which passes or is undecided.
func (c *Capacity) above() float64 {
	top, most := c.rates[len(c.rates)-1].value, c.options.Start*c.options.Span
	if top >= most {
		return 0
	}
	return min(most, top*steps[min(len(c.rates), len(steps))-1])
}
