package batcher

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/tritonconfig"
)

func parseConfig(t *testing.T, text string) *tritonpb.ModelConfig {
	t.Helper()
	mc := new(tritonpb.ModelConfig)
	if err := prototext.Unmarshal([]byte(text), mc); err != nil {
		t.Fatal(err)
	}
	return mc
}

func TestConfigOf(t *testing.T) {
	for _, c := range []struct {
		name, text string
		gpus       int
		want       Config
	}{
		{"nothing", ``, 0, Config{Instances: 1}},
		{"no batching block", `max_batch_size: 8 instance_group { count: 3 kind: KIND_CPU }`, 2, Config{MaxBatch: 8, Instances: 3}},
		{"empty block", `max_batch_size: 8 dynamic_batching { }`, 0, Config{MaxBatch: 8, Dynamic: true, Instances: 1}},
		{
			"all", `max_batch_size: 64
			input { dims: [3, -1, -1] }
			instance_group { count: 2 kind: KIND_GPU gpus: [0, 1] }
			instance_group { count: 0 kind: KIND_GPU }
			dynamic_batching {
				max_queue_delay_microseconds: 5000 preferred_batch_size: [8, 4]
				preserve_ordering: true priority_levels: 3 default_priority_level: 2
				default_queue_policy { max_queue_size: 9 }
				priority_queue_policy { key: 1 value { timeout_action: DELAY default_timeout_microseconds: 70 allow_timeout_override: true } }
			}`, 4,
			Config{
				MaxBatch: 64, Dynamic: true, Delay: 5 * time.Millisecond, Preferred: []int{8, 4}, Instances: 8,
				PreserveOrdering: true, PriorityLevels: 3, DefaultPriority: 2, VariableShape: true,
				Policy:   QueuePolicy{MaxSize: 9},
				Policies: map[int]QueuePolicy{1: {Timeout: 70 * time.Microsecond, DelayExpired: true, AllowOverride: true}},
			},
		},
		{
			"ragged", `max_batch_size: 4 input { dims: [-1] allow_ragged_batch: true } dynamic_batching { }`, 0,
			Config{MaxBatch: 4, Dynamic: true, Instances: 1},
		},
		{
			"longest delay", `max_batch_size: 4 dynamic_batching { max_queue_delay_microseconds: 18446744073709551615 }`, 0,
			Config{MaxBatch: 4, Dynamic: true, Instances: 1, Delay: endless},
		},
	} {
		if diff := cmp.Diff(c.want, ConfigOf(parseConfig(t, c.text), c.gpus)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestWith(t *testing.T) {
	c := Config{MaxBatch: 8, Instances: 1}
	if diff := cmp.Diff(c, c.With(tritonconfig.Settings{})); diff != "" {
		t.Error(diff)
	}
	got := c.With(tritonconfig.Settings{
		MaxQueueDelay: tritonconfig.Ptr(uint64(math.MaxUint64)), PreferredBatchSizes: []int{},
		InstanceCount: tritonconfig.Ptr(3), MaxBatchSize: tritonconfig.Ptr(16),
	})
	if diff := cmp.Diff(Config{MaxBatch: 16, Dynamic: true, Delay: endless, Preferred: []int{}, Instances: 3}, got); diff != "" {
		t.Error(diff)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
}

// TestExampleConfigs: every model of the examples can be simulated as it is.
func TestExampleConfigs(t *testing.T) {
	paths, err := filepath.Glob("../../examples/models/*/config.pbtxt")
	if err != nil || len(paths) < 7 {
		t.Fatalf("found %d configs, %v; want at least 7", len(paths), err)
	}
	for _, path := range paths {
		config, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		profile, err := os.ReadFile(filepath.Join(filepath.Dir(path), "profile.json"))
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParseProfile(path, profile)
		if err != nil {
			t.Fatal(err)
		}
		sc := Scenario{
			Models: []Model{{
				Name: path, Config: ConfigOf(parseConfig(t, string(config)), 0),
				Service: p.Service(0.02), Load: Load{Callers: 16, Jitter: 20 * time.Millisecond},
			}},
			Timing: DefaultTiming(), Seed: 1, Warmup: 100, Requests: 500,
		}
		r, err := Simulate(sc)
		if err != nil {
			t.Error(err)
			continue
		}
		if m := r.Models[0]; !m.Complete || m.Throughput <= 0 {
			t.Errorf("%s: %+v", path, m)
		}
	}
}
