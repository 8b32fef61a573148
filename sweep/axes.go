package sweep

import (
	"math"
	"slices"

	"tritonsweep/tritonconfig"
)

// The axes of the performance plan: each turns a list of values into the
// settings of a space.

// Delays returns one settings value for each queue delay, in microseconds.
func Delays(micros []int) []tritonconfig.Settings {
	out := make([]tritonconfig.Settings, 0, len(micros))
	for _, d := range micros {
		out = append(out, tritonconfig.Settings{MaxQueueDelay: tritonconfig.Ptr(uint64(d))})
	}
	return out
}

// Counts returns one settings value for each instance count, for the group of
// that name (empty: the only one).
func Counts(counts []int, group string) []tritonconfig.Settings {
	out := make([]tritonconfig.Settings, 0, len(counts))
	for _, n := range counts {
		out = append(out, tritonconfig.Settings{InstanceCount: tritonconfig.Ptr(n), InstanceGroup: group})
	}
	return out
}

// PreferredSets returns one settings value for each set of preferred batch sizes.
func PreferredSets(sets [][]int) []tritonconfig.Settings {
	out := make([]tritonconfig.Settings, 0, len(sets))
	for _, set := range sets {
		out = append(out, tritonconfig.Settings{PreferredBatchSizes: set})
	}
	return out
}

// DefaultSets returns the preferred sets worth trying for a model of this
// maximum batch size: none, and the powers of two from 4 and from 8 up to it.
func DefaultSets(maxBatch int) [][]int {
	sets := [][]int{{}}
	for _, least := range []int{4, 8} {
		var set []int
		for size := least; size <= maxBatch; size *= 2 {
			set = append(set, size)
		}
		if len(set) > 0 {
			sets = append(sets, set)
		}
	}
	if maxBatch > 1 && !slices.ContainsFunc(sets, func(s []int) bool { return slices.Equal(s, []int{maxBatch}) }) {
		sets = append(sets, []int{maxBatch})
	}
	return sets
}

// Closed returns the loads of a closed loop: every concurrency with every
// client batch.
func Closed(concurrencies, batches []int) []Load {
	var loads []Load
	for _, b := range batches {
		for _, c := range concurrencies {
			loads = append(loads, Load{Concurrency: c, BatchSize: b})
		}
	}
	return loads
}

// Open returns the loads of an open loop: every arrival rate, in requests a
// second, with every client batch.
func Open(rates []float64, batches []int, arrivals Arrivals, trace string) []Load {
	var loads []Load
	for _, b := range batches {
		for _, r := range rates {
			loads = append(loads, Load{Rate: r, Arrivals: arrivals, Trace: trace, BatchSize: b})
		}
	}
	return loads
}

// MaxBatches returns one settings value for each maximum batch size.
func MaxBatches(sizes []int) []tritonconfig.Settings {
	out := make([]tritonconfig.Settings, 0, len(sizes))
	for _, n := range sizes {
		out = append(out, tritonconfig.Settings{MaxBatchSize: tritonconfig.Ptr(n)})
	}
	return out
}

// Others returns one settings value for each value of the config field at a
// path, both spelled as tritonconfig.NewOther spells them.
func Others(path string, values []string) []tritonconfig.Settings {
	out := make([]tritonconfig.Settings, 0, len(values))
	for _, v := range values {
		out = append(out, tritonconfig.Settings{Other: map[string]string{path: v}})
	}
	return out
}

// Each returns the values of all axes one after another, each with everything
// else as it is configured; equal settings are kept once.
func Each(axes [][]tritonconfig.Settings) []tritonconfig.Settings {
	return distinct(slices.Concat(axes...))
}

// Joint returns every combination of the axes' values (their cartesian product),
// the last axis changing fastest. Size tells beforehand how many that are.
func Joint(axes [][]tritonconfig.Settings) []tritonconfig.Settings {
	if len(axes) == 0 {
		return nil
	}
	product := []tritonconfig.Settings{{}}
	for _, axis := range axes {
		next := make([]tritonconfig.Settings, 0, len(product)*len(axis))
		for _, p := range product {
			for _, s := range axis {
				next = append(next, p.Overlay(s))
			}
		}
		product = next
	}
	return distinct(product)
}

// Size counts the combinations of axes of these lengths without making them; it
// stops at math.MaxInt64.
func Size(lengths ...int) int64 {
	total := int64(1)
	for _, n := range lengths {
		if n > 0 && total > math.MaxInt64/int64(n) {
			return math.MaxInt64
		}
		total *= int64(n)
	}
	return total
}

func distinct(list []tritonconfig.Settings) []tritonconfig.Settings {
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(s tritonconfig.Settings) bool {
		key := s.Key()
		known := seen[key]
		seen[key] = true
		return known
	})
}
