package prediction

import (
	"testing"
	"time"

	"tritonsweep/sweep/batcher"
	"tritonsweep/sweep/calibration"
)

// tenThousand is a space of 10,000 settings and loads: 21 delays, 10 sets of
// preferred sizes, 4 instance counts, 12 loads, of which the first 10,000.
func tenThousand() []Point {
	var points []Point
	for delay := range 21 {
		for _, preferred := range [][]int{nil, {4}, {8}, {16}, {4, 8}, {8, 16}, {4, 8, 16}, {8, 16, 32}, {16, 32}, {32}} {
			for _, instances := range []int{1, 2, 3, 4} {
				for _, callers := range []int{1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96} {
					points = append(points, Point{
						Config: batcher.Config{
							MaxBatch: 32, Dynamic: true, Instances: instances, Preferred: preferred, Delay: time.Duration(delay) * 500 * time.Microsecond,
						},
						Load: calibration.Load{Callers: callers, Batch: 1},
					})
				}
			}
		}
	}
	return points[:10_000]
}

// calibrated is a calibration as Fit returns it.
func calibrated() *calibration.Calibration {
	theta := calibration.Theta{
		Total: batcher.Linear(3*time.Millisecond, 200*time.Microsecond), Host: batcher.Linear(time.Millisecond, 20*time.Microsecond),
		FrontEnd: 40 * time.Microsecond, Latency: 400 * time.Microsecond,
		Client: 50 * time.Microsecond, Respond: 25 * time.Microsecond, Release: 30 * time.Microsecond, Form: calibration.Exclusive, CV: 0.02,
	}
	c := &calibration.Calibration{Best: theta, Spread: 0.015, LargestBatch: 32, MostInstances: 4}
	for i := range 20 {
		t := theta
		t.Total = t.Total.Scaled(0.98 + 0.002*float64(i))
		c.Ensemble = append(c.Ensemble, t)
	}
	return c
}

// BenchmarkSpace predicts 10,000 settings and loads on two goroutines.
func BenchmarkSpace(b *testing.B) {
	points, c := tenThousand(), calibrated()
	var events uint64
	distinct := 0
	for b.Loop() {
		r, err := Space(b.Context(), c, points, Options{Workers: 2})
		if err != nil {
			b.Fatal(err)
		}
		events += r.Events
		distinct = r.Distinct
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/10000points")
	b.ReportMetric(float64(distinct), "distinct")
}
