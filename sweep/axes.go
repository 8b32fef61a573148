package sweep

import (
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
