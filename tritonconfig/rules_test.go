package tritonconfig

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestRules(t *testing.T) {
	const (
		plain    = "max_batch_size: 8\ndynamic_batching { preferred_batch_size: [ 4 ] }\ninstance_group { count: 1 }"
		noBatch  = "name: \"m\"\nmax_batch_size: 0"
		bare     = "name: \"m\""
		oldest   = "max_batch_size: 8\nsequence_batching { oldest { preferred_batch_size: [ 4 ] } }"
		ensemble = "max_batch_size: 8\nensemble_scheduling { step [ { model_name: \"a\" } ] }"
		broken   = "max_batch_size: 8\ndynamic_batching { preferred_batch_size: [ 16 ] max_queue_delay_microseconds: 5 }\ninstance_group { count: 0 }"
		useless  = "dynamic_batching { max_queue_delay_microseconds: 5 }"
	)
	sizes := func(n ...int) Settings { return Settings{PreferredBatchSizes: n} }
	delay := Settings{MaxQueueDelay: Ptr(uint64(100))}
	count := func(n int) Settings { return Settings{InstanceCount: Ptr(n)} }
	most := func(n int) Settings { return Settings{MaxBatchSize: Ptr(n)} }
	for _, c := range []struct {
		name string
		text string
		s    Settings
		rule string // empty: allowed
	}{
		{"preferred above max", plain, sizes(4, 16), RulePreferredMax},
		{"preferred equal to max", plain, sizes(8), ""},
		{"preferred above max, max raised with it", plain, sizes(16).Overlay(most(16)), ""},
		{"preferred zero", plain, sizes(0, 4), RulePreferredPositive},
		{"preferred negative", plain, sizes(-4), RulePreferredPositive},
		{"preferred beyond 32 bits", plain, sizes(math.MaxInt), RulePreferredMax},
		{"no preferred", plain, sizes([]int{}...), ""},
		{"max below the preferred that stays", plain, most(2), RulePreferredMax},
		{"max below the preferred that goes", plain, most(2).Overlay(Settings{PreferredBatchSizes: []int{}}), ""},
		{"max below the preferred that changes", plain, most(2).Overlay(sizes(2)), ""},
		{"max negative", plain, most(-1), RuleMaxBatchSize},
		{"max beyond 32 bits", plain, most(math.MaxInt32 + 1), RuleRange},
		{"max zero with batching", plain, most(0), RuleNeedsMaxBatch},
		{"max zero without batching", "max_batch_size: 8", most(0), ""},
		{"max below a sequence batcher's preferred", oldest, most(2), RuleSequenceMax},
		{"delay with max zero", noBatch, delay, RuleNeedsMaxBatch},
		{"delay with max absent", bare, delay, RuleNeedsMaxBatch},
		{"delay with max in the same settings", bare, delay.Overlay(most(4)), ""},
		{"delay with max negative", "max_batch_size: -1", delay, RuleNeedsMaxBatch},
		{"delay with max taken away", "max_batch_size: 8", delay.Overlay(most(0)), RuleNeedsMaxBatch},
		{"preferred with max zero", noBatch, sizes(4), RuleNeedsMaxBatch},
		{"delay on a sequence model", oldest, delay, RuleOneScheduler},
		{"delay on an ensemble", ensemble, delay, RuleOneScheduler},
		{"preferred on an ensemble", ensemble, sizes(4), RuleOneScheduler},
		{"no preferred on an ensemble", ensemble, Settings{PreferredBatchSizes: []int{}}, ""},
		{"count on an ensemble", ensemble, count(2), RuleEnsembleGroup},
		{"count on a sequence model", oldest, count(2), ""},
		{"count zero", plain, count(0), RuleCount},
		{"count negative", plain, count(-3), RuleCount},
		{"count beyond 32 bits", plain, count(math.MaxInt32 + 1), RuleRange},
		{"count zero without a group", bare, count(0), RuleCount},
		{"count in a new group", bare, count(2), ""},
		{"count in a new group by number", bare, Settings{InstanceCount: Ptr(2), InstanceGroup: "#0"}, ""},
		{"count in the second of no groups", bare, Settings{InstanceCount: Ptr(2), InstanceGroup: "#1"}, RuleInstanceGroup},
		{"count in a named group of none", bare, Settings{InstanceCount: Ptr(2), InstanceGroup: "g"}, RuleInstanceGroup},
		{"count in the second of one", plain, Settings{InstanceCount: Ptr(2), InstanceGroup: "#1"}, RuleInstanceGroup},
		{"nothing asked", broken, Settings{}, ""},
		{"a broken file's own values", broken, Settings{Ptr(uint64(5)), []int{16}, Ptr(0), "", Ptr(8), nil}, ""},
		{"own delay where batching is useless", useless, Settings{MaxQueueDelay: Ptr(uint64(5))}, ""},
		{"another delay where batching is useless", useless, delay, RuleNeedsMaxBatch},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := mustParse(t, c.text)
			err := f.Validate(c.s)
			var e *RuleError
			switch {
			case c.rule == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.rule == "" || errors.As(err, &e) && e.Rule == c.rule && e.Detail != "":
			default:
				t.Errorf("error %v, want rule %q", err, c.rule)
			}
			g, _, applied := f.Apply(c.s)
			if (applied == nil) != (err == nil) || err != nil && (g != nil || applied.Error() != err.Error()) {
				t.Errorf("Apply: %v, Validate: %v", applied, err)
			}
		})
	}
}

func TestSettingsOfFile(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "as configured"},
		{"dynamic_batching { }", "as configured"},
		{"dynamic_batching { max_queue_delay_microseconds: 0 preferred_batch_size: [ ] }", "delay=0us preferred=[]"},
		{"dynamic_batching { preferred_batch_size: 8 preferred_batch_size: [ 4, 8 ] }", "preferred=[8,4,8]"},
		{"max_batch_size: 0x10 instance_group { }", "max_batch=16"},
		{"instance_group [ { count: 2 } ]", "count=2"},
		{"instance_group [ { count: 2 }, { count: 1 } ]", "as configured"},
		{"sequence_batching { oldest { preferred_batch_size: 4 } } model_warmup { count: 3 }", "as configured"},
	} {
		if got := mustParse(t, c.text).Settings().String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.text, got, c.want)
		}
	}
}

func TestGroups(t *testing.T) {
	f := mustParse(t, "instance_group [\n  { name: \"a\" kind: KIND_CPU count: 2 },\n  { }\n]\ninstance_group { kind: 1 }")
	var got []string
	for _, g := range f.Groups() {
		got = append(got, g.String())
	}
	want := `#0 "a" KIND_CPU x2 (line 2)|#1 KIND_AUTO (line 3)|#2 KIND_GPU (line 5)`
	if strings.Join(got, "|") != want {
		t.Errorf("groups %v\nwant %s", got, want)
	}
}
