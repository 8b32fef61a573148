package report

import (
	"slices"
	"time"

	"tritonsweep/results"
	"tritonsweep/results/interference"
	"tritonsweep/results/pareto"
	"tritonsweep/results/scaling"
	"tritonsweep/tritonconfig"
)

// SchemaVersion is the version of the JSON view. It is raised when a field
// changes its meaning or goes; new fields do not raise it.
const SchemaVersion = 1

// Report is all that is known about a run.
type Report struct {
	// Schema is the version of this document's structure.
	Schema int `json:"schema"`
	// Run says what was swept, when, how and on what.
	Run Head `json:"run"`
	// Models holds one entry a model, in the order of their names.
	Models []Model `json:"models"`
	// Interference is what models that are loaded at the same time cost each
	// other; absent unless the run measured that, which then has no Models.
	Interference *interference.Report `json:"interference,omitempty"`
	// Footnotes are what the reader must know; points refer to them by number.
	Footnotes []Footnote `json:"footnotes"`
}

// Head says what was swept, when, how and on what.
type Head struct {
	ID    string `json:"id"`
	Sweep string `json:"sweep"` // for example "queue-delay"
	// Start and End of the run; End is absent while it runs, or if it was killed.
	Start time.Time  `json:"start"`
	End   *time.Time `json:"end,omitempty"`
	// Duration is the time from Start to End, or to the last record, in seconds.
	Duration float64 `json:"duration_s"`
	Outcome  string  `json:"outcome"`
	ExitCode *int    `json:"exit_code,omitempty"`
	// Command is the command line, without secrets.
	Command []string `json:"command"`
	// Seed drove the order of the trials and the load.
	Seed   uint64 `json:"seed"`
	Rounds int    `json:"rounds"`
	// Planned and Records count single measurements: points times rounds.
	Planned int `json:"records_planned"`
	Records int `json:"records"`
	// Finals counts the measurements of the finals, which no plan counted.
	Finals int `json:"records_final,omitempty"`
	// Limit is the latency that the user could afford.
	Limit results.Limit `json:"limit"`
	// Loop is "closed": every caller waits for its answer before it asks again;
	// "open": requests arrive at a rate and latency counts from when they were
	// due; or "mixed", where both were offered.
	Loop string `json:"loop" jsonschema:"enum=closed,enum=open,enum=mixed"`
	// Environment is that of the first usable record; a footnote tells if others
	// differ.
	Environment results.Environment `json:"environment"`
}

// Model is what the run says about one model.
type Model struct {
	Name string `json:"name"`
	// Current are the tuned values of the untouched config, as the server
	// reported them.
	Current tritonconfig.Settings `json:"current"`
	// Pipeline is the address of the API that took the load instead of the model;
	// absent where the model did.
	Pipeline string `json:"pipeline,omitempty"`
	// Goal is the throughput to reach and how near the run came; absent without
	// one.
	Goal *Goal `json:"goal,omitempty"`
	// Objective is the latency quantile that throughput was weighed against.
	Objective pareto.Quantile `json:"objective"`
	// Recommendation is the advice.
	Recommendation Recommendation `json:"recommendation"`
	// Points holds one entry for each swept settings value under each load,
	// joined over the rounds. Control is the same for the untouched config.
	Points  []Point `json:"points"`
	Control []Point `json:"control"`
	// Finals are the best points measured afresh, and the untouched config beside
	// them: the figures of the recommendation. Absent without finals.
	Finals []Point `json:"finals,omitempty"`
	// Frontiers holds for each quantile the identifiers of the points, control
	// included, that no other one beats in both throughput and that latency, by
	// rising latency.
	Frontiers map[pareto.Quantile][]string `json:"frontiers"`
	// Choices say what a latency limit buys, by rising limit.
	Choices []Choice `json:"choices"`
	// Capacity is the highest arrival rate within the limit; absent unless the run
	// searched for it.
	Capacity *Capacity `json:"capacity,omitempty"`
	// Curves follow one settings value over rising load.
	Curves []Curve `json:"curves"`
	// InstanceMemory is what one more instance costs; absent unless several
	// instance counts were measured.
	InstanceMemory *InstanceMemory `json:"instance_memory,omitempty"`
	// Instances is how throughput scales with the instances at the highest load;
	// absent unless three counts, 1 among them, were measured under it.
	Instances *InstanceScaling `json:"instance_scaling,omitempty"`
	// Noise is how much equal server starts differed.
	Noise Noise `json:"noise"`
	// Footnotes are the numbers of the footnotes about the model as a whole.
	Footnotes []int `json:"footnotes,omitempty"`
}

// comparesSettings tells whether anything but the load was varied: only then the
// noise between rounds decides about something.
func (m *Model) comparesSettings() bool {
	return m.Pipeline == "" || slices.ContainsFunc(m.Points, func(p Point) bool { return !p.Settings.IsZero() })
}

// Noise is how much the rounds of one point differ beyond their own intervals.
type Noise struct {
	// Throughput and Latency are relative standard deviations between server
	// starts: 0.01 is 1 %.
	Throughput float64 `json:"throughput"`
	Latency    float64 `json:"latency"`
	// ThroughputFloor and LatencyFloor are the relative differences below which
	// two settings are not told apart.
	ThroughputFloor float64 `json:"throughput_floor"`
	LatencyFloor    float64 `json:"latency_floor"`
	// SelfDifference is the A/A measurement: by how much the untouched config
	// differed from itself between neighbouring starts (root mean square, 0.01 is
	// 1 %), beyond what their intervals explain; SelfPairs how many pairs of starts say so.
	SelfDifference float64 `json:"self_difference"`
	SelfPairs      int     `json:"self_pairs"`
	// TooNoisy tells that it is more than 5 %: too much for a recommendation.
	TooNoisy bool `json:"too_noisy,omitempty"`
	// Measured is false where nothing was measured twice, and the noise is an
	// assumption.
	Measured bool `json:"measured"`
}

// Choice is the fastest way to stay below a latency limit.
type Choice struct {
	// Limit is the lowest limit in milliseconds that the point meets with the
	// upper end of its interval.
	Limit float64 `json:"limit_ms"`
	// Point is the identifier of the point.
	Point string `json:"point"`
}

// Curve follows one settings value while the load rises.
type Curve struct {
	Settings tritonconfig.Settings `json:"settings"`
	Control  bool                  `json:"control,omitempty"`
	// Axis is what rises: "concurrency", or "batch_size" for the client batch.
	Axis string `json:"axis" jsonschema:"enum=concurrency,enum=batch_size"`
	// Fixed is the other part of the load, for example "client batch 1".
	Fixed string `json:"fixed"`
	// Points are the identifiers of the points, by rising load.
	Points []string `json:"points"`
	// Saturation is the identifier of the first point within 5 % of the highest
	// throughput; absent where the throughput still rises at the end.
	Saturation string `json:"saturation,omitempty"`
	// Knee is the identifier of the point where more load stops paying
	// (Kneedle); absent where the curve has none.
	Knee string `json:"knee,omitempty"`
	// SaturationLoad and KneeLoad are the loads of these points, with what the
	// intervals of the curve leave open.
	SaturationLoad *scaling.Place `json:"saturation_load,omitempty"`
	KneeLoad       *scaling.Place `json:"knee_load,omitempty"`
	// Utilization is the mean utilization of the GPUs at the saturation point,
	// 0..1; absent where none was reported.
	Utilization *float64 `json:"gpu_utilization,omitempty"`
}

// InstanceMemory is what one more instance of the model costs.
type InstanceMemory struct {
	// Counts are the instance counts that were compared.
	Counts []int `json:"counts"`
	// Container is the change of the container's memory in bytes for each added
	// instance; absent where it was not reported. It is host memory.
	Container *results.Estimate `json:"container_bytes,omitempty"`
	// GPU is the same for the used memory of all GPUs.
	GPU *results.Estimate `json:"gpu_bytes,omitempty"`
	// ByCount holds the peaks at each count.
	ByCount []CountMemory `json:"by_count,omitempty"`
}

// CountMemory is the peak of memory at one instance count, in bytes.
type CountMemory struct {
	Count     int    `json:"count"`
	Container *int64 `json:"container_bytes,omitempty"`
	GPU       *int64 `json:"gpu_bytes,omitempty"`
}

// InstanceScaling is the Universal Scalability Law over the instance counts,
// under one load.
type InstanceScaling struct {
	Load   string `json:"load"`
	Counts []int  `json:"counts"`
	scaling.Law
}

// Footnote is something that the reader of a figure must know.
type Footnote struct {
	// Number is what points refer to, from 1.
	Number int `json:"number"`
	// Kind is a word for programs: see docs/record-schema.md.
	Kind string `json:"kind"`
	Text string `json:"text"`
	// Points lists the points concerned; none means all.
	Points []PointRef `json:"points,omitempty"`
}

// PointRef names a point of a model.
type PointRef struct {
	Model string `json:"model"`
	Point string `json:"point"`
}
