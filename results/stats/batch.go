package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Batches of a run: how many to begin with, and how few merging may leave.
// Schmeiser, "Batch size effects in the analysis of simulation output"
// (Operations Research, 1982) finds 10 to 30 the useful range.
const (
	startBatches = 20
	leastBatches = 10
)

// Mean is a mean of a dependent series with its interval and what the interval
// rests on.
type Mean struct {
	Interval
	// Batches is how many batches were left after merging.
	Batches int
	// Lag1 is the correlation of neighbouring batches; where positive, it went
	// into the interval.
	Lag1 float64
	// DF is the degrees of freedom of the interval.
	DF float64
}

// BatchMeans returns the mean of a stationary, dependent series from the means
// of k contiguous batches (k = 0: 20). Neighbouring batches are merged until
// they pass for independent (correlation r below 0.2, or VonNeumann's P above
// 0.1) or 10 are left. Where r is still positive the variance is multiplied by
// (1+r)/(1-r), the asymptotic factor of a first-order autoregression, and the
// degrees of freedom are divided by it. Ok is false when the series is shorter
// than five.
//
// Law and Kelton, "Simulation Modeling and Analysis", chapter 9; Flegal and
// Jones, "Batch means and spectral variance estimators in Markov chain Monte
// Carlo" (Annals of Statistics, 2010).
func BatchMeans(series []float64, k int) (m Mean, ok bool) {
	ones := make([]float64, len(series))
	for i := range ones {
		ones[i] = 1
	}
	return ratioMean(series, ones, k, math.Inf(-1))
}

// ThroughputInterval returns completions a second from the counts of equally
// long bins after the warm-up, by batch means. Ok is false below five bins.
func ThroughputInterval(binCounts []float64, binSeconds float64) (m Mean, ok bool) {
	seconds := make([]float64, len(binCounts))
	for i := range seconds {
		seconds[i] = binSeconds
	}
	return ratioMean(binCounts, seconds, 0, 0)
}

// MeanInterval returns the mean of a quantity over requests (a latency) from its
// sum and the number of requests in each bin. Bins hold random numbers of
// requests, so this is the ratio estimator: its error is that of the residuals
// sum - mean*count (Cochran, "Sampling Techniques", 1977, chapter 6). Ok is
// false below five bins or without a request.
func MeanInterval(binSums, binCounts []float64) (m Mean, ok bool) {
	return ratioMean(binSums, binCounts, 0, 0)
}

// ratioMean is the estimator under all of the above: sum(num)/sum(den) with the
// error of its residuals over batches.
func ratioMean(num, den []float64, k int, least float64) (Mean, bool) {
	b, ok := newBatched(num, den, k)
	if !ok {
		return Mean{}, false
	}
	se, df := b.standardError()
	return Mean{
		Interval: symmetric(b.ratio, se, df, least),
		Batches:  len(b.num),
		Lag1:     b.lag1,
		DF:       df,
	}, true
}

// batched is a pair of series summed over batches that pass for independent.
type batched struct {
	num, den  []float64
	residuals []float64
	ratio     float64
	total     float64 // sum of den
	lag1      float64
}

// newBatched cuts two series into k batches and merges them as far as needed.
func newBatched(num, den []float64, k int) (batched, bool) {
	if k <= 0 {
		k = startBatches
	}
	k = min(k, len(num))
	if k < 5 {
		return batched{}, false
	}
	b := batched{num: batchSums(num, k), den: batchSums(den, k)}
	for _, d := range b.den {
		b.total += d
	}
	if b.total <= 0 {
		return batched{}, false
	}
	for i := range b.num {
		b.ratio += b.num[i] / b.total
	}
	for {
		b.residual()
		if b.lag1 = Lag1(b.residuals); b.lag1 < 0.2 {
			return b, true
		}
		if _, p := VonNeumann(b.residuals); p > 0.1 {
			return b, true
		}
		if len(b.num)/2 < leastBatches {
			return b, true
		}
		b.num, b.den = batchSums(b.num, len(b.num)/2), batchSums(b.den, len(b.den)/2)
	}
}

func (b *batched) residual() {
	b.residuals = b.residuals[:0]
	for i := range b.num {
		b.residuals = append(b.residuals, b.num[i]-b.ratio*b.den[i])
	}
}

// standardError returns that of the ratio, and its degrees of freedom.
func (b *batched) standardError() (se, df float64) {
	var squares float64
	for _, e := range b.residuals {
		squares += e * e
	}
	k := float64(len(b.num))
	factor := b.inflation()
	return math.Sqrt(squares*k/(k-1)*factor) / b.total, max((k-1)/factor, 2)
}

// inflation is the factor for the correlation that merging left. It also counts
// when it is within chance of zero, because batches that just pass the test still
// resemble each other; a negative one does not, it would only narrow the interval.
func (b *batched) inflation() float64 {
	r := min(max(b.lag1, 0), 0.9)
	return (1 + r) / (1 - r)
}

// BatchAverages returns the means of k contiguous, nearly equal batches of a
// series; k is lowered to the length of the series.
func BatchAverages(series []float64, k int) []float64 {
	k = min(k, len(series))
	averages := batchSums(series, k)
	for j := range averages {
		averages[j] /= float64((j+1)*len(series)/k - j*len(series)/k)
	}
	return averages
}

// batchSums sums k contiguous, nearly equal batches: their lengths differ by at
// most one.
func batchSums(series []float64, k int) []float64 {
	sums := make([]float64, k)
	for j := range sums {
		for _, v := range series[j*len(series)/k : (j+1)*len(series)/k] {
			sums[j] += v
		}
	}
	return sums
}

// Lag1 returns the first autocorrelation of a series, in [-1, 1]; 0 when the
// series is constant or shorter than three.
func Lag1(series []float64) float64 {
	if len(series) < 3 {
		return 0
	}
	m := mean(series)
	var products, squares float64
	for i, v := range series {
		squares += (v - m) * (v - m)
		if i > 0 {
			products += (v - m) * (series[i-1] - m)
		}
	}
	if squares == 0 {
		return 0
	}
	return products / squares
}

// VonNeumann returns the ratio of the squared successive differences to the
// squared deviations, 2 for independent values and less for values that resemble
// their neighbours, and the one-sided probability of a ratio this small under
// independence (normal approximation). A constant or very short series has P 1.
//
// von Neumann, "Distribution of the ratio of the mean square successive
// difference to the variance" (Annals of Mathematical Statistics, 1941).
func VonNeumann(series []float64) (ratio, p float64) {
	k := float64(len(series))
	if k < 4 {
		return 2, 1
	}
	m := mean(series)
	var differences, squares float64
	for i, v := range series {
		squares += (v - m) * (v - m)
		if i > 0 {
			differences += (v - series[i-1]) * (v - series[i-1])
		}
	}
	if squares == 0 {
		return 2, 1
	}
	ratio = differences / squares
	z := (1 - ratio/2) / math.Sqrt((k-2)/(k*k-1))
	return ratio, distuv.UnitNormal.Survival(z)
}
