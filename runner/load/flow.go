package load

import (
	"time"

	"tritonsweep/results/histogram"
)

// flow is what is seen of an open loop's arrivals in a window, whatever their
// latencies: how many came, how late they were sent, and how many were under way
// on average.
type flow struct {
	arrived int64                // sent in the window
	held    int64                // of them, sent late because all callers were busy
	lag     *histogram.Histogram // how late the others were sent
	late    time.Duration        // sum over answered requests of how late they were sent, held ones too

	before, after int64         // under way at the ends of the window
	area          time.Duration // the integral of how many were under way
}

func newFlow(inside int64) flow { return flow{before: inside, lag: histogram.New()} }

// enter counts a request sent. The integral of the number under way is the sum of
// the instants at which one ended, less those at which one began.
func (f *flow) enter(t timing, start time.Time) {
	f.arrived++
	late := max(t.start.Sub(t.due), 0)
	if t.held {
		f.held++
	} else {
		f.lag.Record(late)
	}
	f.area -= max(t.start.Sub(start), 0)
}

func (f *flow) leave(t timing, start time.Time) { f.area += max(t.end.Sub(start), 0) }

// end closes the window after a duration: those under way are so until then.
func (f *flow) end(inside int64, elapsed time.Duration) {
	f.after = inside
	f.area += time.Duration(inside) * elapsed
}
