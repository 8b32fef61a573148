package search

import "math"

// Standing is how a rate stands to the limits.
type Standing string

// The standings.
const (
	Passes    Standing = "passes"
	Fails     Standing = "fails"
	Undecided Standing = "undecided"
	// Unmeasured is a rate that was measured in vain: the client was the
	// bottleneck, or a rule was broken.
	Unmeasured Standing = "unmeasured"
)

// Figure is something that has a limit: a latency quantile, or a share of errors.
// Low and High are its two-sided 95 % interval. An unknown figure has NaN for a
// Value and decides nothing.
type Figure struct {
	Name             string
	Limit            float64
	Value, Low, High float64
}

// Observation is one measurement of a rate.
type Observation struct {
	Rate    float64 // requests a second
	Figures []Figure
	// Overload tells that requests arrived faster than they were answered, or
	// that something else made the rate impossible: it fails, whatever the figures.
	Overload bool
	// Void tells that nothing about it may be used.
	Void bool
}

// evidence is what is known of a rate, or what its confirmation showed.
type evidence struct {
	observations []Observation
	void         int
}

func (e *evidence) add(o Observation) {
	if o.Void {
		e.void++
		return
	}
	e.observations = append(e.observations, o)
}

// looks counts the measurements, those in vain included.
func (e *evidence) looks() int { return e.void + len(e.observations) }

// standing judges by all observations together; bounds are stretched by a factor.
func (e *evidence) standing(stretch float64) Standing {
	if len(e.observations) == 0 {
		return Unmeasured
	}
	overloads := 0
	for _, o := range e.observations {
		if o.Overload {
			overloads++
		}
	}
	if 2*overloads >= len(e.observations) && overloads > 0 {
		return Fails
	}
	passes := overloads == 0
	for i := range e.observations[0].Figures {
		f := e.pooled(i).stretched(stretch)
		if f.Low > f.Limit {
			return Fails
		}
		passes = passes && f.High < f.Limit
	}
	if passes {
		return Passes
	}
	return Undecided
}

// pooled joins the observations of a figure on the log scale, weighed by their
// intervals. Where they differ more than these allow, the joint one is wider by
// as much (Birge, "The calculation of errors by the method of least squares",
// Physical Review, 1932). A figure that has no logarithm counts as last seen.
func (e *evidence) pooled(i int) Figure {
	var last Figure
	var mean, weights, squares float64
	n := 0
	for _, o := range e.observations {
		f := o.Figures[i]
		if !(f.Value >= 0) {
			if n == 0 {
				last = f
			}
			continue
		}
		last = f
		s := math.Log(f.High/f.Low) / 2
		if !(f.Low > 0) || !(s > 0) || math.IsInf(s, 1) {
			return e.observations[len(e.observations)-1].Figures[i]
		}
		w, x := 1/(s*s), math.Log(f.Value)
		d := x - mean
		weights += w
		mean += d * w / weights
		squares += w * d * (x - mean)
		n++
	}
	if n < 2 {
		return last
	}
	// Intervals are 1.96 standard errors wide, and so is their mean square.
	birge := math.Sqrt(max(1, squares*normal95*normal95/float64(n-1)))
	half := birge / math.Sqrt(weights)
	last.Value, last.Low, last.High = math.Exp(mean), math.Exp(mean-half), math.Exp(mean+half)
	return last
}

// normal95 is the 97.5 % quantile of the standard normal distribution.
const normal95 = 1.959963984540054

// stretched moves the ends away from the value, on the log scale.
func (f Figure) stretched(by float64) Figure {
	if by == 1 || !(f.Value > 0) {
		return f
	}
	if f.Low > 0 {
		f.Low = f.Value * math.Pow(f.Low/f.Value, by)
	}
	f.High = f.Value * math.Pow(f.High/f.Value, by)
	return f
}
