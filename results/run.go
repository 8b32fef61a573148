package results

import (
	"time"

	"tritonsweep/sweep"
)

// Limit is what the user can afford. Zero fields do not limit.
type Limit struct {
	P99 float64 `json:"max_p99_ms,omitempty"` // milliseconds
	P95 float64 `json:"max_p95_ms,omitempty"` // milliseconds
	// ErrorRate is the share of requests that may fail.
	ErrorRate float64 `json:"max_error_rate,omitempty"`
	// GPUMemory is what all GPUs together may have in use, in bytes.
	GPUMemory int64 `json:"max_gpu_memory_bytes,omitempty"`
}

// Run is one sweep: what was planned, and how it ended.
type Run struct {
	ID      string     `json:"id"` // time of the start and a random part; sorts by time
	Start   time.Time  `json:"start"`
	End     *time.Time `json:"end,omitempty"`
	Command []string   `json:"command"` // without secrets
	Plan    sweep.Plan `json:"plan"`
	Limit   Limit      `json:"limit"`
	// Objective is the latency that throughput is weighed against: p50, p90, p95
	// or p99. Empty: that of the limit, else the largest that all points support.
	Objective string `json:"objective,omitempty"`
	// Goals are throughputs to reach, by model or target, in requests a second.
	Goals map[string]float64 `json:"goals_per_s,omitempty"`
	// Resumes is the run that this one continues, Dropped says why points of it
	// were measured again.
	Resumes string   `json:"resumes,omitempty"`
	Dropped []string `json:"dropped,omitempty"`
	// Force asks for a recommendation even from a machine that is too noisy.
	Force bool `json:"force,omitempty"`
	// Floors say by model how much the untouched config differed from itself;
	// absent while the run goes on.
	Floors   map[string]Floor `json:"floors,omitempty"`
	Outcome  string           `json:"outcome"`   // "running", "done", "interrupted", "failed: ..."
	ExitCode *int             `json:"exit_code"` // nil while it runs
	// Originals holds each model's config.pbtxt as it was before the run.
	Originals map[string]Original `json:"originals"`
}

// Floor is an A/A measurement: by how much, as a fraction, the untouched config
// differed from itself, over how many pairs of neighbouring starts.
type Floor struct {
	Difference float64 `json:"difference"`
	Pairs      int     `json:"pairs"`
}

// Original is one model's untouched config.
type Original struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Text   []byte `json:"text"`
}
