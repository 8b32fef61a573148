package fidelity

import (
	"fmt"
	"strings"

	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// maxBatch of the models here: small enough that a few callers fill a batch.
const maxBatch = 16

// shape is a model of one kind, and how well it is to be predicted.
type shape struct {
	name    string
	profile string
	// counts are the instances to try; one means that it has its device alone.
	counts []int
	goals  goals
}

// goals are the largest errors of predictions, in per cent.
type goals struct {
	medianX, tailX     float64 // throughput: median and 90th percentile
	medianP95, tailP95 float64 // the same of the p95 latency
}

const leastRank = 0.98 // of the rank correlations, of throughput and p95

var (
	simpleGoals = goals{2, 6, 4, 12}
	sharedGoals = goals{4, 12, 5, 15}
)

var shapes = []shape{
	{"simple", `{"compute_ms": {"1": 9.0, "2": 9.5, "16": 16.5}, "input_copy_ms": {"1": 0}, "output_copy_ms": {"1": 0}}`, []int{1}, simpleGoals},
	{"shared", `{"compute_ms": ` + steps() + `, "input_copy_ms": {"1": 3.0}, "output_copy_ms": {"1": 0}}`, []int{1, 2, 4}, sharedGoals},
	{"copies", `{"compute_ms": {"1": 2.2, "16": 11.2}, "input_copy_ms": {"1": 1.3, "16": 14.8}, "output_copy_ms": {"1": 1.2, "16": 11.7}}`, []int{1, 2, 4}, sharedGoals},
}

// steps is 6 ms and 2 ms for each four items begun, as engines have it that
// work in tiles.
func steps() string {
	var points []string
	for b := 1; b <= maxBatch; b++ {
		points = append(points, fmt.Sprintf(`"%d": %d`, b, 6+2*((b+3)/4)))
	}
	return "{" + strings.Join(points, ", ") + "}"
}

const configText = `name: "%s"
backend: "python"
max_batch_size: %d
input [ { name: "input" data_type: TYPE_FP32 dims: [ 16 ] } ]
output [ { name: "output" data_type: TYPE_FP32 dims: [ 4 ] } ]
dynamic_batching { max_queue_delay_microseconds: 1500 preferred_batch_size: [ 8 ] }
instance_group [ { count: 1 kind: KIND_CPU } ]
`

// files are the model's, which the stand-in of the examples serves.
func (s *shape) files(code string) map[string]string {
	profile := strings.TrimSuffix(s.profile, "}") + fmt.Sprintf(`, "device": "fidelity-%s", "memory_mib": 1, "load_ms": 10, "source": "made up for a test"}`, s.name)
	return map[string]string{
		"config.pbtxt": fmt.Sprintf(configText, s.name, maxBatch), "profile.json": profile, "1/model.py": code,
	}
}

// space is what the predictions are tried on.
func (s *shape) space() (settings []tritonconfig.Settings, loads []sweep.Load) {
	for _, delay := range []uint64{0, 1000, 2000, 4000, 7000, 12000} {
		for _, preferred := range [][]int{{}, {4}, {8}, {4, 8, 16}, {16}} {
			for _, count := range s.counts {
				settings = append(settings, tritonconfig.Settings{
					MaxQueueDelay: &delay, PreferredBatchSizes: preferred, InstanceCount: tritonconfig.Ptr(count),
				})
			}
		}
	}
	return settings, sweep.Closed([]int{1, 3, 6, 10, 16, 24, 40}, []int{1})
}
