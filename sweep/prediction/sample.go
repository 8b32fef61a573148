package prediction

import (
	"context"
	"math"
	"slices"

	"tritonsweep/sweep/batcher"
	"tritonsweep/sweep/calibration"
)

// sample is the simulations of one point: under the best calibration with several
// seeds, and once under each of some draws of the ensemble.
type sample struct {
	point       *Point
	best, draws []batcher.Result
}

func (s *sample) events() (n uint64) {
	for _, runs := range [][]batcher.Result{s.best, s.draws} {
		for i := range runs {
			n += runs[i].Events
		}
	}
	return n
}

// steady is how far simulations of one point may be apart, as the standard
// deviation of the figure's logarithm: a closed loop that can lock into several
// rhythms goes beyond it, and its mean needs more of them.
const steady = 0.02

func (s *sample) unsettled() bool {
	all := slices.Concat(s.best, s.draws)
	return scatter(values(all, throughput)) > steady || scatter(values(all, p95)) > steady
}

// scatter is the standard deviation of the logarithms of values above 0.
func scatter(values []float64) float64 {
	var n, sum, squares float64
	for _, v := range values {
		if v > 0 {
			l := math.Log(v)
			n, sum, squares = n+1, sum+l, squares+l*l
		}
	}
	if n < 2 {
		return 0
	}
	return math.Sqrt(max(0, squares-sum*sum/n) / (n - 1))
}

// more is how many times as many simulations an unsettled point gets again.
const more = 3

// samplesOf simulates points, and those that are unsettled again, with other seeds
// and further draws.
func samplesOf(ctx context.Context, c *calibration.Calibration, points []*Point, o Options) ([]sample, error) {
	samples := make([]sample, len(points))
	all := make([]*sample, len(points))
	for i := range samples {
		samples[i].point = points[i]
		all[i] = &samples[i]
	}
	draws := min(o.Draws, len(c.Ensemble))
	if err := simulate(ctx, c, all, o.Seeds, draws, o); err != nil {
		return nil, err
	}
	again := slices.DeleteFunc(all, func(s *sample) bool { return !s.unsettled() })
	return samples, simulate(ctx, c, again, more*o.Seeds, min(more*draws, len(c.Ensemble)-draws), o)
}

// simulate adds runs to each of the samples: with so many new seeds, and under so
// many further draws of the ensemble.
func simulate(ctx context.Context, c *calibration.Calibration, samples []*sample, seeds, draws int, o Options) error {
	each := seeds + draws
	runs, err := batcher.SimulateAll(ctx, len(samples)*each, o.Workers, func(i int) batcher.Scenario {
		s, n := samples[i/each], i%each
		theta, seed := &c.Best, o.Seed+uint64(len(s.best)+len(s.draws)+n+1)
		if n >= seeds {
			theta = &c.Ensemble[len(s.draws)+n-seeds]
		}
		return s.point.scenario(theta, o.Requests, seed)
	})
	if err != nil {
		return err
	}
	for i, s := range samples {
		of := runs[i*each : (i+1)*each]
		s.best = append(s.best, of[:seeds]...)
		s.draws = append(s.draws, of[seeds:]...)
	}
	return nil
}
