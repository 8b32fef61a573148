package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// lookup finds a value in a JSON document by a path of names and indices divided
// by dots, such as "faces.0.score". Only what lies on the way is decoded.
func lookup(document []byte, path string) (json.RawMessage, error) {
	at := json.RawMessage(document)
	for step := range strings.SplitSeq(path, ".") {
		at = bytes.TrimSpace(at)
		switch {
		case len(at) > 0 && at[0] == '{':
			var fields map[string]json.RawMessage
			if err := json.Unmarshal(at, &fields); err != nil {
				return nil, fmt.Errorf("no JSON: %w", err)
			}
			value, ok := fields[step]
			if !ok {
				return nil, fmt.Errorf("no %q in it", path)
			}
			at = value
		case len(at) > 0 && at[0] == '[':
			var values []json.RawMessage
			if err := json.Unmarshal(at, &values); err != nil {
				return nil, fmt.Errorf("no JSON: %w", err)
			}
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(values) {
				return nil, fmt.Errorf("no %q in it", path)
			}
			at = values[i]
		default:
			return nil, fmt.Errorf("no %q in it", path)
		}
	}
	return at, nil
}

// obeys says what is wrong with an answer's JSON; nil when nothing is.
func (r Rule) obeys(document []byte) error {
	if r.JSON == "" {
		return nil
	}
	value, err := lookup(document, r.JSON)
	if err != nil || r.Equals == nil {
		return err
	}
	want, err := json.Marshal(r.Equals)
	if err != nil {
		return err
	}
	if !equal(value, want) {
		return fmt.Errorf("%s is %s, not %s", r.JSON, short(value), want)
	}
	return nil
}

// equal compares two JSON values by their meaning: 1 equals 1.0.
func equal(a, b json.RawMessage) bool {
	if bytes.Equal(bytes.TrimSpace(a), bytes.TrimSpace(b)) {
		return true
	}
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	p, err1 := json.Marshal(x)
	q, err2 := json.Marshal(y)
	return err1 == nil && err2 == nil && bytes.Equal(p, q)
}

// short is the beginning of a text from outside, on one line and harmless.
func short(text []byte) string {
	const most = 200
	suffix := ""
	if len(text) > most {
		text, suffix = text[:most], "..."
	}
	quoted := strconv.Quote(string(text))
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`) + suffix
}
