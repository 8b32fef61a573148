package runner

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"
)

// logLine is one line of Triton's log: level, date, time, thread, place, text.
var logLine = regexp.MustCompile(`^([EFW])\d{4} [\d:.]+ \d+ [\w.]+:\d+\] "?(.*?)"?$`)

// tableRow is a row of the table of models that Triton prints at its end.
var tableRow = regexp.MustCompile(`^\| *[\w.-]+ *\| *\S+ *\| *(UNAVAILABLE: .*?) *\|$`)

// refusal returns why the server ended or does not get ready: its own words
// from the log since a time, with ended where the log tells nothing or cannot know.
func (r *run) refusal(ctx context.Context, since time.Time, ended error) string {
	if r.Server == nil {
		return ended.Error()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	log, err := r.Server.Log(ctx, since)
	if err != nil {
		return ended.Error()
	}
	switch reason := refusalIn(log); {
	case reason == "":
		return ended.Error()
	case signalled(ended):
		return ended.Error() + "; its log: " + reason
	default:
		return reason
	}
}

// refusalIn returns the lines of a log that say why models were not loaded, the
// most telling ones first found: errors about models, else all errors.
func refusalIn(log string) string {
	var rows, errorLines []string
	for line := range strings.Lines(log) {
		line = strings.TrimRight(line, "\r\n")
		if m := tableRow.FindStringSubmatch(line); m != nil {
			rows = appendNew(rows, m[1])
			continue
		}
		m := logLine.FindStringSubmatch(line)
		if m == nil || m[1] == "W" || harmless(m[2]) {
			continue
		}
		errorLines = appendNew(errorLines, m[2])
	}
	if len(errorLines) == 0 {
		errorLines = rows
	}
	const most = 3
	return strings.Join(errorLines[:min(len(errorLines), most)], "; ")
}

// harmless reports whether a machine without GPU logs this at every start.
func harmless(text string) bool {
	return strings.Contains(text, "CudaDriverHelper") || strings.Contains(text, "DCGM") ||
		strings.Contains(text, "NVML") || strings.Contains(text, "CUDA")
}

func appendNew(list []string, text string) []string {
	if slices.Contains(list, text) {
		return list
	}
	return append(list, text)
}
