package results

import (
	"encoding/json"
	"time"

	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// Verdict says what a record is worth.
type Verdict string

// The verdicts of a point.
const (
	OK       Verdict = "ok"       // valid, and as precise as asked
	Noisy    Verdict = "noisy"    // valid, but its interval is wider than asked, or a rule is suspect
	Unsteady Verdict = "unsteady" // no steady state was reached
	Void     Verdict = "void"     // a validity rule failed: the number is never used
	Refused  Verdict = "refused"  // Triton would not load the config
	Failed   Verdict = "failed"   // the point could not be measured
	Inert    Verdict = "inert"    // not measured: what was measured proves that it is like another
)

// Usable reports whether a record of this verdict may enter a comparison.
func (v Verdict) Usable() bool { return v == OK || v == Noisy }

// Estimate is a figure with its two-sided 95 % confidence interval, in the
// unit of the field that holds it.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Record is one measured point: a trial under one load.
type Record struct {
	// Run is the identifier of the run, Sequence the position in it from 1.
	Run      string `json:"run"`
	Sequence int    `json:"sequence"`

	Model    string                `json:"model"`
	Round    int                   `json:"round"`           // 0: the untouched config, before round 1
	Final    bool                  `json:"final,omitempty"` // a fresh measurement of a finalist or its control
	Control  bool                  `json:"control,omitempty"`
	Settings tritonconfig.Settings `json:"settings"`
	Load     sweep.Load            `json:"load"`
	// Together names the other models that were loaded at the same time.
	Together []string `json:"together,omitempty"`

	// Active holds the tuned values, Config the whole model configuration
	// (protobuf JSON), that the server reported while the point was measured.
	Active tritonconfig.Settings `json:"active"`
	Config json.RawMessage       `json:"config,omitempty"`

	Verdict Verdict  `json:"verdict"`
	Checks  []Check  `json:"checks,omitempty"`
	Reasons []string `json:"reasons,omitempty"` // why the verdict is not OK, and notes

	Start    time.Time `json:"start"`
	Duration float64   `json:"duration_s"` // measured window, seconds
	Warmup   float64   `json:"warmup_s"`   // discarded before it, seconds

	Client      Client      `json:"client"`
	Server      *Server     `json:"server,omitempty"`
	Stages      []Stage     `json:"stages,omitempty"` // of a pipeline, the longest first
	Resources   Resources   `json:"resources"`
	Environment Environment `json:"environment"`
}

// Check is one validity rule applied to one point.
type Check struct {
	Name   string `json:"name"` // for example "little", "count", "client-bound"
	Passed bool   `json:"passed"`
	// Suspect tells that the rule holds, but that the figures are doubtful: the
	// verdict is at best noisy.
	Suspect bool   `json:"suspect,omitempty"`
	Detail  string `json:"detail"` // the figures, for people
}

// Client is what the load generator saw. Latencies are in milliseconds and
// hold successful requests only.
type Client struct {
	Requests   int64            `json:"requests"` // successes in the window
	Items      int64            `json:"items"`    // successes x client batch
	Errors     map[string]int64 `json:"errors,omitempty"`
	Throughput *Estimate        `json:"throughput_per_s,omitempty"` // items a second

	Mean *Estimate `json:"latency_mean_ms,omitempty"`
	P50  *Estimate `json:"latency_p50_ms,omitempty"`
	P90  *Estimate `json:"latency_p90_ms,omitempty"`
	P95  *Estimate `json:"latency_p95_ms,omitempty"`
	P99  *Estimate `json:"latency_p99_ms,omitempty"` // nil where the sample cannot support it
	Max  float64   `json:"latency_max_ms,omitempty"`
	// Missing says for each absent quantile how many more requests it needs.
	Missing map[string]int64 `json:"latency_missing,omitempty"`

	Arrivals *Arrivals `json:"arrivals,omitempty"` // of an open loop

	Send      float64 `json:"send_mean_ms"` // handing the request to the transport
	Wait      float64 `json:"wait_mean_ms"` // from there to the answer
	CPU       float64 `json:"cpu_us_per_request"`
	Histogram []byte  `json:"histogram,omitempty"` // results/histogram, encoded
}

// Arrivals is what an open loop offered. Its latencies count from the instant at
// which a request was due, send lag and waiting in the client included.
type Arrivals struct {
	Requests    int64   `json:"requests"`         // sent in the window
	Held        int64   `json:"held"`             // of them, late because Outstanding were under way
	Outstanding int     `json:"outstanding"`      // the most that may be under way
	Underway    float64 `json:"underway"`         // on average
	SendLag     float64 `json:"send_lag_p99_ms"`  // of those that were not held
	SendLagMean float64 `json:"send_lag_mean_ms"` //
	// Overloaded tells that more requests arrived than were answered.
	Overloaded bool `json:"overloaded,omitempty"`
}

// Server is what Triton's statistics say about the window.
type Server struct {
	Inferences   int64   `json:"inferences"`    // items
	Executions   int64   `json:"executions"`    // batches
	Requests     int64   `json:"requests"`      // successful requests
	AverageBatch float64 `json:"average_batch"` // inferences / executions
	// Queue is the mean wait of a request; the others are means of one
	// execution, from batch_stats. All in milliseconds.
	Queue         float64 `json:"queue_ms"`
	ComputeInput  float64 `json:"compute_input_ms"`
	ComputeInfer  float64 `json:"compute_infer_ms"`
	ComputeOutput float64 `json:"compute_output_ms"`
	Batches       []Batch `json:"batches"` // by batch size, ascending
}

// Batch is what Triton says about the executions of one batch size.
type Batch struct {
	Size          int     `json:"size"`
	Executions    int64   `json:"executions"`
	ComputeInput  float64 `json:"compute_input_ms"` // means of one execution
	ComputeInfer  float64 `json:"compute_infer_ms"`
	ComputeOutput float64 `json:"compute_output_ms"`
}

// Resources are gauges seen in the window; nil means "not reported", never 0.
type Resources struct {
	ContainerMemory *int64 `json:"container_memory_bytes,omitempty"` // peak
	ClientMemory    *int64 `json:"client_memory_bytes,omitempty"`    // peak resident set of tritonsweep
	GPUs            []GPU  `json:"gpus,omitempty"`
}

// GPU is one device as Triton's metrics, or the host's driver, report it.
type GPU struct {
	UUID        string   `json:"uuid"`
	MemoryUsed  *int64   `json:"memory_used_bytes,omitempty"`
	MemoryTotal *int64   `json:"memory_total_bytes,omitempty"`
	Utilization *float64 `json:"utilization,omitempty"` // mean, 0..1
	Power       *float64 `json:"power_w,omitempty"`     // mean
	// Source is who reported it: empty for Triton's metrics, "nvidia-smi" for the
	// driver of the host, which counts everybody's use of all its devices.
	Source string `json:"source,omitempty"`
}

// Environment is where a record comes from: two records are compared only when
// the parts that matter are equal.
type Environment struct {
	Tool         string `json:"tool"`          // tritonsweep's version
	Server       string `json:"server"`        // name and version, as the server says
	Simulated    bool   `json:"simulated"`     // the server was tritonsweep's own simulator
	Image        string `json:"image"`         // name of the container's image
	ImageDigest  string `json:"image_digest"`  // its content address
	Container    string `json:"container"`     // name
	ContainerID  string `json:"container_id"`  //
	ConfigSHA256 string `json:"config_sha256"` // of the untouched config.pbtxt
	ModelVersion string `json:"model_version"` // as served
	// ModelSHA256 is that of the model's files, config.pbtxt left out; empty where
	// they cannot be read.
	ModelSHA256 string   `json:"model_sha256,omitempty"`
	GPUModels   []string `json:"gpu_models,omitempty"`
	GPUDriver   string   `json:"gpu_driver,omitempty"`
	Host        string   `json:"host"`         //
	CPUs        int      `json:"cpus"`         // of the client's host
	LoadAverage string   `json:"load_average"` // when the point began
	Mode        string   `json:"mode"`         // restart, reload or none
	Transport   string   `json:"transport"`    // grpc, http
	// Pipeline is the address of the API that took the load, without its query;
	// empty where the model itself did.
	Pipeline      string `json:"pipeline,omitempty"`
	InputSource   string `json:"input_source"`   // zeros, random, file:NAME
	ServerStarted string `json:"server_started"` // RFC 3339, of the container
}
