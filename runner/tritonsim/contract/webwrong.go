package contract

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// webWrong are requests over HTTP that a server refuses. An empty type of the
// answer's content stands for JSON.
var webWrong = []struct {
	name    string
	request webRequest
	code    int
	kind    string
	text    string // the whole, or up to a last "..."
}{
	{"unknown model", webRequest{head: "{}", path: "/v2/models/nobody/infer"}, 404, "text/plain", "Request for unknown model: 'nobody' is not found"},
	{"unknown version", webRequest{head: "{}", path: "/v2/models/" + Model + "/versions/7/infer"}, 404, "text/plain",
		"Request for unknown model: '" + Model + "' version 7 is not found"},
	{"no JSON", webRequest{head: "{"}, 500, "", "failed to parse the request JSON buffer: ..."},
	{"array", webRequest{head: "[]"}, 500, "", "Unable to parse 'inputs': attempt to access non-existing object member 'inputs'"},
	{"no inputs", webRequest{head: "{}"}, 500, "", "Unable to parse 'inputs': attempt to access non-existing object member 'inputs'"},
	{"inputs a number", webRequest{head: `{"inputs":5}`}, 500, "", "Unable to parse 'inputs': attempt to access JSON non-array as array"},
	{"inputs empty", webRequest{head: `{"inputs":[]}`}, 400, "", anonymous + "expected 1 inputs but got 0 inputs for model '" + Model +
		"'. Got input(s) [], but missing required input(s) ['input']. Please provide all required input(s)."},
	{"no data", webRequest{head: `{"inputs":[{"name":"input","datatype":"FP32","shape":[1,3,112,112]}]}`}, 400, "", oneOf + "But no field is set"},
	{"data twice", edited(behind(1, ""), `"datatype"`, `"data":[1],"datatype"`), 400, "", oneOf + "But set 'data' 'binary_data_size'"},
	{"no name", webRequest{head: `{"inputs":[{"datatype":"FP32","shape":[1],"data":[1]}]}`}, 500, "",
		"Unable to parse 'name': attempt to access non-existing object member 'name'"},
	{"no type", webRequest{head: `{"inputs":[{"name":"input","shape":[1],"data":[1]}]}`}, 500, "",
		"Unable to parse 'datatype': attempt to access non-existing object member 'datatype'"},
	{"no shape", webRequest{head: `{"inputs":[{"name":"input","datatype":"FP32","data":[1]}]}`}, 500, "",
		"Unable to parse 'shape': attempt to access non-existing object member 'shape'"},
	{"negative dimension", edited(behind(1, ""), "112,112]", "112,-1]"), 500, "", "Unable to parse 'shape': " + noUnsigned},
	{"few data", webRequest{head: strings.Replace(spelled(1, ""), "[1,0,", "[1,", 1)}, 500, "", "Unable to parse 'data': Shape does not match true shape of 'data' field"},
	{"many data", webRequest{head: strings.Replace(spelled(1, ""), "[1,0,", "[1,0,0,", 1)}, 500, "", "Unable to parse 'data': Shape does not match true shape of 'data' field"},
	{"text for a number", webRequest{head: strings.Replace(spelled(1, ""), "[1,0,", `["1",0,`, 1)}, 500, "", "Unable to parse 'data': attempt to access JSON non-number as double"},
	{"fraction for an integer", webRequest{head: strings.NewReplacer("FP32", "INT32", "[1,0,", "[1.5,0,").Replace(spelled(1, ""))}, 500, "",
		"Unable to parse 'data': attempt to access JSON non-signed-integer as signed-integer"},
	{"another type", webRequest{head: strings.Replace(spelled(1, ""), "FP32", "INT32", 1)}, 400, "",
		anonymous + "inference input 'input' data-type is 'INT32', but model '" + Model + "' expects 'FP32'"},
	{"a type nobody knows", webRequest{head: strings.Replace(spelled(1, ""), "FP32", "FP31", 1)}, 400, "", "invalid datatype for input input"},
	{"half precision spelled out", webRequest{head: strings.Replace(spelled(1, ""), "FP32", "FP16", 1)}, 400, "",
		"receiving FP16 data via JSON is not supported. Please use the binary data format for input input"},
	{"another input", webRequest{head: strings.Replace(spelled(1, `,"id":"abc"`), `"input"`, `"data"`, 1)}, 400, "", "unexpected inference input 'data' for model '" + Model + "'"},
	{"another output", webRequest{head: spelled(1, `,"outputs":[{"name":"logits"}]`)}, 400, "", "unexpected inference output 'logits' for model '" + Model + "'"},
	{"output without a name", webRequest{head: spelled(1, `,"outputs":[{}]`)}, 500, "", "Unable to parse 'name': attempt to access non-existing object member 'name'"},
	{"id a number", webRequest{head: spelled(1, `,"id":7`)}, 500, "", "Unable to parse 'id': attempt to access JSON non-string as string"},
	{"priority a text", webRequest{head: spelled(1, `,"parameters":{"priority":"x"}`)}, 500, "", "Unable to parse 'priority': " + noUnsigned},
	{"time-out negative", webRequest{head: spelled(1, `,"parameters":{"timeout":-1}`)}, 500, "", "Unable to parse 'timeout': " + noUnsigned},
	{"parameters a number", webRequest{head: spelled(1, `,"parameters":5`)}, 500, "", "failed to get request params.: attempt to get members for non-object"},
	{"bytes too few", cut(behind(1, ""), 100), 400, "", "unexpected size for input 'input', expecting 150428 additional bytes for model '" + Model + "'"},
	{"bytes too many", longer(behind(1, "")), 400, "", "unexpected additional input data for model '" + Model + "'"},
	{"size too small", cut(edited(behind(1, ""), "150528", "100"), 100), 400, "",
		anonymous + "input byte size mismatch for input 'input' for model '" + Model + "'. Expected 150528, got 100"},
	{"size negative", edited(behind(1, ""), "150528", "-4"), 500, "", "Unable to parse 'binary_data_size': " + noUnsigned},
	{"batch", edited(behind(1, ""), "[1,3,112,112]", "[129,3,112,112]"), 400, "", anonymous + "inference request batch-size must be <= 128 for '" + Model + "'"},
	{"length of the JSON too large", withLength(behind(1, ""), "1000000000"), 400, "text/plain", "inference header size should be in range (0, ..."},
	{"length of the JSON negative", withLength(behind(1, ""), "-1"), 400, "text/plain", "inference header size should be in range (0, ..."},
	{"length of the JSON too small", withLength(behind(1, ""), "10"), 500, "", "failed to parse the request JSON buffer: ..."},
	{"no length of the JSON", withLength(behind(1, ""), "-"), 400, "", "unexpected size for input 'input', expecting 150528 additional bytes for model '" + Model + "'"},
	{"tensor alone, too small", webRequest{tensors: make([]byte, 100), length: "0"}, 400, "",
		anonymous + "input byte size mismatch for input 'raw_input' for model '" + Model + "'. Expected 150528, got 100"},
	{"compression nobody knows", webRequest{head: "{}", header: http.Header{"Content-Encoding": {"br"}}}, 501, "text/plain", "Unsupported compression type"},
}

const (
	oneOf      = "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'. "
	noUnsigned = "attempt to access JSON non-unsigned-integer as unsigned-integer"
)

func edited(r webRequest, old, text string) webRequest {
	r.head = strings.Replace(r.head, old, text, 1)
	return r
}

func cut(r webRequest, size int) webRequest {
	r.tensors = r.tensors[:size]
	return r
}

func longer(r webRequest) webRequest {
	r.tensors = append(r.tensors, "xx"...)
	return r
}

func withLength(r webRequest, length string) webRequest {
	r.length = length
	return r
}

func wrongOverHTTP(t *testing.T, g Target) {
	for _, test := range webWrong {
		t.Run(test.name, func(t *testing.T) {
			got, _, _ := g.send(t, test.request)
			got.requireError(t, test.code, cmp.Or(test.kind, "application/json"), test.text)
		})
	}
}

// requireError compares an answer that is an error with its text, the whole or up
// to a last "...".
func (got page) requireError(t *testing.T, code int, contentType, text string) {
	t.Helper()
	var answer struct{ Error string }
	if err := json.Unmarshal([]byte(got.body), &answer); err != nil {
		t.Fatalf("%v: %s", err, got.body)
	}
	begin, open := strings.CutSuffix(text, "...")
	if got.code != code || got.contentType != contentType || !open && answer.Error != text || open && !strings.HasPrefix(answer.Error, begin) {
		t.Errorf("got %d %s %q\nwant %d %s %q", got.code, got.contentType, answer.Error, code, contentType, text)
	}
}
