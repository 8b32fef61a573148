package stats

import "math"

// Noise is what is known beforehand about how much equal server starts differ:
// the standard deviation of the logarithm of a figure between rounds (about a
// relative spread), and how many observed differences that knowledge is worth.
type Noise struct {
	SD float64
	DF float64
}

// DefaultNoise is for a machine on which no A/A measurement was made yet: starts
// of one config differ by 1.5 % (seen: 0.8 to 1.5 %), trusted as much as two
// observed differences.
var DefaultNoise = Noise{SD: 0.015, DF: 2}

// Combined is a figure over several rounds.
type Combined struct {
	Interval
	Rounds int
	// Between is the estimated relative standard deviation between rounds,
	// 0 for one round.
	Between float64
	// DF is the degrees of freedom of the interval.
	DF float64
}

// Combine joins the intervals of one positive figure, one per round (server
// start), into one that also covers the difference between starts. One round
// keeps its own interval, which then speaks about that start only.
//
// The model is y_i = mu + u_i + e_i on logarithms, because noise is
// multiplicative: u_i of variance tau^2 between rounds, e_i of the variance v_i
// that round i's own interval states. Rounds weigh the same: the start is the
// larger part of the noise, and a weight that depends on the estimate biases
// it. The variance of the mean is (mean v + tau^2)/k.
//
// With two or three rounds, tau estimated from them alone would give
// t-quantiles of one or two degrees of freedom (12.7 and 4.3), and intervals of
// +-100 % for figures known to a few per cent. So tau^2 is the prior's and the
// observed one weighted by their degrees of freedom (the moderated variance of
// Smyth, "Linear models and empirical Bayes methods for assessing differential
// expression in microarray experiments", 2004), but not below the observed one,
// and the sum of both variances gets the degrees of freedom of Satterthwaite, "An
// approximate distribution of estimates of variance components" (Biometrics
// Bulletin, 1946). Rounds that differ much still widen the interval; rounds that
// agree by luck do not close it.
//
// It returns the zero value when there is no round or a figure is not positive.
func Combine(rounds []Interval, prior Noise) Combined {
	logs, ok := logarithms(rounds)
	if !ok {
		return Combined{}
	}
	if len(rounds) == 1 {
		return Combined{Interval: rounds[0], Rounds: 1, DF: withinDF}
	}
	s := logs.summary(prior)
	return Combined{
		Interval: s.interval(),
		Rounds:   len(rounds),
		Between:  s.between,
		DF:       s.df,
	}
}

// withinDF is what a round's own interval is taken to rest on: 20 batches.
const withinDF = startBatches - 1

// estimate is one figure on the log scale with the variance its interval states.
type estimate struct{ log, variance float64 }

type estimates []estimate

// logarithms moves intervals to the log scale.
func logarithms(rounds []Interval) (estimates, bool) {
	out := make(estimates, 0, len(rounds))
	for _, r := range rounds {
		if !(r.Value > 0) || math.IsInf(r.Value, 1) {
			return nil, false
		}
		// The upper end is always positive; a symmetric interval may reach
		// below zero, where there is no logarithm.
		half := math.Log(max(r.High, r.Value) / r.Value)
		if r.Low > 0 {
			half = math.Log(max(r.High, r.Value)/min(r.Low, r.Value)) / 2
		}
		se := half / student(withinDF)
		out = append(out, estimate{math.Log(r.Value), se * se})
	}
	return out, len(out) > 0
}

// summary is the mean of estimates with its standard error, on the log scale.
type summary struct{ mean, se, df, between float64 }

func (e estimates) summary(prior Noise) summary {
	k := float64(len(e))
	var s summary
	var within float64
	for _, x := range e {
		s.mean += x.log / k
		within += x.variance / k
	}
	var squares float64
	for _, x := range e {
		squares += (x.log - s.mean) * (x.log - s.mean)
	}
	// What the rounds scatter beyond their own intervals; with one round
	// nothing is observed, and the prior stands alone.
	observed := max(squares-(k-1)*within, 0)
	tau2, betweenDF := prior.moderate(observed, k-1)
	s.between = math.Sqrt(tau2)
	s.se = math.Sqrt((within + tau2) / k)
	s.df = satterthwaite([]float64{within, tau2}, []float64{k * withinDF, betweenDF})
	return s
}

// moderate joins the prior's variance with the observed sum of squares on df
// degrees of freedom. What was observed is never averaged down by a prior that
// turns out too small, and then the degrees of freedom are mostly its own.
func (n Noise) moderate(squares, df float64) (variance, degrees float64) {
	known := n.DF * n.SD * n.SD
	total := n.DF + df
	if total <= 0 {
		return 0, 1
	}
	variance = (known + squares) / total
	if df > 0 {
		variance = max(variance, squares/df)
	}
	degrees = total
	if squares > 0 {
		own := satterthwaite([]float64{known, squares}, []float64{max(n.DF, 1), df})
		degrees = min(total, max(own, leastBetweenDF))
	}
	return variance, degrees
}

// leastBetweenDF keeps the t-quantile of two rounds at 3.2 instead of 12.7. The
// price is coverage of about 88 % when starts differ twice as much as the prior
// says and only two were made: an A/A measurement or a third round cures it.
const leastBetweenDF = 3

// interval returns to the original scale.
func (s summary) interval() Interval {
	half := student(s.df) * s.se
	return Interval{Value: math.Exp(s.mean), Low: math.Exp(s.mean - half), High: math.Exp(s.mean + half)}
}

// satterthwaite returns the degrees of freedom of a sum of variance estimates.
func satterthwaite(variances, df []float64) float64 {
	var sum, squares float64
	for i, v := range variances {
		sum += v
		squares += v * v / df[i]
	}
	if squares == 0 {
		return math.Inf(1)
	}
	return sum * sum / squares
}
