package results

import "cmp"

// Stage is one stage of a pipeline in the measured window, by what the service
// itself says in its answers. Milliseconds; successful requests only.
type Stage struct {
	Name     string  `json:"name"`
	Requests int64   `json:"requests"` // that told it
	Mean     float64 `json:"mean_ms"`
	// Interval is the mean with its interval; nil where the window was too short.
	Interval *Estimate `json:"mean_interval_ms,omitempty"`
	// Quantiles are those of the sample, nil where it cannot support them.
	P50 *float64 `json:"p50_ms,omitempty"`
	P95 *float64 `json:"p95_ms,omitempty"`
	P99 *float64 `json:"p99_ms,omitempty"`
}

// CompareStages orders stages by falling mean, equal ones by name.
func CompareStages(a, b Stage) int {
	return cmp.Or(cmp.Compare(b.Mean, a.Mean), cmp.Compare(a.Name, b.Name))
}
