package tritonconfig

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"tritonsweep/internal/tritonpb"
)

// Validate tells whether Triton would take the file with s applied, as far as
// the tuned values go: a *RuleError names the rule that s breaks. Values that
// the file has already are not judged: putting them back must be possible.
func (f *File) Validate(s Settings) error {
	maxBatch := int(f.config.MaxBatchSize)
	if s.MaxBatchSize != nil && *s.MaxBatchSize != maxBatch {
		maxBatch = *s.MaxBatchSize
		if err := f.checkMaxBatch(s, maxBatch); err != nil {
			return err
		}
	}
	if err := f.checkBatching(s, maxBatch); err != nil {
		return err
	}
	if err := f.checkOther(s); err != nil {
		return err
	}
	return f.checkCount(s)
}

func rule(rule, format string, args ...any) error {
	return &RuleError{Rule: rule, Detail: fmt.Sprintf(format, args...)}
}

// checkMaxBatch holds a new max_batch_size against the values that stay.
func (f *File) checkMaxBatch(s Settings, maxBatch int) error {
	switch {
	case maxBatch < 0:
		return rule(RuleMaxBatchSize, "max_batch_size %d", maxBatch)
	case maxBatch > math.MaxInt32:
		return rule(RuleRange, "max_batch_size %d", maxBatch)
	}
	if b := f.config.GetDynamicBatching(); b != nil {
		if maxBatch == 0 {
			return rule(RuleNeedsMaxBatch, "max_batch_size 0 with the dynamic_batching of the file")
		}
		if !f.changesPreferred(s) {
			if err := checkSizes(RulePreferredMax, ints(b.PreferredBatchSize), maxBatch); err != nil {
				return err
			}
		}
	}
	oldest := f.config.GetSequenceBatching().GetOldest()
	return checkSizes(RuleSequenceMax, ints(oldest.GetPreferredBatchSize()), maxBatch)
}

func checkSizes(name string, sizes []int, maxBatch int) error {
	for _, n := range sizes {
		if n > maxBatch {
			return rule(name, "preferred size %d, max_batch_size %d", n, maxBatch)
		}
	}
	return nil
}

// checkBatching holds new values of dynamic_batching against the model.
func (f *File) checkBatching(s Settings, maxBatch int) error {
	preferred := f.changesPreferred(s) && len(s.PreferredBatchSizes) > 0
	var what []string
	if preferred {
		what = append(what, "preferred_batch_size "+strings.Join(decimals(s.PreferredBatchSizes), ","))
	}
	if f.changesDelay(s) {
		what = append(what, fmt.Sprintf("max_queue_delay_microseconds %d", *s.MaxQueueDelay))
	}
	if len(what) == 0 {
		return nil
	}
	asked := strings.Join(what, ", ")
	if name := otherScheduler(f.config); name != "" {
		return rule(RuleOneScheduler, "%s, but the file has %s", asked, name)
	}
	if preferred {
		if least := slices.Min(s.PreferredBatchSizes); least <= 0 {
			return rule(RulePreferredPositive, "preferred size %d", least)
		}
	}
	if maxBatch <= 0 {
		return rule(RuleNeedsMaxBatch, "%s, but max_batch_size is 0 or not set", asked)
	}
	if preferred {
		return checkSizes(RulePreferredMax, s.PreferredBatchSizes, maxBatch)
	}
	return nil
}

func otherScheduler(c *tritonpb.ModelConfig) string {
	switch {
	case c.GetSequenceBatching() != nil:
		return "sequence_batching"
	case c.GetEnsembleScheduling() != nil:
		return "ensemble_scheduling"
	}
	return ""
}

func (f *File) checkCount(s Settings) error {
	if s.InstanceCount == nil {
		return nil
	}
	if f.config.GetEnsembleScheduling() != nil {
		return rule(RuleEnsembleGroup, "instance count %d: an ensemble runs none of its own", *s.InstanceCount)
	}
	if _, err := f.group(s.InstanceGroup); err != nil {
		return err
	}
	if !f.changesCount(s) {
		return nil
	}
	switch n := *s.InstanceCount; {
	case n < 1:
		return rule(RuleCount, "instance count %d, which Triton accepts and runs as 1", n)
	case n > math.MaxInt32:
		return rule(RuleRange, "instance count %d", n)
	}
	return nil
}

// group returns the index of the group that sel names: "" for the only one,
// "#1" for the second, or a name. A file without groups has room for "" and
// "#0" at index 0. The error lists the groups.
func (f *File) group(sel string) (int, error) {
	i, ok := groupIndex(f.config, sel)
	groups := f.Groups()
	switch {
	case ok:
		return i, nil
	case len(groups) == 0:
		return 0, rule(RuleInstanceGroup, "no group %q: the file has none", sel)
	case sel == "":
		return 0, rule(RuleInstanceGroup, "%d groups: say which one, %s", len(groups), groupList(groups))
	}
	return 0, rule(RuleInstanceGroup, "no group %q: there is %s", sel, groupList(groups))
}

func groupIndex(c *tritonpb.ModelConfig, sel string) (int, bool) {
	groups := c.GetInstanceGroup()
	if sel == "" {
		return 0, len(groups) <= 1
	}
	if number, ok := strings.CutPrefix(sel, "#"); ok {
		if i, err := strconv.Atoi(number); err == nil && i >= 0 && (i < len(groups) || i == 0) {
			return i, true
		}
	}
	i := slices.IndexFunc(groups, func(g *tritonpb.ModelInstanceGroup) bool { return g.Name == sel })
	return i, i >= 0
}

func groupList(groups []Group) string {
	parts := make([]string, len(groups))
	for i, g := range groups {
		parts[i] = g.String()
	}
	return strings.Join(parts, ", ")
}
