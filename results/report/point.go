package report

import (
	"encoding/json"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// Point is one settings value under one load, joined over the rounds. Absent
// figures were not measured, or the sample cannot support them.
type Point struct {
	// ID is unique in the model: "p1", "c1" for controls, "f1" in the finals.
	ID       string                `json:"id"`
	Control  bool                  `json:"control,omitempty"`
	Final    bool                  `json:"final,omitempty"` // measured afresh
	Settings tritonconfig.Settings `json:"settings"`
	Load     sweep.Load            `json:"load"`
	// Active are the tuned values that the server reported while it was measured.
	Active tritonconfig.Settings `json:"active"`
	// Config is the whole model configuration that it reported then.
	Config json.RawMessage `json:"config,omitempty"`
	// Current is true where these values are those of the untouched config.
	Current bool `json:"current"`

	// Verdict is that of the rounds that are used, or of all if none can be.
	Verdict results.Verdict `json:"verdict" jsonschema:"enum=ok,enum=noisy,enum=unsteady,enum=void,enum=refused,enum=failed"`
	// Reasons say why the verdict is not ok, and of rounds that were left out.
	Reasons []string `json:"reasons,omitempty"`
	// Rounds counts the rounds whose figures are joined here, Measured all that
	// were tried.
	Rounds   int `json:"rounds"`
	Measured int `json:"rounds_measured"`

	// Requests counts the successful requests of the joined rounds.
	Requests int64 `json:"requests"`
	// Errors counts failed requests by gRPC status, over all rounds.
	Errors map[string]int64 `json:"errors,omitempty"`
	// ErrorRate is the share of failed requests in all rounds, 0..1; absent where
	// no request was measured.
	ErrorRate *float64 `json:"error_rate,omitempty"`
	// Throughput is in items a second.
	Throughput *results.Estimate `json:"throughput_per_s,omitempty"`
	// Latency is what the client saw.
	Latency Latency `json:"latency_ms"`
	// Missing says of an absent quantile how many more requests it needs, over all
	// rounds.
	Missing map[pareto.Quantile]int64 `json:"latency_missing,omitempty"`
	// Client is the share of the client.
	Client *Client `json:"client,omitempty"`
	// Server is what Triton's statistics say.
	Server *Server `json:"server,omitempty"`
	// Stages are those of a pipeline, by what its answers say, the longest first.
	// Means weigh the rounds by their requests; quantiles are means of the rounds'.
	Stages []results.Stage `json:"stages,omitempty"`

	// ContainerMemory is the peak in bytes; absent means not reported.
	ContainerMemory *int64 `json:"container_memory_bytes,omitempty"`
	// GPU sums over all GPUs; absent means not reported.
	GPU *GPU `json:"gpu,omitempty"`

	// Limit is how the point stands to the latency limit of the run.
	Limit pareto.Standing `json:"limit" jsonschema:"enum=no limit,enum=met,enum=met by the point estimate,enum=unknown,enum=missed"`
	// NotRecommended says why the point was not even considered.
	NotRecommended string `json:"not_recommended,omitempty"`
	// OnFrontier is true if no other point is better in both throughput and the
	// latency of the model's objective; Probability is that of being so, given
	// the intervals.
	OnFrontier  bool     `json:"on_frontier"`
	Probability *float64 `json:"frontier_probability,omitempty"`
	// Effect compares with the control of the same load.
	Effect *Effect `json:"effect,omitempty"`
	// Footnotes are the numbers of the footnotes about the point.
	Footnotes []int `json:"footnotes,omitempty"`
}

// Latency holds quantiles in milliseconds, of the requests of all rounds together.
type Latency struct {
	Mean *results.Estimate `json:"mean,omitempty"`
	P50  *results.Estimate `json:"p50,omitempty"`
	P90  *results.Estimate `json:"p90,omitempty"`
	P95  *results.Estimate `json:"p95,omitempty"`
	P99  *results.Estimate `json:"p99,omitempty"`
	// Max is the largest of all rounds.
	Max float64 `json:"max,omitempty"`
}

// Get returns a quantile, nil if it is absent.
func (l Latency) Get(q pareto.Quantile) *results.Estimate {
	switch q {
	case pareto.P50:
		return l.P50
	case pareto.P90:
		return l.P90
	case pareto.P95:
		return l.P95
	case pareto.P99:
		return l.P99
	}
	return nil
}

// Client is what a request costs at the client: means over the requests.
type Client struct {
	Send float64 `json:"send_mean_ms"`       // handing the request to the transport
	Wait float64 `json:"wait_mean_ms"`       // from there to the answer
	CPU  float64 `json:"cpu_us_per_request"` // the client's own, in microseconds
	// Arrivals is about an open loop: sums, and the worst lag, of the rounds.
	Arrivals *results.Arrivals `json:"arrivals,omitempty"`
}

// Server is what Triton's statistics say about a point. Queue is the mean wait
// of a request; the others are means of one execution of a batch. All in
// milliseconds.
type Server struct {
	Inferences    int64   `json:"inferences"` // items
	Executions    int64   `json:"executions"` // batches
	AverageBatch  float64 `json:"average_batch"`
	Queue         float64 `json:"queue_ms"`
	ComputeInput  float64 `json:"compute_input_ms"`
	ComputeInfer  float64 `json:"compute_infer_ms"`
	ComputeOutput float64 `json:"compute_output_ms"`
	// Batches are the executions by batch size.
	Batches []results.Batch `json:"batches,omitempty"`
}

// GPU sums over all GPUs that the server reports.
type GPU struct {
	Devices     int      `json:"devices"`
	MemoryUsed  *int64   `json:"memory_used_bytes,omitempty"` // peak
	MemoryTotal *int64   `json:"memory_total_bytes,omitempty"`
	Utilization *float64 `json:"utilization,omitempty"` // mean, 0..1
	Power       *float64 `json:"power_w,omitempty"`     // sum of the means
}

// Effect compares a point with the control of the same load. Figures are
// ratios, point by control: 1.2 is 20 % more.
type Effect struct {
	// Control is the identifier of the control.
	Control    string                                `json:"control"`
	Throughput *results.Estimate                     `json:"throughput,omitempty"`
	Latency    map[pareto.Quantile]*results.Estimate `json:"latency,omitempty"`
	// Verdict says what the change amounts to, by throughput and the objective.
	Verdict EffectVerdict `json:"verdict" jsonschema:"enum=better,enum=worse,enum=mixed,enum=no significant difference"`
}

// EffectVerdict says what a change amounts to.
type EffectVerdict string

// The verdicts of a comparison.
const (
	Better       EffectVerdict = "better" // in one figure, and worse in none
	Worse        EffectVerdict = "worse"  // in one figure, and better in none
	Mixed        EffectVerdict = "mixed"  // better in one, worse in the other
	NoDifference EffectVerdict = "no significant difference"
)
