package tritonconfig

import (
	"strings"
	"testing"
)

// benchmarkText is a config of usual size: nine outputs, comments, all knobs.
var benchmarkText = "# SCRFD face detector\nname: \"scrfd\"\nplatform: \"tensorrt_plan\"\nmax_batch_size: 32\n\ninput [\n  {\n    name: \"input.1\"\n" +
	"    data_type: TYPE_FP32\n    dims: [ 3, 640, 640 ]\n  }\n]\n\noutput [\n" +
	strings.TrimSuffix(strings.Repeat("  {\n    name: \"score\"\n    data_type: TYPE_FP32\n    dims: [ 12800, 1 ]\n  },\n", 9), ",\n") + "\n]\n\n" +
	"dynamic_batching {\n  preferred_batch_size: [ 4, 8, 16, 32 ]\n  max_queue_delay_microseconds: 5000  # 5ms\n}\n\n" +
	"instance_group [\n  {\n    count: 2\n    kind: KIND_GPU\n    gpus: [ 0 ]\n  }\n]\n"

func BenchmarkParse(b *testing.B) {
	data := []byte(benchmarkText)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Parse("config.pbtxt", data); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkApply changes three values, which includes reading the result again.
func BenchmarkApply(b *testing.B) {
	f := mustParse(b, benchmarkText)
	s := Settings{MaxQueueDelay: Ptr(uint64(1000)), PreferredBatchSizes: []int{8, 16}, InstanceCount: Ptr(4)}
	b.SetBytes(int64(len(f.src)))
	for b.Loop() {
		if _, _, err := f.Apply(s); err != nil {
			b.Fatal(err)
		}
	}
}
