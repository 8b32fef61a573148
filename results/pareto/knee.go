package pareto

// Knee returns the index at which a curve of diminishing returns stops paying:
// x, for example the number of callers, rises strictly, and y, for example
// throughput, rises at first and then levels off or falls. ok is false for
// fewer than three points and for a curve that shows no knee, for example one
// that still rises steadily at its end.
//
// This is Kneedle with sensitivity 1 (Satopaa, Albrecht, Irwin, Raghavan,
// "Finding a 'Kneedle' in a Haystack", 2011): both axes are brought to 0..1,
// and the knee is where the curve is furthest above the diagonal, provided
// that it then falls back by more than the mean distance of the points. The
// paper's smoothing is left out: every point here is a mean already.
func Knee(x, y []float64) (index int, ok bool) {
	n := len(x)
	if n < 3 || len(y) != n {
		return 0, false
	}
	low, high := y[0], y[0]
	for _, v := range y {
		low, high = min(low, v), max(high, v)
	}
	if high == low || x[n-1] <= x[0] {
		return 0, false
	}
	above := func(i int) float64 {
		return (y[i]-low)/(high-low) - (x[i]-x[0])/(x[n-1]-x[0])
	}
	best := 0
	for i := range n {
		if above(i) > above(best) {
			best = i
		}
	}
	if best == 0 || best == n-1 {
		return 0, false
	}
	threshold := above(best) - 1/float64(n-1)
	for i := best + 1; i < n; i++ {
		if above(i) < threshold {
			return best, true
		}
	}
	return 0, false
}

// Saturation returns the index of the first point of a curve from which on
// more load brings nothing: its throughput is at least share, for example
// 0.95, of the highest anywhere on the curve. ok is false where the curve's
// last point is the first such one: it may still rise.
func Saturation(throughput []float64, share float64) (index int, ok bool) {
	if len(throughput) < 2 {
		return 0, false
	}
	highest := throughput[0]
	for _, v := range throughput {
		highest = max(highest, v)
	}
	for i, v := range throughput {
		if v >= share*highest {
			return i, i < len(throughput)-1
		}
	}
	return 0, false
}
