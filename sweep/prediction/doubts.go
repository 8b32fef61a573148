package prediction

import (
	"fmt"
	"time"

	"tritonsweep/sweep/batcher"
	"tritonsweep/sweep/calibration"
)

// closeDelay is how close a delay may come to the spread of arrivals: nearer,
// the smallest differences decide whether a batch waits for its last requests.
const closeDelay = time.Millisecond

// mostScatter is how far simulations of one point may differ, as a standard deviation,
// before one measurement of it may show another figure.
const mostScatter = 0.05

// leastAnswered is the share of an open loop's items that must be answered in the
// simulated time; some are under way at its end.
const leastAnswered = 0.95

// doubts returns why a point must be measured before it is believed.
func doubts(c *calibration.Calibration, p *Point, f *Forecast, look *batcher.ModelResult) (out []string) {
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	config := &p.Config
	if config.Dynamic && config.Delay > 0 && p.Callers > 1 {
		spread := time.Duration(p.Callers) * max(c.Best.FrontEnd, c.Best.Client, c.Best.Respond)
		if off := config.Delay - spread; off > -closeDelay && off < closeDelay {
			add("the queue delay is close to the spread of arrivals (%v)", spread.Round(10*time.Microsecond))
		}
	}
	if asked := p.Rate * float64(max(1, p.Batch)); f.Throughput.Value < leastAnswered*asked {
		add("more arrives than is answered (%.0f of %.0f/s): latencies grow for as long as that lasts", f.Throughput.Value, asked)
	}
	if len(f.Modes) == 2 && p.Rate == 0 {
		add("a closed loop can lock into two rhythms, at %.0f and %.0f/s", f.Modes[0], f.Modes[1])
	}
	if len(f.Modes) != 2 && p.Rate == 0 && f.scatter > mostScatter {
		add("a closed loop changes its rhythm by chance: simulations of it differ by %.0f %%", 100*f.scatter)
	}
	if config.Dynamic && !config.Prefetch() {
		add("the queue policy switches prefetching off: wake-ups can be lost, each for 500 ms")
	}
	if instances := max(1, config.Instances); instances > 1 && instances > c.MostInstances {
		add("%d instances, calibrated with at most %d", instances, c.MostInstances)
	} else if c.Guessed {
		add("no calibration run shows an instance by itself")
	}
	if largest := largestBatch(look); largest > c.LargestBatch+c.LargestBatch/4 {
		add("batches of %d, calibrated with at most %d", largest, c.LargestBatch)
	}
	if config.VariableShape {
		add("inputs vary in shape: predicted as if all were equal")
	}
	return out
}

func largestBatch(m *batcher.ModelResult) int {
	for size := len(m.BatchCounts) - 1; size > 0; size-- {
		if m.BatchCounts[size] > 0 {
			return size
		}
	}
	return 0
}
