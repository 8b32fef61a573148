package tritonconfig

import (
	"fmt"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"

	"tritonsweep/internal/tritonpb"
)

// Paths of the tuned values.
var (
	delayPath     = mustPath("dynamic_batching.max_queue_delay_microseconds")
	preferredPath = mustPath("dynamic_batching.preferred_batch_size")
	maxBatchPath  = mustPath("max_batch_size")
)

func countPath(group int) []step {
	return mustPath(fmt.Sprintf("instance_group[%d].count", group))
}

func mustPath(path string) []step {
	steps, err := parsePath(path)
	if err != nil {
		panic(err)
	}
	return steps
}

// Apply returns the file with the values of s set, and notes on comments that
// the change has made doubtful. Only the bytes of values that differ change: a
// value equal to the one in force stays as it is spelled, and f itself comes
// back when nothing differs. A missing block is inserted in the style of the
// file. Settings that Triton would refuse are refused with a *RuleError.
//
// What comes back is read again and compared with what was asked for: an edit
// that does not mean exactly that is an error, never a file.
func (f *File) Apply(s Settings) (*File, []Note, error) {
	if err := f.Validate(s); err != nil {
		return nil, nil, err
	}
	changes, want := f.plan(s)
	out, notes, err := f.edit(changes)
	if err != nil {
		return nil, nil, err
	}
	if !proto.Equal(out.config, want) {
		return nil, nil, fmt.Errorf("editing %s: the result would not mean %q; nothing was changed", f.name, s)
	}
	return out, notes, nil
}

// plan turns valid settings into changes, and into the message that must come
// out of them.
func (f *File) plan(s Settings) ([]change, *tritonpb.ModelConfig) {
	want := proto.CloneOf(f.config)
	var changes []change
	if s.MaxBatchSize != nil && *s.MaxBatchSize != int(want.MaxBatchSize) {
		want.MaxBatchSize = int32(*s.MaxBatchSize)
		changes = append(changes, change{maxBatchPath, []string{strconv.Itoa(*s.MaxBatchSize)}})
	}
	if f.changesPreferred(s) {
		batching(want).PreferredBatchSize = int32s(s.PreferredBatchSizes)
		changes = append(changes, change{preferredPath, decimals(s.PreferredBatchSizes)})
	}
	if f.changesDelay(s) {
		batching(want).MaxQueueDelayMicroseconds = *s.MaxQueueDelay
		changes = append(changes, change{delayPath, []string{strconv.FormatUint(*s.MaxQueueDelay, 10)}})
	}
	if f.changesCount(s) {
		i, _ := groupIndex(want, s.InstanceGroup)
		if i == len(want.InstanceGroup) {
			want.InstanceGroup = append(want.InstanceGroup, new(tritonpb.ModelInstanceGroup))
		}
		want.InstanceGroup[i].Count = int32(*s.InstanceCount)
		changes = append(changes, change{countPath(i), []string{strconv.Itoa(*s.InstanceCount)}})
	}
	return f.planOther(s, changes, want)
}

// changesDelay reports whether s asks for another delay than the one in force:
// a dynamic_batching without one has 0.
func (f *File) changesDelay(s Settings) bool {
	b := f.config.GetDynamicBatching()
	return s.MaxQueueDelay != nil && (b == nil || b.MaxQueueDelayMicroseconds != *s.MaxQueueDelay)
}

// changesPreferred reports whether s asks for another set of preferred sizes.
func (f *File) changesPreferred(s Settings) bool {
	old := ints(f.config.GetDynamicBatching().GetPreferredBatchSize())
	return s.PreferredBatchSizes != nil && !slices.Equal(normalSizes(old), normalSizes(s.PreferredBatchSizes))
}

// changesCount reports whether s asks for another instance count than the file
// sets for its group. An absent count is never equal: it means 1, but 2 for
// some backends on the CPU.
func (f *File) changesCount(s Settings) bool {
	if s.InstanceCount == nil {
		return false
	}
	groups := f.config.GetInstanceGroup()
	i, ok := groupIndex(f.config, s.InstanceGroup)
	if !ok || i == len(groups) || int(groups[i].Count) != *s.InstanceCount {
		return true
	}
	return len(f.find(countPath(i))) == 0
}

// batching returns the dynamic_batching of c, made if need be.
func batching(c *tritonpb.ModelConfig) *tritonpb.ModelDynamicBatching {
	if c.GetDynamicBatching() == nil {
		c.SchedulingChoice = &tritonpb.ModelConfig_DynamicBatching{DynamicBatching: new(tritonpb.ModelDynamicBatching)}
	}
	return c.GetDynamicBatching()
}

func ints(sizes []int32) []int {
	out := make([]int, len(sizes))
	for i, n := range sizes {
		out[i] = int(n)
	}
	return out
}

func int32s(sizes []int) []int32 {
	var out []int32
	for _, n := range sizes {
		out = append(out, int32(n))
	}
	return out
}

func decimals(sizes []int) []string {
	var out []string
	for _, n := range sizes {
		out = append(out, strconv.Itoa(n))
	}
	return out
}

// Set returns the file with the field at path set to the value, which is
// written as in a config: 8, [4, 8], KIND_CPU, true, "a name" (its quotes may
// be left out), or { ... } for a whole message. The path names fields of
// Triton's ModelConfig: "instance_group[0].kind",
// `parameters["KEY"].string_value`. Missing blocks are inserted; the value is
// held against the schema, but not against Triton's rules.
func (f *File) Set(path, value string) (*File, []Note, error) {
	steps, err := parsePath(path)
	if err != nil {
		return nil, nil, err
	}
	last := steps[len(steps)-1]
	values, err := literals(last.desc, value)
	if err == nil && last.index >= 0 && len(values) != 1 {
		err = fmt.Errorf("one element takes one value")
	}
	if err != nil {
		return nil, nil, &PathError{path, err.Error()}
	}
	return f.editPath(path, steps, values)
}

// Unset returns the file without the field at path; one that is not there is
// no error.
func (f *File) Unset(path string) (*File, []Note, error) {
	steps, err := parsePath(path)
	if err != nil {
		return nil, nil, err
	}
	return f.editPath(path, steps, nil)
}

func (f *File) editPath(path string, steps []step, values []string) (*File, []Note, error) {
	out, notes, err := f.edit([]change{{steps, values}})
	if err != nil {
		return nil, nil, fmt.Errorf("setting %s: %w", path, err)
	}
	return out, notes, nil
}
