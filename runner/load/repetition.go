package load

import (
	"fmt"
	"math"
	"time"

	"tritonsweep/results"
	"tritonsweep/results/stats"
)

// mostFaster is by how much input that was sent before may be answered faster.
const mostFaster = 0.10

// Repetition is how long input took that was sent before, and how long other input.
type Repetition struct {
	// Repeated and Varied are typical latencies.
	Repeated, Varied time.Duration
	// Ratio is Varied/Repeated, of pairs.
	Ratio    stats.Ratio
	Requests int // of either kind
	Distinct int // of the repeated ones
}

// Check is the rule.
func (r Repetition) Check() results.Check {
	c := results.Check{
		Name: "repeated", Passed: true, Suspect: r.Ratio.Low > 1+mostFaster,
		Detail: fmt.Sprintf("one at a time before the first point, input that was sent before took %s and new input %s, %.2f times as long [%.2f, %.2f] (suspect where all of it is above %.2f): %d requests of each, of the former %d different ones",
			micro(r.Repeated), micro(r.Varied), r.Ratio.Value, r.Ratio.Low, r.Ratio.High, 1+mostFaster, r.Requests, r.Distinct),
	}
	if c.Suspect {
		c.Detail += ": something answers from memory, or the work depends on the input (hint: real data with --input, or a larger --distinct)"
	}
	return c
}

func (c *comparison) pairs() int {
	if c == nil {
		return 0
	}
	return len(c.varied)
}

// result compares the pairs on logarithms. They are single observations, and how
// much they differ is all that is known of their noise.
func (c *comparison) result() Repetition {
	repeated, varied := exact(c.repeated), exact(c.varied)
	return Repetition{
		Repeated: geometric(c.repeated), Varied: geometric(c.varied),
		Ratio:    stats.RatioInterval(repeated, varied, stats.Noise{}),
		Requests: c.pairs() * c.block, Distinct: len(c.own),
	}
}

// exact are figures without intervals of their own.
func exact(all []time.Duration) []stats.Interval {
	out := make([]stats.Interval, len(all))
	for i, d := range all {
		out[i] = stats.Interval{Value: float64(d), Low: float64(d), High: float64(d)}
	}
	return out
}

// geometric is the mean on logarithms, where the ratio is a difference.
func geometric(all []time.Duration) time.Duration {
	sum := 0.0
	for _, d := range all {
		sum += math.Log(float64(d))
	}
	return time.Duration(math.Exp(sum / float64(max(len(all), 1))))
}
