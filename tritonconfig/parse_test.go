package tritonconfig

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"tritonsweep/internal/tritonpb"
)

// oracle reads a text with Go's own parser of the text format.
func oracle(data []byte) (*tritonpb.ModelConfig, error) {
	cfg := new(tritonpb.ModelConfig)
	err := prototext.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(data, cfg)
	return cfg, err
}

// Texts that Triton accepts. The oracle must read the same message, except
// where its grammar is narrower than Triton's (narrow).
var accepted = []struct {
	name   string
	text   string
	want   string // in plain text format; empty: ask the oracle
	narrow bool
}{
	{name: "empty", text: ""},
	{name: "comment only", text: "# nothing here"},
	{name: "plain", text: "name: \"m\"\nmax_batch_size: 8\n"},
	{name: "no final newline", text: "max_batch_size: 8"},
	{name: "blank lines at the end", text: "max_batch_size: 8\n\n\n"},
	{name: "trailing blanks", text: "max_batch_size: 8  \t\nname: \"m\" \n"},
	{name: "tabs", text: "dynamic_batching {\n\tmax_queue_delay_microseconds:\t100\n}\n"},
	{name: "CRLF", text: "max_batch_size: 8\r\ndynamic_batching {\r\n}\r\n"},
	{name: "CR only", text: "max_batch_size: 8\rname: \"m\"\r"},
	{name: "CR does not end a comment", text: "max_batch_size: 8 # a\rname: \"m\"\n", want: "max_batch_size: 8"},
	{name: "form feed, vertical tab", text: "max_batch_size:\f8\v\nname: \"m\"", want: `max_batch_size: 8 name: "m"`, narrow: true},
	{name: "one line", text: `name: "m" max_batch_size: 8 dynamic_batching { preferred_batch_size: 4 }`},
	{name: "no blank behind the colon", text: "max_batch_size:8 name:\"m\""},
	{name: "blank before the colon", text: "max_batch_size : 8"},
	{name: "line break before the colon", text: "max_batch_size # items\n  : 8"},
	{name: "colon before a brace", text: "dynamic_batching: { max_queue_delay_microseconds: 1 }"},
	{name: "comment before a brace", text: "dynamic_batching # on\n{ }"},
	{name: "angle brackets", text: "dynamic_batching < max_queue_delay_microseconds: 1 > instance_group [ < count: 2 >, < count: 1 > ]"},
	{name: "list without colon", text: "input [ { name: \"a\" }, { name: \"b\" } ]"},
	{name: "list with colon", text: "input: [{ name: \"a\" }]"},
	{name: "repeated blocks", text: "input { name: \"a\" } input { name: \"b\" }"},
	{name: "empty lists", text: "input [ ] input { dims: [ ] reshape { shape: [] } }"},
	{name: "repeated scalars", text: "dynamic_batching { preferred_batch_size: 4 preferred_batch_size: 8 }"},
	{name: "several lists", text: "dynamic_batching { preferred_batch_size: [4] preferred_batch_size: [8, 16] }"},
	{name: "comments in a list", text: "dynamic_batching { preferred_batch_size: [ 4, # small\n 8 # large\n ] }"},
	{name: "commas between fields", text: "name: \"m\", max_batch_size: 8, input { name: \"a\", dims: [1], }"},
	{name: "semicolons between fields", text: "name: \"m\"; max_batch_size: 8;"},
	{name: "comma behind a block", text: "dynamic_batching { }, max_batch_size: 8"},
	{name: "single quotes", text: "name: 'it is a \"model\"'"},
	{name: "adjacent strings", text: "name: \"a\" 'b'\n  # and\n \"c\""},
	{name: "escapes", text: `name: "\a\b\f\n\r\t\v\\\?\'\"\1\12\101\x9\x41\u00e9\U0001F600"`},
	{name: "capital X escape", text: `name: "\X41"`, want: `name: "A"`, narrow: true},
	{name: "surrogate pair", text: `name: "\ud83d\ude00"`},
	{name: "lone surrogates", text: `name: "\ud83d\u0041\ude00\ud83d"`, want: "name: \"\uFFFDA\uFFFD\uFFFD\"", narrow: true},
	{name: "code point beyond Unicode", text: `name: "\U0011ABCD"`, want: `name: "\\U0011abcd"`, narrow: true},
	{name: "raw control character in a string", text: "name: \"a\x01\tb\""},
	{name: "comment sign in a string", text: "name: \"a # b\" # c"},
	{name: "not UTF-8 in a comment", text: "# \xc4\xe3\xba\xc3\nmax_batch_size: 8"},
	{name: "not UTF-8 in a string", text: "name: \"a\xff\"", want: `name: "a` + "\uFFFD" + `"`, narrow: true},
	{name: "UTF-8 over two strings", text: `name: "\xc3" "\xa9"`, want: `name: "é"`},
	{name: "hexadecimal, octal", text: "max_batch_size: 0x10 instance_group { count: 010 }"},
	{name: "minus apart", text: "input { dims: [ - 1, -\n1 ] }"},
	{name: "largest delay", text: "dynamic_batching { max_queue_delay_microseconds: 18446744073709551615 }"},
	{name: "smallest and largest dims", text: "input { dims: [ -9223372036854775808, 9223372036854775807 ] }"},
	{name: "booleans", text: "input { optional: True is_shape_tensor: t allow_ragged_batch: 0 } input { optional: False } input { optional: f } input { optional: 1 }"},
	{name: "enum by number", text: "instance_group { kind: 2 }"},
	{name: "open enum", text: "instance_group { kind: 99 }"},
	{name: "floats", text: "sequence_batching { direct { minimum_slot_utilization: .5 } }"},
	{name: "more floats", text: "sequence_batching { control_input { control { fp32_false_true: [ 0, 1., 1e3, -2.5E-1, 1.5f, inf, -inf, nan, 1e999 ] } } }"},
	{name: "negative nan", text: "sequence_batching { direct { minimum_slot_utilization: -nan } }", want: "sequence_batching { direct { minimum_slot_utilization: nan } }", narrow: true},
	{name: "map", text: `parameters { key: "a" value { string_value: "b" } } parameters: [ { key: "c" value: { string_value: "d" } }, { key: "a" value { string_value: "e" } } ]`},
	{name: "map with a number key", text: "dynamic_batching { priority_queue_policy { key: 2 value { max_queue_size: 5 } } }"},
	{name: "map entry without value", text: `parameters { key: "a" }`},
	{name: "oneof", text: "version_policy: { latest { num_versions: 2 } }"},
	{name: "empty oneof member", text: "version_policy { all { } }"},
	{name: "Triton's own variable", text: `parameters { key: "EXECUTION_ENV_PATH" value { string_value: "$$TRITON_MODEL_DIRECTORY/env.tar.gz" } }`},
	{name: "colour", text: `parameters { key: "box" value { string_value: "#ff8800" } }`},
	{name: "dollar", text: `parameters { key: "re" value { string_value: "^a$|cost: $5" } }`},
	{name: "special tokens", text: `parameters { key: "pad" value { string_value: "<PAD>" } }`},
	{name: "chat template", text: `parameters { key: "chat" value { string_value: "` + strings.Repeat("{% for m in messages %}{{ m.content }}{% endfor %}", 8) + `" } }`},
	{name: "placeholder in a comment", text: "# max_batch_size: ${max}\nmax_batch_size: 8 #MAX_BATCH\n"},
	{name: "newer field", text: "hyper_batching { mode: FAST levels: [ 1, 2 ] } max_batch_size: 8 frobnicate: \"x\" 'y', list: [ A, B ]\n m [ { a < b: -1 > } ]", want: "max_batch_size: 8"},
	{name: "field of 2.73", text: "model_metrics { metric_control { metric_identifier { family: \"f\" } } }"},
	{name: "field numbers of a map in any order", text: `parameters { value { string_value: "b" } key: "a" }`},
}

func TestParseAccepts(t *testing.T) {
	for _, c := range accepted {
		t.Run(c.name, func(t *testing.T) {
			f, err := Parse("config.pbtxt", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := f.Bytes(); string(got) != c.text {
				t.Errorf("printed %q", got)
			}
			ask := c.text
			if c.want != "" {
				ask = c.want
			}
			want, err := oracle([]byte(ask))
			if err != nil {
				t.Fatal("oracle:", err)
			}
			got, err := f.Config()
			if err != nil || !proto.Equal(got, want) {
				t.Errorf("read %v\nwant %v (%v)", got, want, err)
			}
			if _, err := oracle([]byte(c.text)); c.narrow != (err != nil) {
				t.Errorf("oracle on the text itself: %v", err)
			}
		})
	}
}

// Texts that Triton refuses, or that no edit can be safe on. want is
// "line:column: reason", the reason to be contained.
var refused = []struct {
	name        string
	text        string
	want        string
	placeholder string
}{
	{"byte order mark", "\xef\xbb\xbfname: \"m\"", "1:1: byte order mark", ""},
	{"NUL", "name: \"m\"\nmax_batch_size: 8\x00", "2:18: NUL", ""},
	{"NUL in a comment", "# a\x00b\n", "1:4: NUL", ""},
	{"control character", "max_batch_size: 8\x01", "1:18: control character", ""},
	{"outside ASCII", "max_batch_size: ８", "1:17: character outside ASCII", ""},
	{"C comment", "// name\nmax_batch_size: 8", "1:1: \"/\" starts no comment", ""},
	{"no value, then a list", "max_batch_size:\ninput [ ]", "1:15: max_batch_size has no value", ""},
	{"no value, then a field", "platform:\nmax_batch_size: 8", "1:9: platform has no value", ""},
	{"no value, then a block", "platform:\ninput { }", "1:9: platform has no value", ""},
	{"no value at the end", "max_batch_size:", "1:15: max_batch_size has no value", ""},
	{"no value in a block", "input {\n  dims :\n}", "2:8: dims has no value", ""},
	{"comma before bracket", "input { dims: [ 1, 2, ] }", "1:21: comma before ]", ""},
	{"two commas in a list", "input { dims: [ 1,, 2 ] }", "1:19: expected a value", ""},
	{"no comma in a list", "input { dims: [ 1 2 ] }", "1:19: expected , or ]", ""},
	{"list not closed", "input { dims: [ 1, 2", "1:15: list is not closed", ""},
	{"list not closed, nothing in it", "input { dims: [", "1:15: list is not closed", ""},
	{"list not closed, then a field", "input [\n  { name: \"a\" }\nmax_batch_size: 8", "3:1: expected , or ]", ""},
	{"scalar list without colon", "input { dims [ 1 ] }", "1:13: dims has no colon", ""},
	{"empty scalar list without colon", "input { dims [ ] }", "1:13: dims has no colon", ""},
	{"list of lists", "input { dims: [ [ 1 ] ] }", "1:17: expected a value", ""},
	{"message not closed", "dynamic_batching {\n  max_queue_delay_microseconds: 1\n", "1:18: message is not closed", ""},
	{"closed too often", "dynamic_batching { } }", "1:22: } closes nothing", ""},
	{"wrong bracket", "dynamic_batching { >", "1:20: > closes nothing", ""},
	{"string not closed", "name: \"m\nmax_batch_size: 8", "1:7: string is not closed", ""},
	{"string not closed at the end", "name: 'm", "1:7: string is not closed", ""},
	{"unknown escape", `name: "C:\models"`, "1:10: unknown escape", ""},
	{"bad hexadecimal escape", `name: "\xg"`, "1:8: unknown escape", ""},
	{"code point too large", `name: "\U00200000"`, "1:8: unknown escape", ""},
	{"two semicolons", "max_batch_size: 8;; name: \"m\"", "1:19: expected a field name", ""},
	{"plus sign", "max_batch_size: +8", "1:17: unexpected +", ""},
	{"decimal point", "max_batch_size: 8.0", "1:17: max_batch_size needs a whole number, got 8.0", ""},
	{"exponent", "max_batch_size: 1e3", "1:17: max_batch_size needs a whole number", ""},
	{"no octal", "max_batch_size: 08", "1:17: 08 is no number", ""},
	{"unit", "dynamic_batching { max_queue_delay_microseconds: 5ms }", "1:50: 5ms is no number", ""},
	{"two points", "max_batch_size: 1.2.3", "1:17: 1.2.3 is no number", ""},
	{"number in quotes", "max_batch_size: \"8\"", "1:17: max_batch_size needs a whole number", ""},
	{"too large", "max_batch_size: 2147483648", "1:17: max_batch_size: 2147483648 is out of range", ""},
	{"delay of 2^64", "dynamic_batching { max_queue_delay_microseconds: 18446744073709551616 }", "1:50: max_queue_delay_microseconds: 18446744073709551616 is out of range", ""},
	{"negative delay", "dynamic_batching { max_queue_delay_microseconds: -5 }", "1:50: max_queue_delay_microseconds: -5 is out of range", ""},
	{"minus alone", "max_batch_size: - }", "1:17: expected a number", ""},
	{"string without quotes", "name: m", "1:7: placeholder m: name needs a string", "m"},
	{"boolean for a number", "max_batch_size: true", "1:17: max_batch_size needs a whole number, got true", ""},
	{"number for a boolean", "input { optional: 2 }", "1:19: optional needs true or false, got 2", ""},
	{"hexadecimal float", "sequence_batching { direct { minimum_slot_utilization: 0x1 } }", "1:56: minimum_slot_utilization needs a number", ""},
	{"enum in quotes", "instance_group { kind: \"KIND_CPU\" }", "1:24: kind needs one of", ""},
	{"wrong enum value", "input {\n  data_type: TYPE_BYTES\n}", "2:14: DataType has no value named TYPE_BYTES (a model config says TYPE_STRING)", ""},
	{"mistyped enum value", "instance_group { kind: KIND_GUP }", "1:24: Kind has no value named KIND_GUP (the nearest is KIND_GPU)", ""},
	{"list for one value", "max_batch_size: [ 8 ]", "1:17: max_batch_size takes one value", ""},
	{"list for one message", "dynamic_batching [ { } ]", "1:18: dynamic_batching takes one value", ""},
	{"message for a number", "max_batch_size { }", "1:15: max_batch_size has no colon", ""},
	{"message for a number, with colon", "max_batch_size: { }", "1:17: max_batch_size needs a whole number, got a message", ""},
	{"number for a message", "dynamic_batching: 1", "1:19: dynamic_batching needs a message", ""},
	{"singular twice", "max_batch_size: 8\nname: \"m\"\nmax_batch_size: 4", "3:1: max_batch_size is set twice, first on line 1", ""},
	{"message twice", "dynamic_batching { }\ndynamic_batching { }", "2:1: dynamic_batching is set twice", ""},
	{"oneof twice", "dynamic_batching { }\nsequence_batching { }", "2:1: sequence_batching excludes dynamic_batching on line 1", ""},
	{"key twice", `parameters { key: "a" key: "b" }`, "1:23: key is set twice", ""},
	{"map entry with more", `parameters { key: "a" val { } }`, "1:23: a map entry has key and value only", ""},
	{"key as a message", `parameters { key { } }`, "1:18: key needs a string", ""},
	{"key as a list", `parameters { key: ["a"] }`, "1:19: key takes one value", ""},
	{"map value as a number", `parameters { key: "a" value: 1 }`, "1:30: value needs a message", ""},
	{"extension", "[foo.bar]: 1", "1:1: extension", ""},
	{"field number", "1: \"m\"", "1:1: expected a field name", ""},
	{"prose", "Add your config here", "1:1: Add has no value", ""},

	{"shell in a number", "max_batch_size: ${triton_max_batch_size}", "1:17: placeholder ${triton_max_batch_size}", "${triton_max_batch_size}"},
	{"shell in a string", "name: \"m\"\ndefault_model_filename: \"${name}\"", "2:25: placeholder ${name}", "${name}"},
	{"shell inside a string", "name: \"a_${kind}_b\"", "1:7: placeholder ${kind}", "${kind}"},
	{"shell name", "max_batch_size: $MAX_BATCH_SIZE", "1:17: placeholder $MAX_BATCH_SIZE", "$MAX_BATCH_SIZE"},
	{"shell name in a string", "name: \"$MODEL_NAME\"", "1:7: placeholder $MODEL_NAME", "$MODEL_NAME"},
	{"lower case shell name in a string", "name: \"$model\"", "1:7: placeholder $model", "$model"},
	{"shell for a block", "name: \"m\"\n$INSTANCE_GROUP\n", "2:1: placeholder $INSTANCE_GROUP", "$INSTANCE_GROUP"},
	{"Jinja in a number", "max_batch_size: {{ max_batch }}", "1:17: placeholder {{ max_batch }}", "{{ max_batch }}"},
	{"Jinja in a string", "name: \"{{ name }}\"", "1:7: placeholder {{ name }}", "{{ name }}"},
	{"Jinja in a list", "input { dims: [ {{dims}} ] }", "1:17: placeholder {{dims}}", "{{dims}}"},
	{"Jinja statement", "name: \"m\"\n{% if gpu %}\ninstance_group { }\n{% endif %}", "2:1: placeholder {% if gpu %}", "{% if gpu %}"},
	{"Jinja statement in a string", `name: "{% if a %}b{% endif %}"`, "1:7: placeholder {% if a %}", "{% if a %}"},
	{"word for a number", "max_batch_size: MAX_BATCH", "1:17: placeholder MAX_BATCH", "MAX_BATCH"},
	{"word in a list", "output {\n  dims: [ TOPK, 4 ]\n}", "2:11: placeholder TOPK", "TOPK"},
	{"word for a message", "dynamic_batching: BATCHING", "1:19: placeholder BATCHING", "BATCHING"},
	{"word for a boolean", "input { optional: IS_OPTIONAL }", "1:19: placeholder IS_OPTIONAL", "IS_OPTIONAL"},
	{"word for an enum value", "input { data_type: INSERT_DATATYPE }", "1:20: placeholder INSERT_DATATYPE", "INSERT_DATATYPE"},
	{"word for a field", "name: \"m\"\nINSERT_INSTANCE_GROUP\ninput { }", "2:1: placeholder INSERT_INSTANCE_GROUP", "INSERT_INSTANCE_GROUP"},
	{"word in a string", "name: \"INSERT_NAME\"", "1:7: placeholder INSERT_NAME", "INSERT_NAME"},
	{"comment sign in an enum", "input {\n  data_type: TYPE_#DTYPE\n}", "2:14: placeholder TYPE_#DTYPE", "TYPE_#DTYPE"},
	{"comment sign in a number", "max_batch_size: #BATCH\nname: \"m\"", "1:16: placeholder #BATCH", "#BATCH"},
	{"comment sign in a string", `parameters { key: "p" value { string_value: "#lm_path" } }`, "1:45: placeholder #lm_path", "#lm_path"},
	{"CMake", "max_batch_size: @MAX_BATCH@", "1:17: placeholder @MAX_BATCH@", "@MAX_BATCH@"},
	{"CMake in a string", "name: \"@NAME@\"", "1:7: placeholder @NAME@", "@NAME@"},
	{"percent", "max_batch_size: %(max_batch)s", "1:17: placeholder %(max_batch)s", "%(max_batch)s"},
	{"ERB", "max_batch_size: <%= max %>", "1:17: placeholder <%= max %>", "<%= max %>"},
	{"angle brackets", "max_batch_size: <MAX_BATCH>", "1:17: placeholder <MAX_BATCH>", "<MAX_BATCH>"},
	{"double brackets", "max_batch_size: [[max]]", "1:17: placeholder [[max]]", "[[max]]"},
	{"in a newer field", "hyper_batching { mode: \"${mode}\" }", "1:24: placeholder ${mode}", "${mode}"},
	{"in a map value", `parameters { key: "a" value { string_value: "${x}" } }`, "1:45: placeholder ${x}", "${x}"},
}

func TestParseRefuses(t *testing.T) {
	for _, c := range refused {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("config.pbtxt", []byte(c.text))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v, want an *Error", err)
			}
			if !strings.HasPrefix(err.Error(), "config.pbtxt:"+c.want) {
				t.Errorf("error %q\n want %q", err, "config.pbtxt:"+c.want)
			}
			if e.Placeholder != c.placeholder {
				t.Errorf("placeholder %q, want %q", e.Placeholder, c.placeholder)
			}
			if (e.Placeholder != "") != (e.Hint == templateHint) {
				t.Errorf("hint %q", e.Hint)
			}
		})
	}
}

func TestParseLimits(t *testing.T) {
	deep := func(n int) []byte {
		return []byte(strings.Repeat("x {", n) + strings.Repeat("}", n))
	}
	if _, err := Parse("c", deep(MaxDepth)); err != nil {
		t.Errorf("%d messages deep: %v", MaxDepth, err)
	}
	if _, err := Parse("c", deep(MaxDepth+1)); err == nil {
		t.Errorf("%d messages deep: accepted", MaxDepth+1)
	}
	if _, err := Parse("c", bytes.Repeat([]byte{'\n'}, MaxSize)); err != nil {
		t.Errorf("%d bytes: %v", MaxSize, err)
	}
	if _, err := Parse("c", bytes.Repeat([]byte{'\n'}, MaxSize+1)); err == nil {
		t.Errorf("%d bytes: accepted", MaxSize+1)
	}
}

func TestFileIsItsOwn(t *testing.T) {
	data := []byte("max_batch_size: 8")
	f := mustParse(t, string(data))
	data[16] = '9'
	f.Bytes()[0] = 'X'
	cfg, err := f.Config()
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxBatchSize = 3
	if got := *f.Settings().MaxBatchSize; got != 8 || string(f.Bytes()) != "max_batch_size: 8" {
		t.Errorf("file changed from outside: %d, %q", got, f.Bytes())
	}
}

func mustParse(t testing.TB, text string) *File {
	t.Helper()
	f, err := Parse("config.pbtxt", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestUnknown(t *testing.T) {
	f := mustParse(t, "hyper { a: 1 }\ninput [ {\n  name: \"a\"\n  nme: \"b\"\n} ]\n")
	got := f.Unknown()
	want := []UnknownField{{"hyper", 1}, {"input.nme", 4}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("unknown %v, want %v", got, want)
	}
}
