package pipeline

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// timing is what an answer says about one stage.
type timing struct {
	name string
	took time.Duration
}

// serverTiming reads the header Server-Timing (W3C, "Server Timing", 2024):
// names divided by commas, each with parameters, of which dur is milliseconds. A
// stage without a dur tells no time and is left out.
func serverTiming(header http.Header) []timing {
	var all []timing
	for _, line := range header.Values("Server-Timing") {
		for metric := range divided(line, ',') {
			var name string
			var took time.Duration
			var told bool
			for part := range divided(metric, ';') {
				part = strings.TrimSpace(part)
				if name == "" {
					name = part
					continue
				}
				key, value, _ := strings.Cut(part, "=")
				if strings.EqualFold(strings.TrimSpace(key), "dur") && !told {
					v, err := strconv.ParseFloat(strings.Trim(strings.TrimSpace(value), `"`), 64)
					took, told = milliseconds(v)
					told = told && err == nil
				}
			}
			if name != "" && told {
				all = append(all, timing{name, took})
			}
		}
	}
	return all
}

// divided yields the parts of a header between separators outside of quotes.
func divided(text string, separator byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start, quoted := 0, false
		for i := 0; i < len(text); i++ {
			switch {
			case quoted && text[i] == '\\':
				i++
			case text[i] == '"':
				quoted = !quoted
			case text[i] == separator && !quoted:
				if !yield(text[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(text[start:])
	}
}

// jsonTimings reads an object of milliseconds at a path of the answer. What is
// no number is left out.
func jsonTimings(document []byte, path string) []timing {
	value, err := lookup(document, path)
	if err != nil {
		return nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(value, &fields) != nil {
		return nil
	}
	var all []timing
	for name, raw := range fields {
		v, err := strconv.ParseFloat(string(raw), 64)
		if took, ok := milliseconds(v); ok && err == nil {
			all = append(all, timing{name, took})
		}
	}
	return all
}

// milliseconds refuses what is no plausible duration.
func milliseconds(v float64) (time.Duration, bool) {
	if !(v >= 0 && v < float64(24*time.Hour/time.Millisecond)) || math.IsInf(v, 0) {
		return 0, false
	}
	return time.Duration(v * float64(time.Millisecond)), true
}
