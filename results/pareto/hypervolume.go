package pareto

// Hypervolume returns the area that points dominate, bounded by ref, a point
// that is worse than all of interest: below its throughput and above its
// latency nothing counts. It is 0 if no point is better than ref in both
// figures. The reference must stay the same for areas that are compared.
//
// A set that covers more offers more: adding a point never makes the area
// smaller. See Guerreiro, Fonseca, Paquete, "The hypervolume indicator:
// computational problems and algorithms" (2021). O(n log n).
func Hypervolume(points []Point, ref Point) float64 {
	area, best, from := 0.0, ref.Throughput, ref.Latency
	// From low to high latency, best is the throughput available so far; each
	// strip reaches from one latency to the next.
	for _, i := range byLatency(points) {
		p := points[i]
		if p.Latency >= ref.Latency {
			break
		}
		if p.Throughput <= best {
			continue
		}
		if best > ref.Throughput {
			area += (best - ref.Throughput) * (p.Latency - from)
		}
		best, from = p.Throughput, p.Latency
	}
	return area + (best-ref.Throughput)*(ref.Latency-from)
}

// Contributions returns for each point the area that would be lost without it.
// Points that another one dominates, or equals, contribute 0.
func Contributions(points []Point, ref Point) []float64 {
	whole := Hypervolume(points, ref)
	rest := make([]Point, 0, len(points))
	contributions := make([]float64, len(points))
	for _, i := range Frontier(points) {
		rest = append(append(rest[:0], points[:i]...), points[i+1:]...)
		contributions[i] = max(0, whole-Hypervolume(rest, ref))
	}
	return contributions
}
