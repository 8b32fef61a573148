package report

import (
	"cmp"
	"slices"

	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// compareSettings orders settings by their values; a field that is not set
// comes before every value of it.
func compareSettings(a, b tritonconfig.Settings) int {
	return cmp.Or(
		comparePtr(a.InstanceCount, b.InstanceCount),
		cmp.Compare(a.InstanceGroup, b.InstanceGroup),
		comparePtr(a.MaxBatchSize, b.MaxBatchSize),
		compareSets(a.PreferredBatchSizes, b.PreferredBatchSizes),
		comparePtr(a.MaxQueueDelay, b.MaxQueueDelay),
		cmp.Compare(otherText(a), otherText(b)),
	)
}

func comparePtr[T cmp.Ordered](a, b *T) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Compare(*a, *b)
}

// compareSets puts what is not set before the empty set, and this before others.
func compareSets(a, b []int) int {
	return cmp.Or(compareBool(a != nil, b != nil), slices.Compare(a, b))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func compareLoads(a, b sweep.Load) int { return a.Compare(b) }
