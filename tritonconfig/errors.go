package tritonconfig

import (
	"bytes"
	"fmt"
)

// Error says where a config file was refused and why: it is broken, or it is a
// template whose placeholders nobody has filled in yet.
type Error struct {
	File   string // the name given to Parse
	Line   int    // from 1; a newline ends a line
	Column int    // from 1, in bytes
	Reason string
	Hint   string // what to do about it; may be empty

	// Placeholder is the text of the template's placeholder, "${max_batch}"
	// for example; empty when the file is no template.
	Placeholder string
}

// Error returns "file:line:column: reason (hint)".
func (e *Error) Error() string {
	text := fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Reason)
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// fault is an Error before the offset became a line and a column.
type fault struct {
	at          int
	reason      string
	hint        string
	placeholder string
}

const templateHint = "this file is a template: fill it in first, then tune the result"

func templateFault(at int, placeholder string) *fault {
	return &fault{at: at, reason: "placeholder " + placeholder, hint: templateHint, placeholder: placeholder}
}

func (t *fault) in(file string, src []byte) *Error {
	at := min(t.at, len(src))
	line, column := position(src, at)
	return &Error{
		File: file, Line: line, Column: column,
		Reason: t.reason, Hint: t.hint, Placeholder: t.placeholder,
	}
}

// position returns the line and the column of an offset, both from 1.
func position(src []byte, at int) (line, column int) {
	line = 1 + bytes.Count(src[:at], []byte{'\n'})
	return line, at - lineStart(src, at) + 1
}

// RuleError refuses settings that Triton would refuse, or would accept and
// silently run as something else, before anything is written.
type RuleError struct {
	Rule   string // one of the Rule constants, or the like
	Detail string // the values that break it
}

// Error returns "rule: detail".
func (e *RuleError) Error() string { return e.Rule + ": " + e.Detail }

// The rules of RuleError. Where Triton itself refuses, the words are Triton's.
const (
	RulePreferredMax      = "dynamic batching preferred size must be <= max batch size"
	RulePreferredPositive = "dynamic batching preferred size must be positive"
	RuleSequenceMax       = "sequence batching preferred batch size must be <= max batch size"
	RuleMaxBatchSize      = "'max_batch_size' must be non-negative value"
	RuleEnsembleGroup     = "instance group should not be specified for ensemble"
	RuleNeedsMaxBatch     = "dynamic batching needs max_batch_size of at least 1"
	RuleOneScheduler      = "a model has one scheduler: dynamic_batching, sequence_batching or ensemble_scheduling"
	RuleCount             = "instance count must be at least 1"
	RuleRange             = "value does not fit the field"
	RuleInstanceGroup     = "instance count needs one instance group"
	RuleOther             = "a setting names a scalar field of the config"
)
