package prediction

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"

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
	// Seeds under the best calibration, default 5; Draws of its ensemble, default 8.
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
	or(&o.Seeds, 5)
	or(&o.Draws, 8)
	or(&o.Requests, 800)
	return o
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
	scenario := func(t *calibration.Theta, p *Point, requests int, seed uint64) batcher.Scenario {
		return t.Scenario(p.Config, p.Load, calibration.Effort{Requests: requests}, o.Seed+seed)
	}
	looks, err := batcher.SimulateAll(ctx, len(points), o.Workers, func(i int) batcher.Scenario {
		sc := scenario(&c.Best, &points[i], firstLook, 1)
		sc.Warmup, sc.Requests = 0, max(firstLook, 8*points[i].Callers)
		return sc
	})
	if err != nil {
		return nil, fmt.Errorf("predicting: %w", err)
	}
	result := &Result{Forecasts: make([]Forecast, len(points))}
	distinct := distinctPoints(points, looks, result)
	each := o.Seeds + min(o.Draws, len(c.Ensemble))
	runs, err := batcher.SimulateAll(ctx, len(distinct)*each, o.Workers, func(i int) batcher.Scenario {
		p, n := &points[distinct[i/each]], i%each
		if n < o.Seeds {
			return scenario(&c.Best, p, o.Requests, uint64(n+1))
		}
		return scenario(&c.Ensemble[n-o.Seeds], p, o.Requests, uint64(n+1))
	})
	if err != nil {
		return nil, fmt.Errorf("predicting: %w", err)
	}
	for i, point := range distinct {
		of := runs[i*each : (i+1)*each]
		for j := range of {
			result.Events += of[j].Events
		}
		result.Forecasts[point] = forecast(of[:o.Seeds], of[o.Seeds:], c.Spread)
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

// forecast sums up simulations under the best calibration and under draws.
func forecast(best, draws []batcher.Result, spread float64) Forecast {
	of := func(figure func(*batcher.ModelResult) float64) Estimate {
		return estimate(values(best, figure), values(draws, figure), spread)
	}
	x := func(m *batcher.ModelResult) float64 { return m.Throughput }
	return Forecast{
		Throughput: of(x),
		P50:        of(func(m *batcher.ModelResult) float64 { return m.Latency.P50.Seconds() }),
		P95:        of(func(m *batcher.ModelResult) float64 { return m.Latency.P95.Seconds() }),
		P99:        of(func(m *batcher.ModelResult) float64 { return m.Latency.P99.Seconds() }),
		MeanBatch:  of(func(m *batcher.ModelResult) float64 { return m.MeanBatch }),
		Modes:      batcher.Modes(values(best, x)),
	}
}

func values(runs []batcher.Result, figure func(*batcher.ModelResult) float64) []float64 {
	out := make([]float64, len(runs))
	for i := range runs {
		out[i] = figure(&runs[i].Models[0])
	}
	return out
}

// normal90 is how many standard deviations to each side hold 90 %.
const normal90 = 1.645

// estimate takes the value from all simulations, on logarithms the range as well:
// one measurement goes through several phases of a closed loop, and what the
// calibration left open (a little more or less between two arrivals) decides in
// which of them it stays. The range holds what the calibration itself missed, too.
func estimate(best, draws []float64, spread float64) Estimate {
	value := mean(slices.Concat(best, draws))
	if !(value > 0) {
		return Estimate{value, value, value}
	}
	variance, n := 0.0, 0.0
	for _, group := range [][]float64{best, draws} {
		for _, v := range group {
			if v > 0 {
				d := math.Log(v / value)
				variance += d * d
				n++
			}
		}
	}
	width := normal90 * math.Sqrt(variance/max(1, n-1)+spread*spread)
	return Estimate{value, value * math.Exp(-width), value * math.Exp(width)}
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(max(1, len(values)))
}
