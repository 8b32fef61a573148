package stats

import (
	"math"
	"time"

	"tritonsweep/results/histogram"

	"gonum.org/v1/gonum/stat/distuv"
)

// Methods of a quantile's interval.
const (
	Sectioning      = "batch quantiles with sectioning"
	OrderStatistics = "order statistics, deflated"
)

// exceedances is how many requests beyond the quantile each batch must hold
// before its own quantile means something.
const exceedances = 10

// Quantile is a latency quantile with its interval in milliseconds.
type Quantile struct {
	Interval
	// P is which quantile, in (0, 1).
	P float64
	// Missing is how many more requests the quantile needs before it may be
	// reported; 0 when it may. While it is not 0 the Interval is zero.
	Missing int64
	// Method is Sectioning or OrderStatistics; empty while Missing is not 0.
	Method string
	// Requests is the sample size, Deff the design effect used, Batches the
	// number of batches it was found with.
	Requests int64
	Deff     float64
	Batches  int
}

// QuantileInterval returns the p-quantile of all latencies in batches, equally
// long contiguous stretches of a run after the warm-up, with an interval that
// holds for dependent latencies. It needs at least five batches; ten to forty
// are best.
//
// The design effect comes from the share of requests beyond the quantile in each
// batch (batches merged until neighbours pass for independent), and is never
// taken below 1. When the sample is smaller than MinimumRequests times it, the
// quantile is refused and Missing says by how many requests. Otherwise:
//
//   - with ten exceedances in each of at least ten batches, the spread of the
//     batch quantiles around the overall one, Student's t: sectioning (Asmussen
//     and Glynn, "Stochastic Simulation", 2007, chapter III; Alexopoulos et al.,
//     "Sequest: a sequential procedure for estimating quantiles in steady-state
//     simulations", Operations Research, 2019);
//   - else order statistics whose levels are the binomial limits for a sample of
//     n/deff (Woodruff, "Confidence intervals for medians and other position
//     measures", JASA, 1952, for the inversion; Korn and Graubard, "Confidence
//     intervals for proportions with small expected number of positive counts
//     estimated from survey data", 1998, for the deflated count; Brown, Cai and
//     DasGupta, "Interval estimation for a binomial proportion", 2001, for
//     Jeffreys' limits; Heidelberger and Lewis, "Quantile estimation in
//     dependent sequences", Operations Research, 1984).
//
// The rounding of the buckets, at most histogram.Error, is independent of the
// sampling error, so that the two are combined in quadrature (JCGM 100:2008,
// "Guide to the expression of uncertainty in measurement", 5.1.2).
func QuantileInterval(p float64, batches []*histogram.Histogram) Quantile {
	return new(Room).QuantileInterval(p, batches)
}

// Room is memory to add histograms up in. Whoever looks at a run again and again
// keeps one, and leaves no garbage behind. The zero value is ready.
type Room struct{ whole, section histogram.Histogram }

// QuantileInterval is the function of that name.
func (r *Room) QuantileInterval(p float64, batches []*histogram.Histogram) Quantile {
	whole := r.Sum(batches)
	q := Quantile{P: p, Requests: whole.Count(), Deff: 1, Batches: len(batches)}
	if whole.Count() == 0 || len(batches) < 5 {
		q.Missing = max(MinimumRequests(p)-whole.Count(), 1)
		return q
	}
	point := whole.Quantile(p)
	q.Deff, q.Batches = designEffect(point, batches)
	if need := int64(math.Ceil(float64(MinimumRequests(p)) * q.Deff)); q.Requests < need {
		q.Missing = need - q.Requests
		return q
	}
	if k := sections(p, q.Requests, q.Deff, q.Batches); k > 0 {
		q.Method, q.Batches = Sectioning, k
		q.Interval = r.sectioned(p, point, batches, k)
	} else {
		q.Method = OrderStatistics
		q.Interval = ordered(p, whole, q.Deff)
	}
	q.Interval = rounded(q.Interval)
	return q
}

// PooledQuantile returns the p-quantile of whole, the requests of several rounds
// together, which are worth Count/deff independent ones. It is refused, and
// Missing says by how many requests, where QuantileInterval would refuse it. The
// interval is that of order statistics: it holds for the rounds that were
// measured and knows nothing of how much rounds differ.
func PooledQuantile(p float64, whole *histogram.Histogram, deff float64) Quantile {
	q := Quantile{P: p, Requests: whole.Count(), Deff: max(deff, 1)}
	if need := int64(math.Ceil(float64(MinimumRequests(p)) * q.Deff)); q.Requests < need {
		q.Missing = need - q.Requests
		return q
	}
	q.Method, q.Interval = OrderStatistics, ordered(p, whole, q.Deff)
	q.Interval = rounded(q.Interval)
	return q
}

// rounded widens the interval of a quantile by the rounding of the buckets.
func rounded(i Interval) Interval {
	rounding := histogram.Error * i.Value
	i.Low = i.Value - math.Hypot(i.Value-i.Low, rounding)
	i.High = i.Value + math.Hypot(i.High-i.Value, rounding)
	return i
}

// Sum returns all histograms merged into a new one.
func Sum(batches []*histogram.Histogram) *histogram.Histogram { return new(Room).Sum(batches) }

// Sum returns all histograms merged into one that stands until the room is used
// again.
func (r *Room) Sum(batches []*histogram.Histogram) *histogram.Histogram {
	return added(&r.whole, batches)
}

func added(sum *histogram.Histogram, batches []*histogram.Histogram) *histogram.Histogram {
	sum.Reset()
	for _, b := range batches {
		sum.Merge(b)
	}
	return sum
}

// designEffect returns the variance of the share of requests beyond the point
// over that of independent requests, at least 1, and how many batches passed for
// independent. The bucket of the point may hold many requests, so the share is
// taken with and without it, and the larger effect counts.
func designEffect(point time.Duration, batches []*histogram.Histogram) (deff float64, k int) {
	counts := make([]float64, len(batches))
	above := make([]float64, len(batches))
	notBelow := make([]float64, len(batches))
	for i, b := range batches {
		counts[i] = float64(b.Count())
		above[i] = float64(b.Above(point))
		notBelow[i] = float64(b.Count() - b.Below(point))
	}
	deff, k = 1, len(batches)
	for _, beyond := range [][]float64{above, notBelow} {
		b, ok := newBatched(beyond, counts, len(batches))
		if !ok || b.ratio <= 0 || b.ratio >= 1 {
			continue
		}
		se, _ := b.standardError()
		deff = max(deff, se*se*b.total/(b.ratio*(1-b.ratio)))
		k = min(k, len(b.num))
	}
	return deff, k
}

// sections returns into how many batches a sample of n may be cut so that each
// holds enough requests on both sides of the quantile; 0 when fewer than ten. Of
// requests that are worth only n/deff the batches are fewer and longer, because
// the quantile of a batch with a handful of independent exceedances is skewed.
func sections(p float64, n int64, deff float64, atMost int) int {
	enough := float64(n) * min(p, 1-p) / exceedances
	if enough < leastBatches || atMost < leastBatches {
		return 0
	}
	return max(leastBatches, min(int(enough/deff), atMost, 2*startBatches))
}

// sectioned centres the spread of the batch quantiles on the overall quantile,
// not on their mean, because each of them is biased and it hardly is. Sections are
// n contiguous, nearly equal groups of batches.
func (r *Room) sectioned(p float64, point time.Duration, batches []*histogram.Histogram, n int) Interval {
	centre := milliseconds(point)
	var squares float64
	deviations := make([]float64, 0, n)
	for j := range n {
		section := added(&r.section, batches[j*len(batches)/n:(j+1)*len(batches)/n])
		d := milliseconds(section.Quantile(p)) - centre
		deviations = append(deviations, d)
		squares += d * d
	}
	b := batched{num: deviations, residuals: deviations, lag1: Lag1(deviations)}
	k, factor := float64(n), b.inflation()
	return symmetric(centre, math.Sqrt(squares*factor/(k*(k-1))), max((k-1)/factor, 2), 0)
}

// ordered returns the order statistics at the binomial limits of p for a sample
// of Count/deff.
func ordered(p float64, whole *histogram.Histogram, deff float64) Interval {
	low, high := limits(p, whole.Count(), deff)
	return Interval{
		Value: milliseconds(whole.Quantile(p)),
		Low:   milliseconds(whole.At(low)),
		High:  milliseconds(whole.At(high)),
	}
}

// limits returns the 1-based ranks between which the true p-quantile lies at
// Level, for n requests that are worth n/deff.
func limits(p float64, n int64, deff float64) (low, high int64) {
	effective := float64(n) / deff
	share := distuv.Beta{Alpha: effective*p + 0.5, Beta: effective*(1-p) + 0.5}
	low = int64(math.Floor(share.Quantile((1-Level)/2) * float64(n)))
	high = int64(math.Ceil(share.Quantile(1-(1-Level)/2) * float64(n)))
	return max(low, 1), min(high, n)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
