package prediction

import (
	"context"
	"fmt"
	"runtime"

	"tritonsweep/sweep/batcher"
	"tritonsweep/sweep/calibration"
)

// Point is a config under a load.
type Point struct {
	Config batcher.Config
	calibration.Load
}

// Options say how much to simulate. The zero value means the defaults.
type Options struct {
	// Workers is the number of goroutines; default: one for each processor.
	Workers int
	// Seeds under the best calibration, default 3, and Draws of its ensemble,
	// default 3. Points on which these disagree are simulated four times as often.
	Seeds, Draws int
	// Requests of one simulation at least, default 800.
	Requests int
	// Seed drives what is random.
	Seed uint64
}

func (o Options) withDefaults() Options {
	or := func(value *int, otherwise int) {
		if *value < 1 {
			*value = otherwise
		}
	}
	or(&o.Workers, runtime.GOMAXPROCS(0))
	or(&o.Seeds, 3)
	or(&o.Draws, 3)
	or(&o.Requests, 800)
	return o
}

func (p *Point) scenario(t *calibration.Theta, requests int, seed uint64) batcher.Scenario {
	return t.Scenario(p.Config, p.Load, calibration.Effort{Requests: requests}, seed)
}

// Estimate is a predicted figure with the range in which a measurement would
// lie nine times in ten, if the simulation is right.
type Estimate struct{ Value, Low, High float64 }

// Forecast is what is predicted for one point.
type Forecast struct {
	// Throughput is in items a second, the latencies are in seconds.
	Throughput, P50, P95, P99 Estimate
	// MeanBatch is in items.
	MeanBatch Estimate
	// Modes are the throughputs between which a closed loop is divided that
	// can lock into more than one phase; nil when all simulations agree.
	Modes []float64
	// MustMeasure says why the point deserves a measurement before it is
	// believed; empty for most.
	MustMeasure []string
	// scatter is by how much the simulations' throughputs differ, as a relative
	// standard deviation.
	scatter float64
	// Same is the index of the point that was simulated for this one: an equal
	// course of batches. It is the point's own for those that were.
	Same int
}

// Result is a predicted space.
type Result struct {
	// Forecasts are in the order of the points.
	Forecasts []Forecast
	// Distinct counts the points that differ.
	Distinct int
	// Events is the number of simulated events.
	Events uint64
}

// firstLook is how many requests of a point tell it from others.
const firstLook = 400

// Space predicts all points. It ends early, with an error, when ctx does or a
// point's config is impossible.
func Space(ctx context.Context, c *calibration.Calibration, points []Point, o Options) (*Result, error) {
	o = o.withDefaults()
	looks, err := batcher.SimulateAll(ctx, len(points), o.Workers, func(i int) batcher.Scenario {
		sc := points[i].scenario(&c.Best, firstLook, o.Seed+1)
		sc.Warmup, sc.Requests = 0, max(firstLook, 8*points[i].Callers)
		return sc
	})
	if err != nil {
		return nil, fmt.Errorf("predicting: %w", err)
	}
	result := &Result{Forecasts: make([]Forecast, len(points))}
	distinct := distinctPoints(points, looks, result)
	different := make([]*Point, len(distinct))
	for i, point := range distinct {
		different[i] = &points[point]
	}
	samples, err := samplesOf(ctx, c, different, o)
	if err != nil {
		return nil, fmt.Errorf("predicting: %w", err)
	}
	for i, point := range distinct {
		result.Events += samples[i].events()
		result.Forecasts[point] = forecast(samples[i].best, samples[i].draws, c.Spread)
		result.Forecasts[point].Same = point
	}
	for i := range points {
		f := &result.Forecasts[i]
		if same := f.Same; same != i {
			*f = result.Forecasts[same]
		}
		f.MustMeasure = doubts(c, &points[i], f, &looks[i].Models[0])
	}
	return result, nil
}

// distinctPoints returns the first of each group of points with an equal
// course, and notes in result for which one each stands.
func distinctPoints(points []Point, looks []batcher.Result, result *Result) (distinct []int) {
	type course struct {
		fingerprint uint64
		load        calibration.Load
	}
	first := map[course]int{}
	for i := range looks {
		m := &looks[i].Models[0]
		result.Events += looks[i].Events
		k := course{m.Fingerprint, points[i].Load}
		if at, ok := first[k]; ok {
			result.Forecasts[i].Same = at
			continue
		}
		first[k] = i
		result.Forecasts[i].Same = i
		distinct = append(distinct, i)
	}
	result.Distinct = len(distinct)
	return distinct
}
