package load

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// write puts a file of a name into a new folder.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func twoInputs() Model {
	return Model{Name: "m", MaxBatch: 4, Inputs: []Tensor{
		{Name: "n", Datatype: "INT32", Shape: []int64{2}},
		{Name: "s", Datatype: "BYTES", Shape: []int64{-1}},
	}}
}

func TestJSON(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString([]byte{1, 0, 0, 0, 2, 0, 0, 0})
	picture := base64.StdEncoding.EncodeToString([]byte("picture"))
	for name, text := range map[string]string{
		"flat":             `{"data": [{"n": [1, 2], "s": ["picture"]}]}`,
		"nested":           `{"data": [{"n": [[1], [2]], "s": [["picture"]]}]}`,
		"base64":           `{"data": [{"n": {"b64": "` + b64 + `"}, "s": {"b64": "` + picture + `"}}]}`,
		"content":          `{"data": [{"n": {"content": [1, 2], "shape": [2]}, "s": {"content": ["picture"], "shape": [1]}}]}`,
		"content base64":   `{"data": [{"n": {"content": {"b64": "` + b64 + `"}, "shape": [2]}, "s": {"content": {"b64": "` + picture + `"}, "shape": [1]}}]}`,
		"sequence":         `{"data": [[{"n": [1, 2], "s": ["picture"]}]]}`,
		"validation data":  `{"data": [{"n": [1, 2], "s": ["picture"]}], "validation_data": [{"out": [7]}]}`,
		"space and unread": " \n{\"more\": {}, \"data\" : [ {\"s\": [\"picture\"], \"n\" :[1,2]} ]}",
	} {
		t.Run(name, func(t *testing.T) {
			d := Data{Source: File, Path: write(t, "data.json", text), Shapes: map[string][]int64{"s": {1}}}
			in := decode(t, request(t, twoInputs(), d, 1).payloads[0])
			want := [][]byte{{1, 0, 0, 0, 2, 0, 0, 0}, append([]byte{7, 0, 0, 0}, "picture"...)}
			if diff := cmp.Diff(want, in.GetRawInputContents()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestJSONSeveralShapes(t *testing.T) {
	d := Data{Source: File, Path: write(t, "data.json", `{"data": [
		{"n": [1, 2], "s": {"content": ["a"], "shape": [1]}},
		{"n": [3, 4], "s": {"content": ["b", "c"], "shape": [2]}}]}`)}
	r := request(t, twoInputs(), d, 1)
	if r.Distinct() != 2 || decode(t, r.payloads[1]).GetInputs()[1].GetShape()[1] != 2 {
		t.Errorf("%d requests", r.Distinct())
	}
	if _, err := NewRequest(twoInputs(), d, 2); err == nil || !strings.Contains(err.Error(), "must have one shape") {
		t.Errorf("a batch of two shapes: %v", err)
	}
}

func TestJSONRefused(t *testing.T) {
	for says, text := range map[string]string{
		"no items":                   `{"data": []}`,
		"data[1]":                    `{"data": [{"n": [1, 2], "s": ["x"]}, {"n": {"b64": 1}}]}`,
		"unexpected end":             `{"data": [`,
		`input "x" is not one of`:    `{"data": [{"x": [1]}]}`,
		`input "s" of model m is mi`: `{"data": [{"n": [1, 2]}]}`,
		"holds 4 bytes":              `{"data": [{"n": [1], "s": ["x"]}]}`,
		"3000000000 is no INT32":     `{"data": [{"n": [1, 3000000000], "s": ["x"]}]}`,
		"1.5 is no INT32":            `{"data": [{"n": [1, 1.5], "s": ["x"]}]}`,
		`"a" is no INT32`:            `{"data": [{"n": [1, "a"], "s": ["x"]}]}`,
		"true is no INT32":           `{"data": [{"n": [1, true], "s": ["x"]}]}`,
		"<nil> is no INT32":          `{"data": [{"n": [1, null], "s": ["x"]}]}`,
		"1 is no BYTES":              `{"data": [{"n": [1, 2], "s": [1]}]}`,
		"object among":               `{"data": [{"n": [{}], "s": ["x"]}]}`,
		"illegal base64":             `{"data": [{"n": {"b64": "!"}, "s": ["x"]}]}`,
		"neither a list":             `{"data": [{"n": {"shape": [2]}, "s": ["x"]}]}`,
		"does not fit":               `{"data": [{"n": {"content": [1], "shape": [1]}, "s": ["x"]}]}`,
	} {
		d := Data{Source: File, Path: write(t, "data.json", text), Shapes: map[string][]int64{"s": {1}}}
		if _, err := NewRequest(twoInputs(), d, 1); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %v, want %q", text, err, says)
		}
	}
}

func FuzzJSON(f *testing.F) {
	f.Add(`{"data": [{"n": [1, 2], "s": ["x"]}]}`)
	f.Add(`{"data": [[{"n": {"b64": "AAAAAAAAAAA="}, "s": {"content": ["a"], "shape": [1]}}]]}`)
	f.Fuzz(func(t *testing.T, text string) {
		d := Data{Source: File, Path: write(t, "data.json", text), Shapes: map[string][]int64{"s": {1}}}
		r, err := NewRequest(twoInputs(), d, 1)
		if err != nil {
			return
		}
		for _, p := range r.payloads {
			if in := decode(t, p); len(in.GetRawInputContents()[0]) != 8 {
				t.Errorf("%q: %v", text, in)
			}
		}
	})
}
