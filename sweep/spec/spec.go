package spec

import (
	"time"
)

// Spec is what a file says. Absent parts are zero: the command fills them from
// its flags and their defaults.
type Spec struct {
	// Models lists the models to sweep, one server's. Each is swept by itself.
	Models []Model `yaml:"models" jsonschema:"required,minItems=1"`
	// Settings are the values to try for every model that does not give its own.
	Settings Settings `yaml:"settings,omitempty"`
	// Combine says how the settings of a model are laid out: "each" tries the
	// values of one setting after another with all else as configured (the
	// default), "joint" tries every combination.
	Combine string `yaml:"combine,omitempty" jsonschema:"enum=each,enum=joint"`
	// Loads are offered to every model that does not give its own.
	Loads Loads `yaml:"loads,omitempty"`
	// Limits are what can be afforded.
	Limits Limits `yaml:"limits,omitempty"`
	// Objective is the latency that throughput is weighed against.
	Objective string `yaml:"objective,omitempty" jsonschema:"enum=p50,enum=p90,enum=p95,enum=p99"`
	// Budget bounds the sweep.
	Budget Budget `yaml:"budget,omitempty"`
	// Rounds is how often every setting is measured, each time after a fresh start.
	Rounds int `yaml:"rounds,omitempty" jsonschema:"minimum=1,maximum=100"`
	// Seed of the order and of the inputs; random when absent.
	Seed uint64 `yaml:"seed,omitempty" jsonschema:"minimum=1"`
	// Mode is how settings reach the server.
	Mode string `yaml:"mode,omitempty" jsonschema:"enum=restart,enum=reload,enum=none"`
	// Measure says how a point is measured.
	Measure Measure `yaml:"measure,omitempty"`
}

// Model is one model and what to try for it.
type Model struct {
	// Name as the server knows it.
	Name string `yaml:"name" jsonschema:"required,minLength=1"`
	// Settings to try; each one given here replaces that of the whole spec.
	Settings Settings `yaml:"settings,omitempty"`
	// Combine as above, for this model.
	Combine string `yaml:"combine,omitempty" jsonschema:"enum=each,enum=joint"`
	// Loads to offer; each list given here replaces that of the whole spec.
	Loads Loads `yaml:"loads,omitempty"`
	// Shapes of one item of the inputs that vary, for example x: 3x48x320.
	Shapes map[string]string `yaml:"shapes,omitempty"`
	// Inputs say what single inputs hold: zeros, random, random:0..255, or a file
	// or folder, for example x: photos/.
	Inputs map[string]Source `yaml:"inputs,omitempty"`
}

// Settings are the values to try.
type Settings struct {
	// Delay holds queue delays in microseconds (max_queue_delay_microseconds).
	Delay Numbers `yaml:"delay,omitempty"`
	// Preferred holds sets of preferred batch sizes; none means no preferred sizes.
	Preferred Sets `yaml:"preferred,omitempty"`
	// Count holds instance counts.
	Count Numbers `yaml:"count,omitempty" jsonschema:"minimum=1"`
	// Group names the instance group that counts are for, where a model has
	// several: its name, or #0 for the first.
	Group string `yaml:"group,omitempty"`
	// MaxBatch holds maximum batch sizes.
	MaxBatch Numbers `yaml:"max_batch,omitempty" jsonschema:"minimum=1"`
	// Set holds values of any other field of the config by its path, for example
	// optimization.cuda.graphs: [false, true].
	Set map[string]Values `yaml:"set,omitempty"`
}

// Loads says how requests are offered: every concurrency and every rate with
// every client batch.
type Loads struct {
	// Concurrency holds numbers of callers of a closed loop.
	Concurrency Numbers `yaml:"concurrency,omitempty" jsonschema:"minimum=1"`
	// ClientBatch holds numbers of items in one request.
	ClientBatch Numbers `yaml:"client_batch,omitempty" jsonschema:"minimum=1"`
	// Rate holds arrival rates of an open loop, in requests a second: requests
	// arrive whether or not the server keeps up.
	Rate Rates `yaml:"rate,omitempty"`
	// Arrivals says how they arrive; poisson when absent.
	Arrivals string `yaml:"arrivals,omitempty" jsonschema:"enum=poisson,enum=constant"`
}

// Limits are what can be afforded; what is absent does not limit.
type Limits struct {
	// P95 is the highest affordable 95th percentile of latency, for example 15ms.
	P95 Duration `yaml:"p95,omitempty"`
	// P99 is the highest affordable 99th percentile of latency.
	P99 Duration `yaml:"p99,omitempty"`
	// GPUMemory is what all GPUs together may have in use, for example 20GiB.
	GPUMemory string `yaml:"gpu_memory,omitempty" jsonschema:"pattern=^[0-9.]+ *[KMGkmg]?i?[Bb]?$"`
}

// Budget bounds a sweep.
type Budget struct {
	// Time after which no new trial is begun, for example 30m.
	Time Duration `yaml:"time,omitempty"`
	// Points is how many measurements a plan may have; a larger one is refused
	// before anything is touched.
	Points int `yaml:"points,omitempty" jsonschema:"minimum=1"`
}

// Source is where an input's data come from. Files are looked for when the spec is
// carried out.
type Source string

// Measure says how a point is measured.
type Measure struct {
	// Duration is the longest a point is measured.
	Duration Duration `yaml:"duration,omitempty"`
	// Warmup is the shortest warm-up of a point.
	Warmup Duration `yaml:"warmup,omitempty"`
	// Precision is the relative half-width of the 95 % intervals at which a
	// point ends, for example 0.05.
	Precision float64 `yaml:"precision,omitempty" jsonschema:"exclusiveMinimum=0,exclusiveMaximum=1"`
	// Input is the request data where a model's inputs say nothing else: zeros,
	// random, random:0..255, or a file or folder.
	Input string `yaml:"input,omitempty"`
}

// Numbers is a list of whole numbers in ascending order. A file writes it as a
// number, a list, or a text with ranges: "0,1000..10000/1000,25000".
type Numbers []int

// Rates is a list of positive rates. A file writes it as a number, a list, or a
// text with ranges: "50,100..500/100".
type Rates []float64

// Sets is a list of preferred batch sizes. A file writes each set as a list of
// sizes, as a text ("4,8"), or as none.
type Sets [][]int

// Values is a list of values as they would stand in a config. A file writes a
// single one or a list.
type Values []string

// Duration is a positive time, written as 20ms, 30s or 1h.
type Duration time.Duration

// String returns what a flag takes.
func (d Duration) String() string { return time.Duration(d).String() }
