package tritonconfig

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"tritonsweep/internal/tritonpb"
)

// Effective returns the tuned values in force in a config that a server
// reports. Triton completes a config when it loads it, and Effective reads one
// that is not completed the same way: dynamic batching without preferred sizes
// prefers the maximum batch, a count below 1 runs one instance. The delay and
// the preferred sizes are nil without dynamic batching, the count is nil
// unless there is exactly one group.
func Effective(cfg *tritonpb.ModelConfig) Settings {
	s := Settings{MaxBatchSize: Ptr(int(cfg.GetMaxBatchSize()))}
	if b := cfg.GetDynamicBatching(); b != nil {
		s.MaxQueueDelay = Ptr(b.MaxQueueDelayMicroseconds)
		s.PreferredBatchSizes = preferredInForce(cfg)
	}
	if groups := cfg.GetInstanceGroup(); len(groups) == 1 {
		s.InstanceCount = Ptr(countInForce(cfg, groups[0]))
	}
	return s
}

// preferredInForce returns the preferred sizes as a set, completed as Triton
// completes none.
func preferredInForce(cfg *tritonpb.ModelConfig) []int {
	sizes := normalSizes(ints(cfg.GetDynamicBatching().GetPreferredBatchSize()))
	if len(sizes) == 0 && cfg.GetMaxBatchSize() > 0 {
		return []int{int(cfg.GetMaxBatchSize())}
	}
	return sizes
}

// countInForce completes a missing count as Triton does: 1, but 2 on the CPU
// for the backends that asked for it.
func countInForce(cfg *tritonpb.ModelConfig, g *tritonpb.ModelInstanceGroup) int {
	twice := cfg.GetBackend() == "onnxruntime" || cfg.GetBackend() == "tensorflow"
	switch {
	case g.GetCount() >= 1:
		return int(g.GetCount())
	case g.GetCount() == 0 && twice && g.GetKind() == tritonpb.ModelInstanceGroup_KIND_CPU:
		return 2
	}
	return 1
}

// Match compares the config that a server reports (active) with what was asked
// for: the settings asked, laid over the original config. It returns one line
// for each difference, and nothing when the settings are in force. The
// original is the config before the change, from the server or from the file:
// what Triton completes by itself is no difference.
func Match(asked Settings, original, active *tritonpb.ModelConfig) []string {
	var diffs []string
	differ := func(name string, asked, active any) {
		diffs = append(diffs, fmt.Sprintf("%s: asked %v, active %v", name, asked, active))
	}
	original = otherLaid(asked, original, active, differ)
	m := matcher{asked: asked, original: original, active: active, differ: differ}
	m.maxBatch()
	m.batching()
	m.counts()
	subset("", original.ProtoReflect(), active.ProtoReflect(), differ)
	return diffs
}

// tuned are the fields that subset leaves to the matcher.
var tuned = map[protoreflect.FullName]bool{
	"inference.ModelConfig.max_batch_size":                        true,
	"inference.ModelDynamicBatching.preferred_batch_size":         true,
	"inference.ModelDynamicBatching.max_queue_delay_microseconds": true,
	"inference.ModelInstanceGroup.count":                          true,
}

type matcher struct {
	asked            Settings
	original, active *tritonpb.ModelConfig
	differ           func(name string, asked, active any)
}

// maxBatch compares max_batch_size. Triton may complete 0, which it cannot tell
// from absent, but never another value.
func (m *matcher) maxBatch() {
	want := int(m.original.GetMaxBatchSize())
	if m.asked.MaxBatchSize != nil {
		want = *m.asked.MaxBatchSize
	}
	if got := int(m.active.GetMaxBatchSize()); got != want && want != 0 {
		m.differ("max_batch_size", want, got)
	}
}

func (m *matcher) batching() {
	original, active := m.original.GetDynamicBatching(), m.active.GetDynamicBatching()
	asks := m.asked.MaxQueueDelay != nil || len(m.asked.PreferredBatchSizes) > 0
	switch {
	case !asks && original == nil:
		return // a backend may have switched dynamic batching on by itself
	case active == nil && original == nil:
		m.differ("dynamic_batching", "set", "missing")
		return
	case active == nil:
		return // subset tells
	}
	delay := original.GetMaxQueueDelayMicroseconds()
	if m.asked.MaxQueueDelay != nil {
		delay = *m.asked.MaxQueueDelay
	}
	if got := active.MaxQueueDelayMicroseconds; got != delay {
		m.differ("max_queue_delay_microseconds", delay, got)
	}
	m.preferred(active.PreferredBatchSize)
}

// preferred compares the sets. No sizes and the maximum batch alone are the
// same to Triton, and a set that was completed follows a new maximum.
func (m *matcher) preferred(reported []int32) {
	got := preferredInForce(m.active)
	want := normalSizes(m.asked.PreferredBatchSizes)
	if want == nil {
		want = normalSizes(ints(m.original.GetDynamicBatching().GetPreferredBatchSize()))
		if slices.Equal(want, []int{int(m.original.GetMaxBatchSize())}) && slices.Equal(got, []int{int(m.active.GetMaxBatchSize())}) {
			return
		}
	}
	if len(want) == 0 {
		want = []int{int(m.active.GetMaxBatchSize())}
	}
	if !slices.Equal(got, want) {
		m.differ("preferred_batch_size", want, ints(reported))
	}
}

// counts compares the instance count of every group.
func (m *matcher) counts() {
	groups, active := m.original.GetInstanceGroup(), m.active.GetInstanceGroup()
	chosen := -1
	if m.asked.InstanceCount != nil {
		i, ok := groupIndex(m.original, m.asked.InstanceGroup)
		if !ok {
			m.differ("instance_group", m.asked.InstanceGroup, "no such group")
			return
		}
		chosen = i
	}
	for i := range max(len(groups), chosen+1) {
		if i >= len(active) {
			m.differ(fmt.Sprintf("instance_group[%d]", i), "a group", "none")
			continue
		}
		want, got := int(active[i].Count), int(active[i].Count)
		switch {
		case i == chosen:
			want = max(1, *m.asked.InstanceCount) // 0 runs as 1
		case groups[i].Count != 0:
			want = countInForce(m.original, groups[i])
		}
		if got != want {
			m.differ(fmt.Sprintf("instance_group[%d].count", i), want, got)
		}
	}
}

// subset reports what is set in want and differs in got. What only got has is
// Triton's completion.
func subset(prefix string, want, got protoreflect.Message, differ func(string, any, any)) {
	want.Range(func(d protoreflect.FieldDescriptor, w protoreflect.Value) bool {
		name, g := prefix+d.TextName(), got.Get(d)
		switch {
		case tuned[d.FullName()]:
		case d.IsMap():
			w.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				path := fmt.Sprintf("%s[%s]", name, k)
				if !g.Map().Has(k) {
					differ(path, "set", "missing")
				} else if d.MapValue().Message() != nil {
					subset(path+".", v.Message(), g.Map().Get(k).Message(), differ)
				} else if !v.Equal(g.Map().Get(k)) {
					differ(path, v, g.Map().Get(k))
				}
				return true
			})
		case d.IsList() && d.Message() != nil:
			for i := range w.List().Len() {
				path := fmt.Sprintf("%s[%d]", name, i)
				if i >= g.List().Len() {
					differ(path, "set", "missing")
					continue
				}
				subset(path+".", w.List().Get(i).Message(), g.List().Get(i).Message(), differ)
			}
		case d.Message() != nil:
			if d.ContainingOneof() != nil && !got.Has(d) {
				differ(name, "set", "missing")
				return true
			}
			subset(name+".", w.Message(), g.Message(), differ)
		case !w.Equal(g):
			differ(name, show(d, w), show(d, g))
		}
		return true
	})
}

// show prints a scalar or a list of scalars, enums by name.
func show(d protoreflect.FieldDescriptor, v protoreflect.Value) string {
	one := func(v protoreflect.Value) string {
		if d.Kind() == protoreflect.EnumKind {
			if x := d.Enum().Values().ByNumber(v.Enum()); x != nil {
				return string(x.Name())
			}
		}
		return v.String()
	}
	if !d.IsList() {
		return one(v)
	}
	parts := make([]string, v.List().Len())
	for i := range parts {
		parts[i] = one(v.List().Get(i))
	}
	return fmt.Sprint(parts)
}
