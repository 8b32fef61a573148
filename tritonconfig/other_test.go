package tritonconfig

import (
	"strings"
	"testing"
)

const otherFile = `name: "m"
backend: "python"
max_batch_size: 8 # eight
optimization { cuda { graphs: true } }
instance_group [ { count: 2 kind: KIND_CPU } ]
parameters { key: "old" value: { string_value: "x" } }
`

// A field named by its path is edited, verified in force, and put back.
func TestOtherSettings(t *testing.T) {
	tests := []struct{ path, value, canonical, text string }{
		{"optimization.cuda.graphs", "false", "false", "graphs: false"},
		{"optimization.priority", "PRIORITY_MAX", "PRIORITY_MAX", "priority: PRIORITY_MAX"},
		{"instance_group[0].kind", "KIND_MODEL", "KIND_MODEL", "kind: KIND_MODEL"},
		{"instance_group[0].gpus", "[0, 1]", "[0, 1]", "gpus: [ 0, 1 ]"},
		{"parameters[old].string_value", "y z", `"y z"`, `string_value: "y z"`},
		{`parameters["new"].string_value`, `"4"`, `"4"`, `key: "new"`},
		{"dynamic_batching.preserve_ordering", "true", "true", "preserve_ordering: true"},
	}
	file, err := Parse("config.pbtxt", []byte(otherFile))
	if err != nil {
		t.Fatal(err)
	}
	before, err := file.Config()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		path, value, err := NewOther(tt.path, tt.value)
		if err != nil || value != tt.canonical {
			t.Errorf("%s=%s: %q, %v", tt.path, tt.value, value, err)
			continue
		}
		s := Settings{Other: map[string]string{path: value}}
		out, _, err := file.Apply(s)
		if err != nil {
			t.Errorf("%s: %v", tt.path, err)
			continue
		}
		if !strings.Contains(string(out.Bytes()), tt.text) || !strings.Contains(string(out.Bytes()), "# eight") {
			t.Errorf("%s: no %q in\n%s", tt.path, tt.text, out.Bytes())
		}
		after, err := out.Config()
		if err != nil {
			t.Fatal(err)
		}
		if got := OtherValue(after, path); got != value {
			t.Errorf("%s: the value in force reads %s, want %s", path, got, value)
		}
		if diff := Match(s, before, after); len(diff) > 0 {
			t.Errorf("%s: the edited config does not match: %v", path, diff)
		}
		if diff := Match(s, before, before); len(diff) != 1 {
			t.Errorf("%s: the untouched config gave the differences %v, want one", path, diff)
		}
		if s.IsZero() || s.Key() == (Settings{}).Key() {
			t.Errorf("%s: settings that say nothing", path)
		}
		if again := s.Overlay(Settings{Other: map[string]string{"optimization.priority": "PRIORITY_MIN"}}); len(s.Other) != 1 || len(again.Other) == 0 {
			t.Errorf("%s: Overlay changed its receiver, or lost an entry", path)
		}
	}
}

func TestOtherSettingsRefused(t *testing.T) {
	tests := []struct{ path, value, want string }{
		{"optimisation.cuda.graphs", "true", `the nearest is "optimization"`},
		{"optimization.cuda", "{ graphs: true }", "is a message: name one of its fields (graphs"},
		{"optimization.cuda.graphs", "7", "graphs"},
		{"optimization.cuda.graphs", "[true]", "takes one value"},
		{"max_batch_size", "4", "it has a setting of its own"},
		{"instance_group[0].count", "4", "it has a setting of its own"},
		{"dynamic_batching.max_queue_delay_microseconds", "4", "it has a setting of its own"},
		{"input[0].name", "x", "requests are made for the inputs"},
		{"parameters.string_value", "x", "is a map"},
		{"", "x", "expected a field name"},
	}
	for _, tt := range tests {
		if _, _, err := NewOther(tt.path, tt.value); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s=%s: error %v, want %q", tt.path, tt.value, err, tt.want)
		}
	}
	file, err := Parse("config.pbtxt", []byte(otherFile))
	if err != nil {
		t.Fatal(err)
	}
	s := Settings{Other: map[string]string{"instance_group[3].kind": "KIND_CPU"}}
	if err := file.Validate(s); err == nil || !strings.Contains(err.Error(), "there are only 1") {
		t.Errorf("a group that is not there: %v", err)
	}
}
