package pareto

import (
	"math"
	"math/rand/v2"

	"tritonsweep/results/stats"
)

// Uncertain is a point whose figures are known through intervals.
type Uncertain struct {
	Throughput, Latency stats.Interval
}

// membershipDraws makes the standard error of a probability 0.011 at most.
const membershipDraws = 2000

// Membership returns for each point the probability that it lies on the
// frontier, given its intervals: both figures are drawn, independent and
// normal on logarithms, and the frontier of each draw is taken. seed makes the
// result reproducible. See Binois, Ginsbourger, Roustant, "Quantifying
// uncertainty on Pareto fronts with Gaussian process conditional simulations"
// (2015), for the idea of a front's distribution.
func Membership(points []Uncertain, seed uint64) []float64 {
	random := rand.New(rand.NewPCG(seed, 0x7061_7265_746f))
	counts := make([]float64, len(points))
	draw := make([]Point, len(points))
	for range membershipDraws {
		for i, p := range points {
			draw[i] = Point{sample(random, p.Throughput), sample(random, p.Latency)}
		}
		for _, i := range Frontier(draw) {
			counts[i]++
		}
	}
	for i := range counts {
		counts[i] /= membershipDraws
	}
	return counts
}

func sample(random *rand.Rand, i stats.Interval) float64 {
	normal := random.NormFloat64() // always one per figure, so that draws stay comparable
	if !(i.Low > 0 && i.High >= i.Low) {
		return i.Value
	}
	sd := math.Log(i.High/i.Low) / (2 * z95)
	return i.Value * math.Exp(normal*sd)
}
