package tritonconfig_test

import (
	"fmt"

	"tritonsweep/tritonconfig"
)

const arcface = `name: "arcface"
max_batch_size: 32

# one card
instance_group [{
    kind: KIND_GPU
    gpus: [0]
}]
dynamic_batching {
    max_queue_delay_microseconds: 5000  # 5ms
}
`

// One value changes, one is inserted; the comment that has become a lie is
// reported.
func ExampleFile_Apply() {
	f, err := tritonconfig.Parse("config.pbtxt", []byte(arcface))
	if err != nil {
		fmt.Println(err)
		return
	}
	g, notes, err := f.Apply(tritonconfig.Settings{
		MaxQueueDelay: tritonconfig.Ptr(uint64(1000)),
		InstanceCount: tritonconfig.Ptr(4),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(tritonconfig.Diff("config.pbtxt", "config.pbtxt", f.Bytes(), g.Bytes()))
	fmt.Println(notes)
	// Output:
	// --- config.pbtxt
	// +++ config.pbtxt
	// @@ -5,7 +5,8 @@
	//  instance_group [{
	//      kind: KIND_GPU
	//      gpus: [0]
	// +    count: 4
	//  }]
	//  dynamic_batching {
	// -    max_queue_delay_microseconds: 5000  # 5ms
	// +    max_queue_delay_microseconds: 1000  # 5ms
	//  }
	// [line 11: comment still names the old max_queue_delay_microseconds 5000: # 5ms]
}

// What Triton would refuse is refused before anything is written.
func ExampleFile_Validate() {
	f, err := tritonconfig.Parse("config.pbtxt", []byte(arcface))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Validate(tritonconfig.Settings{PreferredBatchSizes: []int{16, 64}}))
	// Output:
	// dynamic batching preferred size must be <= max batch size: preferred size 64, max_batch_size 32
}

// A template is refused, with the place of its placeholder.
func ExampleParse_template() {
	_, err := tritonconfig.Parse("config.pbtxt", []byte("name: \"m\"\nmax_batch_size: ${MAX_BATCH}\n"))
	fmt.Println(err)
	// Output:
	// config.pbtxt:2:17: placeholder ${MAX_BATCH} (this file is a template: fill it in first, then tune the result)
}
