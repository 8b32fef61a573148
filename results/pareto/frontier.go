package pareto

import (
	"cmp"
	"slices"
)

// Point is one outcome in the plane of throughput and latency.
type Point struct {
	Throughput float64
	Latency    float64
}

// Dominates reports whether p is at least as good as q in both figures and
// better in one. Equal points do not dominate each other.
func (p Point) Dominates(q Point) bool {
	return p.Throughput >= q.Throughput && p.Latency <= q.Latency && p != q
}

// EpsilonDominates reports whether p would be at least as good as q in both
// figures if p were better by the fraction eps: 0.02 for 2 %. See Laumanns,
// Thiele, Deb, Zitzler, "Combining convergence and diversity in evolutionary
// multiobjective optimization" (2002).
func (p Point) EpsilonDominates(q Point, eps float64) bool {
	return p.Throughput*(1+eps) >= q.Throughput && p.Latency <= q.Latency*(1+eps)
}

// Frontier returns the indices of the points that no other point dominates, in
// the order of their latency. Points that are equal are all in or all out, so
// the result does not depend on the order of points.
func Frontier(points []Point) []int {
	order := byLatency(points)
	var frontier []int
	for i := 0; i < len(order); {
		// Among points of one latency the first has the highest throughput.
		p := points[order[i]]
		better := len(frontier) == 0 || p.Throughput > points[frontier[len(frontier)-1]].Throughput
		for ; i < len(order) && points[order[i]].Latency == p.Latency; i++ {
			if better && points[order[i]] == p {
				frontier = append(frontier, order[i])
			}
		}
	}
	return frontier
}

// Thin returns a part of the frontier in which no point epsilon-dominates
// another, and of which some point epsilon-dominates every point: the few
// choices that differ enough to matter. It keeps the highest throughput, then
// goes down.
func Thin(points []Point, eps float64) []int {
	frontier := Frontier(points)
	var kept []int
	for _, i := range slices.Backward(frontier) {
		covered := slices.ContainsFunc(kept, func(k int) bool {
			return points[k].EpsilonDominates(points[i], eps)
		})
		if !covered {
			kept = append(kept, i)
		}
	}
	slices.Reverse(kept)
	return kept
}

// byLatency returns the indices of points by rising latency, then by falling
// throughput, then as they came.
func byLatency(points []Point) []int {
	order := make([]int, len(points))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(
			cmp.Compare(points[a].Latency, points[b].Latency),
			cmp.Compare(points[b].Throughput, points[a].Throughput),
		)
	})
	return order
}
