package stats

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"
)

// goodDraws makes the standard error of a probability 0.011 at most.
const goodDraws = 2000

// GoodProbability returns the probability that the setting chosen is within delta
// of the best one, the control included: that no other one is better by more
// than the fraction delta. ratios are those of all settings to one control,
// larger being better.
//
// It is the posterior probability of a good selection: the logarithm of each
// ratio has a Student distribution around what was measured, which is what a flat
// prior leaves (Branke, Chick and Schmidt, "Selecting a selection procedure",
// Management Science, 2007, where it is PGS). Half of each variance, about the
// control's share, is common to all ratios and moves them together. The draws
// come from seed, so equal data give equal answers.
func GoodProbability(ratios []Ratio, chosen int, delta float64, seed uint64) float64 {
	random := rand.New(rand.NewPCG(seed, 0x676f_6f64))
	good := 0
	for range goodDraws {
		shared := random.NormFloat64() // the control's error, in its standard errors
		var mine float64
		best := 0.0 // the control's own ratio, 1
		for i, r := range ratios {
			v := draw(random, r, shared)
			if i == chosen {
				mine = v
			}
			best = max(best, v)
		}
		if mine >= best-math.Log1p(delta) {
			good++
		}
	}
	return float64(good) / goodDraws
}

// draw returns the logarithm of one ratio.
func draw(random *rand.Rand, r Ratio, shared float64) float64 {
	se := r.SE()
	if !(r.Value > 0) || math.IsNaN(se) {
		return math.Inf(-1)
	}
	z := (random.NormFloat64() + shared) / math.Sqrt2
	if r.DF < 1e6 {
		z /= math.Sqrt(distuv.ChiSquared{K: r.DF, Src: random}.Rand() / r.DF)
	}
	return math.Log(r.Value) + se*z
}
