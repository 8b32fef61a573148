package tritonconfig

import (
	"strings"
	"testing"

	"tritonsweep/internal/tritonpb"
)

func message(t testing.TB, text string) *tritonpb.ModelConfig {
	t.Helper()
	cfg, err := oracle([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestEffective(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "max_batch=0"},
		{"no batching", "max_batch_size: 8", "max_batch=8"},
		{"batching alone", "max_batch_size: 8 dynamic_batching { }", "delay=0us preferred=[8] max_batch=8"},
		{"completed", "max_batch_size: 8 dynamic_batching { preferred_batch_size: 8 }", "delay=0us preferred=[8] max_batch=8"},
		{"a set", "max_batch_size: 8 dynamic_batching { preferred_batch_size: [ 8, 4, 4 ] max_queue_delay_microseconds: 7 }", "delay=7us preferred=[4,8] max_batch=8"},
		{"useless batching", "dynamic_batching { }", "delay=0us preferred=[] max_batch=0"},
		{"count absent", "instance_group { kind: KIND_GPU }", "count=1 max_batch=0"},
		{"count zero", "instance_group { count: 0 }", "count=1 max_batch=0"},
		{"count negative", "instance_group { count: -1 }", "count=1 max_batch=0"},
		{"count absent, onnxruntime on the CPU", `backend: "onnxruntime" instance_group { kind: KIND_CPU }`, "count=2 max_batch=0"},
		{"count absent, onnxruntime on the GPU", `backend: "onnxruntime" instance_group { kind: KIND_GPU }`, "count=1 max_batch=0"},
		{"two groups", "instance_group [ { count: 1 }, { count: 2 } ]", "max_batch=0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Effective(message(t, c.text)).String(); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// completed is a config as a server reports it, with everything that Triton
// adds by itself.
const completed = `
name: "m" backend: "python" max_batch_size: 8 default_model_filename: "model.py"
version_policy { latest { num_versions: 1 } }
input { name: "x" data_type: TYPE_FP32 dims: [ 3 ] }
dynamic_batching { preferred_batch_size: [ 8 ] max_queue_delay_microseconds: 100 }
instance_group { name: "m_0" kind: KIND_CPU count: 1 }
optimization { input_pinned_memory { enable: true } output_pinned_memory { enable: true } }
parameters { key: "a" value { string_value: "1" } }
`

func TestMatch(t *testing.T) {
	fromFile := `name: "m" backend: "python" max_batch_size: 8 input { name: "x" data_type: TYPE_FP32 dims: [ 3 ] }
		dynamic_batching { max_queue_delay_microseconds: 100 } instance_group { kind: KIND_CPU } parameters { key: "a" value { string_value: "1" } }`
	replace := func(old, new string) string {
		if !strings.Contains(completed, old) {
			t.Fatalf("no %q", old)
		}
		return strings.Replace(completed, old, new, 1)
	}
	noBatching := replace(`dynamic_batching { preferred_batch_size: [ 8 ] max_queue_delay_microseconds: 100 }`, "")
	for _, c := range []struct {
		name             string
		asked            Settings
		original, active string
		want             string // parts of the lines, by "|"
	}{
		{"nothing asked, from the server", Settings{}, completed, completed, ""},
		{"nothing asked, from the file", Settings{}, fromFile, completed, ""},
		{"all in force", Settings{Ptr(uint64(100)), []int{8}, Ptr(1), "", Ptr(8), nil}, completed, completed, ""},
		{"no preferred is the maximum", Settings{PreferredBatchSizes: []int{}}, completed, completed, ""},
		{"the maximum reported as none", Settings{PreferredBatchSizes: []int{8}}, completed, replace("preferred_batch_size: [ 8 ]", ""), ""},
		{"a set in another order", Settings{PreferredBatchSizes: []int{4, 8}}, completed, replace("[ 8 ]", "[ 8, 4, 4 ]"), ""},
		{"delay not in force", Settings{MaxQueueDelay: Ptr(uint64(5))}, completed, completed, "max_queue_delay_microseconds: asked 5, active 100"},
		{"delay asked back", Settings{}, completed, replace("microseconds: 100", "microseconds: 5"), "max_queue_delay_microseconds: asked 100, active 5"},
		{"preferred not in force", Settings{PreferredBatchSizes: []int{4}}, completed, completed, "preferred_batch_size: asked [4], active [8]"},
		{"preferred removed, still there", Settings{PreferredBatchSizes: []int{}}, replace("[ 8 ]", "[ 4 ]"), replace("[ 8 ]", "[ 4 ]"), "preferred_batch_size: asked [8], active [4]"},
		{"preferred kept", Settings{}, replace("[ 8 ]", "[ 4 ]"), completed, "preferred_batch_size: asked [4], active [8]"},
		{"batching asked, off", Settings{MaxQueueDelay: Ptr(uint64(5))}, noBatching, noBatching, "dynamic_batching: asked set, active missing"},
		{"batching off, was on", Settings{}, completed, noBatching, "dynamic_batching: asked set, active missing"},
		{"batching inserted", Settings{MaxQueueDelay: Ptr(uint64(100))}, noBatching, completed, ""},
		{"batching completed by the backend", Settings{}, noBatching, completed, ""},
		{"count not in force", Settings{InstanceCount: Ptr(4)}, completed, completed, "instance_group[0].count: asked 4, active 1"},
		{"count in force", Settings{InstanceCount: Ptr(4)}, completed, replace("count: 1", "count: 4"), ""},
		{"count 0 runs as 1", Settings{InstanceCount: Ptr(0)}, completed, completed, ""},
		{"count asked back", Settings{}, completed, replace("count: 1", "count: 4"), "instance_group[0].count: asked 1, active 4"},
		{"count absent in the file", Settings{}, fromFile, replace("count: 1", "count: 2"), ""},
		{"group inserted", Settings{InstanceCount: Ptr(1)}, `name: "m"`, completed, ""},
		{"group missing", Settings{InstanceCount: Ptr(2)}, `name: "m"`, `name: "m"`, "instance_group[0]: asked a group, active none"},
		{"second group", Settings{InstanceCount: Ptr(3), InstanceGroup: "b"},
			`instance_group [ { name: "a" count: 1 }, { name: "b" count: 1 } ]`,
			`instance_group [ { name: "a" count: 3 }, { name: "b" count: 1 } ]`,
			"instance_group[0].count: asked 1, active 3|instance_group[1].count: asked 3, active 1"},
		{"unknown group", Settings{InstanceCount: Ptr(3), InstanceGroup: "c"}, completed, completed, "no such group"},
		{"max not in force", Settings{MaxBatchSize: Ptr(16)}, completed, completed, "max_batch_size: asked 16, active 8"},
		{"max takes the completed sizes along", Settings{MaxBatchSize: Ptr(16)}, completed,
			strings.Replace(replace("max_batch_size: 8", "max_batch_size: 16"), "[ 8 ]", "[ 16 ]", 1), ""},
		{"max raised, sizes stay", Settings{MaxBatchSize: Ptr(16)}, completed, replace("max_batch_size: 8", "max_batch_size: 16"), ""},
		{"max completed", Settings{}, `name: "m"`, `name: "m" max_batch_size: 4`, ""},
		{"something else changed", Settings{}, completed, replace("KIND_CPU", "KIND_GPU"), "instance_group[0].kind: asked KIND_CPU, active KIND_GPU"},
		{"dims changed", Settings{}, completed, replace("dims: [ 3 ]", "dims: [ 4 ]"), "input[0].dims: asked [3], active [4]"},
		{"input gone", Settings{}, completed, replace(`input { name: "x" data_type: TYPE_FP32 dims: [ 3 ] }`, ""), "input[0]: asked set, active missing"},
		{"parameter changed", Settings{}, completed, replace(`string_value: "1"`, `string_value: "2"`), "parameters[a].string_value: asked 1, active 2"},
		{"parameter gone", Settings{}, completed, replace(`key: "a"`, `key: "b"`), "parameters[a]: asked set, active missing"},
		{"other policy", Settings{}, completed, replace("latest { num_versions: 1 }", "all { }"), "version_policy.latest: asked set, active missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Match(c.asked, message(t, c.original), message(t, c.active))
			want := strings.Split(c.want, "|")
			if c.want == "" {
				want = nil
			}
			if len(got) != len(want) {
				t.Fatalf("%q, want %q", got, want)
			}
			for i, line := range got {
				if !strings.Contains(line, want[i]) {
					t.Errorf("%q, want %q", line, want[i])
				}
			}
		})
	}
}
