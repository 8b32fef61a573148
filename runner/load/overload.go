package load

import (
	"fmt"
	"math"
	"time"

	"tritonsweep/sweep"
)

// Of the requests that arrived in a stretch, the share by which those that wait
// may grow. In a stable system their number goes up and down by what is usually
// under way, which a window of many latencies makes small.
const (
	mostGrowth     = 0.05 // beyond it there is no steady state
	hopelessGrowth = 0.10 // beyond it more time would only make it worse
)

// overloaded reports whether more requests arrived than were answered: grown is by
// how many those that wait have become more. Random arrivals vary by the square
// root of their number.
func overloaded(grown, arrived float64) bool {
	return grown > max(mostGrowth*arrived, 3*math.Sqrt(arrived))
}

func hopeless(grown, arrived float64) bool {
	return grown > max(hopelessGrowth*arrived, 5*math.Sqrt(arrived))
}

// backlog watches whether an open loop's requests pile up.
type backlog struct {
	rate    float64
	since   time.Time
	waiting float64 // at that instant
}

// grown returns by how many the waiting requests have grown, and how many arrived.
func (b backlog) grown(now time.Time, waiting float64) (grown, arrived float64) {
	return waiting - b.waiting, b.rate * now.Sub(b.since).Seconds()
}

// backlogText describes an overload.
func backlogText(l sweep.Load, grown, arrived float64) string {
	return fmt.Sprintf("overloaded: of %.0f requests that arrived at %s/s, %.0f more were waiting at the end than at the beginning",
		arrived, sweep.RateText(l.Rate), grown)
}
