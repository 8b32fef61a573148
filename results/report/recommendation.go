package report

import (
	"tritonsweep/results/pareto"
	"tritonsweep/tritonconfig"
)

// Recommendation is the advice for one model.
type Recommendation struct {
	// Action is "change", "keep" or "none".
	Action pareto.Action `json:"action" jsonschema:"enum=change,enum=keep,enum=none"`
	// Headline is the advice in one sentence, Detail what it brings, in figures.
	Headline string `json:"headline"`
	Detail   string `json:"detail,omitempty"`
	// Reason is why.
	Reason string `json:"reason"`
	// Settings are what to change to; absent unless Action is "change".
	Settings *tritonconfig.Settings `json:"settings,omitempty"`
	// Point is the identifier of the point to change to, Control that of the
	// control it is compared with, or the one that speaks for keeping.
	Point   string `json:"point,omitempty"`
	Control string `json:"control,omitempty"`
	// Final is the identifier of that point in the finals, whose figures the advice
	// tells; absent where it was not measured afresh.
	Final string `json:"final,omitempty"`
	// FinalControl is the same of the control.
	FinalControl string `json:"final_control,omitempty"`
	// Near is the probability that the point, or the control that is kept, is within
	// 2 % of the best that was tried under its load.
	Near *float64 `json:"within_2_percent_probability,omitempty"`
	// Limit is how the point, or the control that is kept, stands to the limit.
	Limit pareto.Standing `json:"limit" jsonschema:"enum=no limit,enum=met,enum=met by the point estimate,enum=unknown,enum=missed"`
	// Comparisons is how many points were compared; significance allows for them.
	Comparisons int `json:"comparisons"`
	// Cautions are what to know before following the advice.
	Cautions []string `json:"cautions,omitempty"`
	// Patch is the change as a unified diff, to be applied in the model repository.
	Patch string `json:"patch,omitempty"`
	// Apply is the command line that makes the change.
	Apply string `json:"apply,omitempty"`
}
