package tritonsim

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/tritonconfig"
)

const trt = `name: "m" platform: "tensorrt_plan" max_batch_size: 8
input { name: "in" data_type: TYPE_FP32 dims: [ 3, -1 ] } output { name: "out" data_type: TYPE_FP16 dims: 4 }
`

func parse(t *testing.T, text string) *tritonpb.ModelConfig {
	t.Helper()
	f, err := tritonconfig.Parse("config.pbtxt", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Config()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestRules: refusals that the contract's model cannot show.
func TestRules(t *testing.T) {
	for _, test := range []struct{ add, want string }{
		{"dynamic_batching { priority_levels: 2 }", "default priority level must be in range [1, 2] for m"},
		{"dynamic_batching { priority_levels: 2 default_priority_level: 3 }", "default priority level must be in range [1, 2] for m"},
		{"dynamic_batching { priority_levels: 2 default_priority_level: 1 priority_queue_policy { key: 3 value {} } }",
			"priority queue policy must have priority level in range [1, 2] for m"},
		{"dynamic_batching { priority_levels: 2 default_priority_level: 1 preserve_ordering: true }",
			"Only one priority level is allowed when 'preserve_ordering' is true for m"},
		{"dynamic_batching { preserve_ordering: true default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 5 } }",
			"Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for m"},
		{"instance_group { kind: KIND_CPU gpus: 0 }", "instance group m_0 of model m has kind KIND_CPU but specifies one or more GPUs"},
		{"instance_group { kind: KIND_GPU gpus: 7 }", "instance group m_0 of model m specifies invalid or unsupported gpu id 7"},
		{"instance_group { kind: KIND_CPU count: 100000 }", "model 'm' has 100000 instances, more than the 1000 that are simulated"},
		{"sequence_batching {}", "model 'm' has a sequence batcher, which is not simulated"},
		{"ensemble_scheduling {}", "model 'm' is an ensemble, which is not simulated"},
		{"model_transaction_policy { decoupled: true }", "model 'm' is decoupled, which is not simulated"},
		{"input { data_type: TYPE_FP32 dims: 1 }", "model input must specify 'name'"},
		{"output { name: \"x\" dims: 1 }", "model output must specify 'data_type'"},
		{"output { name: \"x\" data_type: TYPE_FP32 }", "model output must specify 'dims'"},
		{"output { name: \"x\" data_type: TYPE_FP32 dims: [ 0 ] }", "model output dimension must be integer >= 1, or -1 to indicate a variable-size dimension"},
		{"dynamic_batching {}", ""},
	} {
		c := complete(parse(t, trt+test.add), "m", "", 1)
		err := checkConfig(c, "m")
		if err == nil {
			err = checkLoad(c, 1)
		}
		switch {
		case err == nil && test.want != "":
			t.Errorf("%s is taken", test.add)
		case err != nil && err.Error() != test.want:
			t.Errorf("%s: %v\nwant %s", test.add, err, test.want)
		}
	}
}

// TestComplete: what Triton adds to a config, for models that the contract does
// not have.
func TestComplete(t *testing.T) {
	for _, test := range []struct {
		name, text, file string
		gpus             int
		want             []string // parts of the completed config
		instances        int
	}{
		{"TensorRT on two GPUs", trt, "", 2, []string{`backend:"tensorrt"`, `default_model_filename:"model.plan"`, `kind:KIND_GPU`, `gpus:0 gpus:1`, `instance_group:{name:"m" `}, 2},
		{"the same on a CPU", trt, "", 0, []string{`kind:KIND_CPU`}, 1},
		{"nothing but a model file", "", "model.onnx", 0, []string{`name:"m"`, `backend:"onnxruntime"`, `count:2`}, 2},
		{"two groups", trt + "instance_group { kind: KIND_CPU count: 3 } instance_group { kind: KIND_CPU name: \"own\" }", "", 0,
			[]string{`name:"m_0"`, `name:"own"`}, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := complete(parse(t, test.text), "m", test.file, test.gpus)
			text := strings.ReplaceAll(prototext.MarshalOptions{}.Format(c), "  ", " ") // its blanks vary on purpose
			for _, part := range test.want {
				if !strings.Contains(text, part) {
					t.Errorf("%s lacks %s", text, part)
				}
			}
			if got := instances(c); got != test.instances {
				t.Errorf("%d instances, want %d", got, test.instances)
			}
		})
	}
}

// TestSchedule: what the scheduler is told.
func TestSchedule(t *testing.T) {
	c := complete(parse(t, trt+`dynamic_batching { max_queue_delay_microseconds: 18446744073709551615 priority_levels: 2 default_priority_level: 2
		default_queue_policy { max_queue_size: 4 } priority_queue_policy { key: 1 value { timeout_action: DELAY default_timeout_microseconds: 7 allow_timeout_override: true } } }
		instance_group { kind: KIND_GPU count: 3 }`), "m", "", 1)
	s := schedule(c)
	if !s.DeviceBlocking || !s.VariableShape || s.Instances != 3 || s.MaxBatch != 8 || s.Preferred[0] != 8 {
		t.Errorf("%+v", s)
	}
	if s.Delay < 24*3600*1e9 || s.Policy.MaxSize != 4 || s.DefaultPriority != 2 {
		t.Errorf("%+v", s)
	}
	if p := s.Policies[1]; !p.DelayExpired || p.Timeout != 7000 || !p.AllowOverride {
		t.Errorf("%+v", p)
	}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
}

func TestOutputItem(t *testing.T) {
	for _, test := range []struct{ dims, input, want []int64 }{
		{[]int64{512}, []int64{3, 112, 112}, []int64{512}},
		{[]int64{-1, 438}, []int64{3, 48, 320}, []int64{40, 438}},
		{[]int64{1, -1, -1}, []int64{3, 64, 96}, []int64{1, 64, 96}},
		{[]int64{4, -1}, []int64{3, 64, 96}, nil},
	} {
		if got := outputItem(test.dims, test.input); dims(got) != dims(test.want) || (got == nil) != (test.want == nil) {
			t.Errorf("%v from %v is %v, want %v", test.dims, test.input, got, test.want)
		}
	}
}
