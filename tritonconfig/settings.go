package tritonconfig

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Settings are the tuned values of one model's config. A nil field says
// nothing: applied to a file it leaves the value as it is; read from a file it
// means that the file does not set it.
type Settings struct {
	// MaxQueueDelay is dynamic_batching.max_queue_delay_microseconds, in microseconds.
	MaxQueueDelay *uint64 `json:"max_queue_delay_microseconds,omitempty"`
	// PreferredBatchSizes is dynamic_batching.preferred_batch_size. Empty but
	// not nil means "no preferred sizes": the field is removed.
	PreferredBatchSizes []int `json:"preferred_batch_size,omitzero"`
	// InstanceCount is the count of the instance group that InstanceGroup names.
	InstanceCount *int `json:"instance_count,omitempty"`
	// InstanceGroup selects one of several groups: its name, or "#0" for the
	// first. Empty where the file has at most one group.
	InstanceGroup string `json:"instance_group,omitempty"`
	// MaxBatchSize is max_batch_size, in items.
	MaxBatchSize *int `json:"max_batch_size,omitempty"`
	// Other holds any other fields of the config by their paths, as Set takes
	// them: "optimization.cuda.graphs": "true". NewOther checks an entry.
	Other map[string]string `json:"other,omitempty"`
}

// Ptr returns a pointer to v: the short way to write one field of Settings.
func Ptr[T any](v T) *T { return &v }

// IsZero reports whether s says nothing at all.
func (s Settings) IsZero() bool {
	return s.MaxQueueDelay == nil && s.PreferredBatchSizes == nil &&
		s.InstanceCount == nil && s.MaxBatchSize == nil && len(s.Other) == 0
}

// Equal reports whether s and o set the same fields to the same values.
// Preferred sizes are a set: their order and repetitions do not matter.
func (s Settings) Equal(o Settings) bool { return s.Key() == o.Key() }

// Key returns a canonical text of s, usable as a map key: two settings that
// Triton cannot tell apart have the same key.
func (s Settings) Key() string {
	s.PreferredBatchSizes = normalSizes(s.PreferredBatchSizes)
	return s.String()
}

// String returns the set fields in a fixed order, for example
// "delay=1000us preferred=[4,8] count=2", or "as configured" for none.
func (s Settings) String() string {
	var parts []string
	if s.MaxQueueDelay != nil {
		parts = append(parts, fmt.Sprintf("delay=%dus", *s.MaxQueueDelay))
	}
	if s.PreferredBatchSizes != nil {
		sizes := strings.ReplaceAll(fmt.Sprint(s.PreferredBatchSizes), " ", ",")
		parts = append(parts, "preferred="+sizes)
	}
	if s.InstanceCount != nil {
		group := ""
		if s.InstanceGroup != "" {
			group = "(" + s.InstanceGroup + ")"
		}
		parts = append(parts, fmt.Sprintf("count%s=%d", group, *s.InstanceCount))
	}
	if s.MaxBatchSize != nil {
		parts = append(parts, fmt.Sprintf("max_batch=%d", *s.MaxBatchSize))
	}
	for _, path := range s.OtherPaths() {
		parts = append(parts, path+"="+s.Other[path])
	}
	if len(parts) == 0 {
		return "as configured"
	}
	return strings.Join(parts, " ")
}

// Overlay returns s with the fields that o sets replaced by o's.
func (s Settings) Overlay(o Settings) Settings {
	if o.MaxQueueDelay != nil {
		s.MaxQueueDelay = o.MaxQueueDelay
	}
	if o.PreferredBatchSizes != nil {
		s.PreferredBatchSizes = o.PreferredBatchSizes
	}
	if o.InstanceCount != nil {
		s.InstanceCount, s.InstanceGroup = o.InstanceCount, o.InstanceGroup
	}
	if o.MaxBatchSize != nil {
		s.MaxBatchSize = o.MaxBatchSize
	}
	if len(o.Other) > 0 {
		other := maps.Clone(s.Other)
		if other == nil {
			other = map[string]string{}
		}
		maps.Copy(other, o.Other)
		s.Other = other
	}
	return s
}

func normalSizes(sizes []int) []int {
	if sizes == nil {
		return nil
	}
	sizes = slices.Clone(sizes)
	slices.Sort(sizes)
	return slices.Compact(sizes)
}
