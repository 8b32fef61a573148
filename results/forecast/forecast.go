package forecast

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"tritonsweep/sweep"
	"tritonsweep/sweep/batcher"
	"tritonsweep/sweep/calibration"
	"tritonsweep/sweep/prediction"
	"tritonsweep/tritonconfig"
)

// Notice stands in every view.
const Notice = "PREDICTED, NOT MEASURED: every figure below comes from a simulation in virtual time."

// Forecast is a predicted space of one model.
type Forecast struct {
	Notice string `json:"notice"`
	// Measured is false: nothing in Points was measured.
	Measured bool        `json:"measured"`
	Model    string      `json:"model"`
	Run      string      `json:"calibrated_from"`
	Learned  Calibration `json:"calibration"`
	// Distinct counts the points that differ; the others take an equal course.
	Distinct int     `json:"distinct_points"`
	Events   uint64  `json:"simulated_events"`
	Seconds  float64 `json:"took_s"`
	Points   []Point `json:"points"`
}

// Calibration is what was learned from the run, in words and milliseconds.
type Calibration struct {
	FrontEnd    float64            `json:"front_end_ms"` // each request, one after another
	Latency     float64            `json:"latency_ms"`   // the way there and back
	Contention  string             `json:"contention"`
	Service     map[string]float64 `json:"execution_ms"` // by batch size
	SeenBatch   int                `json:"largest_batch_seen"`
	Spread      float64            `json:"spread"` // relative, of the runs' own throughput
	Trustworthy bool               `json:"trustworthy"`
	Runs        []Residual         `json:"runs"`
	Notes       []string           `json:"notes,omitempty"`
}

// Residual is a measured run beside its own simulation.
type Residual struct {
	Run           string  `json:"run"`
	Throughput    float64 `json:"measured_per_s"`
	P95           float64 `json:"measured_p95_ms,omitempty"`
	ThroughputOff float64 `json:"throughput_off"` // simulated / measured - 1
	P95Off        float64 `json:"p95_off"`
}

// Point is one settings value under one load, as predicted.
type Point struct {
	Settings tritonconfig.Settings `json:"settings"`
	Load     sweep.Load            `json:"load"`
	// Throughput is in items a second, latencies are in milliseconds; each with
	// the range in which a measurement would lie nine times in ten.
	Throughput Estimate  `json:"throughput_per_s"`
	P50        Estimate  `json:"latency_p50_ms"`
	P95        Estimate  `json:"latency_p95_ms"`
	P99        Estimate  `json:"latency_p99_ms"`
	Batch      Estimate  `json:"average_batch"`
	Modes      []float64 `json:"throughput_modes_per_s,omitempty"`
	// MustMeasure says why this point is not to be believed unmeasured.
	MustMeasure []string `json:"must_measure,omitempty"`
	// Course numbers the points that differ: those of one course are one point.
	Course int `json:"course"`
}

// Estimate is a predicted figure and its range.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Asked says what to predict.
type Asked struct {
	Model, Run string
	// Base is the config in force, which Settings change.
	Base     batcher.Config
	Settings []tritonconfig.Settings
	Loads    []sweep.Load
	Seed     uint64
}

// Make predicts what is asked, from a calibration.
func Make(ctx context.Context, c *calibration.Calibration, a Asked) (*Forecast, error) {
	f := &Forecast{Notice: Notice, Model: a.Model, Run: a.Run, Learned: learned(c, a.Base.MaxBatch)}
	var points []prediction.Point
	for _, s := range a.Settings {
		config := a.Base.With(s)
		for _, l := range a.Loads {
			if l.BatchSize > max(1, config.MaxBatch) {
				continue
			}
			points = append(points, prediction.Point{Config: config, Load: calibration.Load{
				Callers: l.Concurrency, Batch: l.BatchSize, Rate: l.Rate, Constant: l.Arrivals == sweep.Constant,
			}})
			f.Points = append(f.Points, Point{Settings: s, Load: l})
		}
	}
	made, err := prediction.Space(ctx, c, points, prediction.Options{Seed: a.Seed})
	if err != nil {
		return nil, err
	}
	f.Distinct, f.Events = made.Distinct, made.Events
	for i := range f.Points {
		p, from := &f.Points[i], &made.Forecasts[i]
		p.Throughput, p.Batch = Estimate(from.Throughput), Estimate(from.MeanBatch)
		p.P50, p.P95, p.P99 = inMilliseconds(from.P50), inMilliseconds(from.P95), inMilliseconds(from.P99)
		p.Modes, p.MustMeasure, p.Course = from.Modes, from.MustMeasure, from.Same
	}
	return f, nil
}

func inMilliseconds(e prediction.Estimate) Estimate {
	return Estimate{1e3 * e.Value, 1e3 * e.Low, 1e3 * e.High}
}

func learned(c *calibration.Calibration, largest int) Calibration {
	out := Calibration{
		FrontEnd: ms(c.Best.FrontEnd), Latency: ms(c.Best.Latency), Contention: c.Best.Contention(),
		Service: map[string]float64{}, SeenBatch: c.LargestBatch, Spread: c.Spread, Trustworthy: !c.Poor(), Notes: c.Notes,
	}
	for _, size := range c.Best.Total.Sizes() {
		out.Service[fmt.Sprint(size)] = ms(c.Best.Total.At(size))
	}
	for _, r := range c.Residuals {
		out.Runs = append(out.Runs, Residual{r.Run, r.Throughput, 1e3 * r.P95, r.ThroughputOff, r.P95Off})
	}
	return out
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Best returns the points of a load in falling order of throughput, those whose
// p95 (or p99) is above a limit in milliseconds left out; limits of 0 are none.
func (f *Forecast) Best(l sweep.Load, p95, p99 float64) []Point {
	var out []Point
	for _, p := range f.Points {
		if p.Load == l && (p95 == 0 || p.P95.Value <= p95) && (p99 == 0 || p.P99.Value <= p99) {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b Point) int { return cmp.Compare(b.Throughput.Value, a.Throughput.Value) })
	return out
}
