package tritonconfig

import (
	"errors"
	"strings"
	"testing"
)

func TestSetRefuses(t *testing.T) {
	const text = "max_batch_size: 8\ninstance_group [ { count: 1 gpus: [ 0 ] } ]\nparameters { key: \"a\" value { string_value: \"1\" } }\n"
	for _, c := range []struct{ path, value, want string }{
		{"", "1", "expected a field name"},
		{".", "1", "expected a name"},
		{"max_batch_size.", "1", "expected a field name"},
		{"max batch", "1", "expected a name"},
		{"max_batchsize", "1", `ModelConfig has no field "max_batchsize"; the nearest is "max_batch_size"`},
		{"max_batch_size.x", "1", "max_batch_size has no fields"},
		{"max_batch_size[0]", "1", "max_batch_size is no list"},
		{"instance_group.count", "1", "instance_group is a list: name an element, instance_group[0]"},
		{"instance_group[x].count", "1", `"x" is no index`},
		{"instance_group[2].count", "1", "instance_group[2]: there are only 1"},
		{"instance_group", "{ count: 1 }", "name one element, instance_group[0]"},
		{"instance_group[0].gpus[1]", "1", "set the whole list to add to it"},
		{"instance_group[0].gpus[0]", "[1, 2]", "takes one value"},
		{"input[0].dims[0]", "[1, 2]", "takes one value"},
		{"parameters.a", "1", "parameters is a map: name an entry"},
		{"max_batch_size", "", "has no value"},
		{"max_batch_size", "[8]", "takes one value, not a list"},
		{"max_batch_size", "8 name: \"n\"", "more than one value"},
		{"max_batch_size", "8 # eight", "more than one value"},
		{"max_batch_size", "8,", "more than one value"},
		{"max_batch_size", "eight", "placeholder eight"},
		{"max_batch_size", "8\nname: \"n\"", "more than one value"},
		{"name", "${x}", "placeholder ${x}"},
		{"dynamic_batching", "{ preserve_ordering: t", "not closed"},
	} {
		f := mustParse(t, text)
		g, _, err := f.Set(c.path, c.value)
		if err == nil || !strings.Contains(err.Error(), c.want) || g != nil {
			t.Errorf("%s = %s: %v, want %s", c.path, c.value, err, c.want)
		}
	}
	f := mustParse(t, text)
	if _, _, err := f.Unset("instance_group[0]"); err == nil || !strings.Contains(err.Error(), "cannot be removed") {
		t.Errorf("removing an element: %v", err)
	}
	if _, _, err := f.Unset("nothing"); err == nil {
		t.Error("removing an unknown field")
	}
	var refused *Error
	if _, _, err := f.Set("max_batch_size", "TRUE"); !errors.As(err, &refused) || refused.Line != 1 {
		t.Errorf("a value that the schema refuses: %v", err)
	}
}

func TestSetPaths(t *testing.T) {
	for _, c := range []struct{ text, path, value, want string }{
		{"name: 'a'", "name", "b", `name: "b"`},
		{"name: 'a'", "name", `'b "c"'`, `name: 'b "c"'`},
		{"name: 'a'", "name", "b\tc", `name: "b\011c"`},
		{"name: 'a'", "name", `a`, `name: 'a'`},
		{"max_batch_size: 8", "max_batch_size", " 9 ", "max_batch_size: 9"},
		{"max_batch_size: 8", "max_batch_size", "-1", "max_batch_size: -1"},
		{"input { dims: [ 1 ] }", "input[0].dims", "[ -1, 3 ]", "input { dims: [ -1, 3 ] }"},
		{"input { dims: 1 dims: 2 }", "input[0].dims[1]", "5", "input { dims: 1 dims: 5 }"},
		{"input { }", "input[0].dims[0]", "5", "input { dims: [ 5 ] }"},
		{"input { dims: [ 1 ] }", "input[0].dims", "[ ]", "input { }"},
		{"input { optional: t }", "input[0].optional", "true", "input { optional: t }"},
		{"input { optional: t }", "input[0].optional", "false", "input { optional: false }"},
		{`parameters { key: "a" value { } }`, "parameters[a].string_value", "1", `parameters { key: "a" value { string_value: "1" } }`},
		{`parameters { key: "a" }`, "parameters[a].string_value", "1", `parameters { key: "a" value { string_value: "1" } }`},
		{`parameters { key: "a]" value { } }`, `parameters["a]"].string_value`, "1", `parameters { key: "a]" value { string_value: "1" } }`},
		{`parameters { key: "a" value { string_value: "0" } } parameters { key: "a" value { string_value: "1" } }`, "parameters[a].string_value", "2",
			`parameters { key: "a" value { string_value: "0" } } parameters { key: "a" value { string_value: "2" } }`},
		{"dynamic_batching { }", "dynamic_batching", "{ preserve_ordering: true }", "dynamic_batching { preserve_ordering: true }"},
	} {
		g, _, err := mustParse(t, c.text).Set(c.path, c.value)
		if err != nil || string(g.Bytes()) != c.want {
			t.Errorf("%s: %s = %s: %v\n%s", c.text, c.path, c.value, err, g.Bytes())
		}
	}
}
