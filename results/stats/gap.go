package stats

import (
	"math"

	"tritonsweep/results/histogram"
)

// Gap is an empty stretch of latencies, in milliseconds, between two modes.
type Gap struct {
	Low, High float64 // the largest latency before it and the smallest after it
	Below     float64 // share of all requests before it
}

// FindGap reports whether the interval of a quantile spans a gap: requests fall
// into two classes (a batch that was full, and one that timed out), the quantile
// sits between them, and its interval will never close, because the density at
// the quantile is nearly zero. The cure is not more requests but to report both
// classes.
//
// Looked at are the requests between the ranks that the quantile's uncertainty
// allows. It is a gap when one empty stretch takes more than half of their range
// on the log scale and is wider than a tenth of the quantile, with at least ten
// requests on either side. For evenly spread requests that has a probability
// below 20*2^-20; a sparse tail fails on its far side.
func FindGap(q Quantile, whole *histogram.Histogram) (Gap, bool) {
	if q.Missing > 0 || !(q.Value > 0) {
		return Gap{}, false
	}
	first, last := limits(q.P, whole.Count(), q.Deff)
	var g Gap
	var seen, below int64
	lowest, previous, widest := 0.0, 0.0, 1.0
	for b := range whole.Buckets() {
		if seen >= last {
			break
		}
		low, high := milliseconds(b.Low), milliseconds(b.High)
		switch {
		case seen+b.Count < first: // not there yet
		case previous == 0:
			lowest = low
			previous = high
		default:
			if low/previous > widest {
				g.Low, g.High, widest, below = previous, low, low/previous, seen
			}
			previous = high
		}
		seen += b.Count
	}
	if below == 0 || !(lowest > 0) {
		return Gap{}, false
	}
	g.Below = float64(below) / float64(whole.Count())
	wide := 2*math.Log(widest) > math.Log(previous/lowest) && g.High-g.Low > q.Value/10
	return g, wide && below-first >= 10 && last-below >= 10
}
