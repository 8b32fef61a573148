package tritonsim

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/sweep/batcher"
)

// webModel is a model with an input of every kind, to be asked over HTTP.
func webModel(t testing.TB) *model {
	t.Helper()
	config := &tritonpb.ModelConfig{
		Name: "m", Backend: "python", MaxBatchSize: 4,
		Input: []*tritonpb.ModelInput{
			{Name: "f", DataType: tritonpb.DataType_TYPE_FP32, Dims: []int64{2}},
			{Name: "b", DataType: tritonpb.DataType_TYPE_BOOL, Dims: []int64{1}},
			{Name: "u", DataType: tritonpb.DataType_TYPE_UINT64, Dims: []int64{1}},
			{Name: "s", DataType: tritonpb.DataType_TYPE_STRING, Dims: []int64{1}},
		},
		Output: []*tritonpb.ModelOutput{
			{Name: "x", DataType: tritonpb.DataType_TYPE_FP64, Dims: []int64{1}},
			{Name: "y", DataType: tritonpb.DataType_TYPE_INT32, Dims: []int64{2}},
			{Name: "t", DataType: tritonpb.DataType_TYPE_STRING, Dims: []int64{1}},
			{Name: "z", DataType: tritonpb.DataType_TYPE_BOOL, Dims: []int64{1}},
		},
	}
	profile, err := batcher.ParseProfile("profile.json", []byte(plainProfile))
	if err != nil {
		t.Fatal(err)
	}
	e, err := newEngine(1, batcher.DefaultTiming(), newAlarm)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.close)
	m, err := newModel(e, &found{name: "m", version: "1", config: complete(config, "m", "", 0), profile: profile}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestHTTPForms: types that the contract's model does not have, in and out.
func TestHTTPForms(t *testing.T) {
	m := webModel(t)
	const head = `{"inputs":[{"name":"f","datatype":"FP32","shape":[2,2],"data":[[-1.5,9],[2,9]]},{"name":"b","datatype":"BOOL","shape":[2,1],"data":[true,false]},` +
		`{"name":"u","datatype":"UINT64","shape":[2,1],"data":[18446744073709551615,0]},{"name":"s","datatype":"BYTES","shape":[2,1],"data":["one","three"]}],` +
		`"outputs":[{"name":"x"},{"name":"y"},{"name":"t"},{"name":"z","parameters":{"binary_data":true}}],"parameters":{"priority":2,"timeout":7}}`
	r, form, err := m.readHTTP(&body{head: []byte(head), rest: strings.NewReader("")})
	if err != nil {
		t.Fatal(err)
	}
	c, err := m.check(r)
	if err != nil {
		t.Fatal(err)
	}
	if c.items != 2 || c.request.Priority != 2 || c.request.Timeout != 7*time.Microsecond || r.raws[3].size != 4+3+4+5 {
		t.Errorf("%+v", c)
	}
	outputs, err := m.answer(r, c)
	if err != nil {
		t.Fatal(err)
	}
	text, tensors, err := form.encode(&answer{m, "", outputs})
	want := `{"model_name":"m","model_version":"1","outputs":[{"name":"x","datatype":"FP64","shape":[2,1],"data":[-1.5,2.0]},` +
		`{"name":"y","datatype":"INT32","shape":[2,2],"data":[-1,0,2,0]},{"name":"t","datatype":"BYTES","shape":[2,1],"data":["",""]},` +
		`{"name":"z","datatype":"BOOL","shape":[2,1],"parameters":{"binary_data_size":2}}]}`
	if err != nil || string(text) != want || !bytes.Equal(tensors.parts.Materialize(), []byte{1, 1}) {
		t.Errorf("%v: %s %v\nwant %s", err, text, tensors.parts.Materialize(), want)
	}
}

// FuzzHTTP: no body makes the server crash, and one that is taken has as many
// tensors as inputs.
func FuzzHTTP(f *testing.F) {
	f.Add([]byte(`{"inputs":[{"name":"f","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}}]}`), []byte("01234567"))
	f.Add([]byte(`{"inputs":[{"name":"s","datatype":"BYTES","shape":[2,1],"data":[["a"],["b"]]}],"outputs":[{"name":"t"}]}`), []byte{})
	f.Add([]byte(`{"inputs":[{"name":"u","datatype":"UINT64","shape":[9223372036854775807,2],"data":[]}]}`), []byte{})
	m := webModel(f)
	f.Fuzz(func(t *testing.T, head, tensors []byte) {
		r, form, err := m.readHTTP(&body{head, bytes.NewReader(tensors), int64(len(tensors))})
		if err != nil {
			return
		}
		if len(r.raws) != len(r.head.Inputs) {
			t.Fatalf("%d tensors of %d inputs", len(r.raws), len(r.head.Inputs))
		}
		c, err := m.check(r)
		if err != nil {
			return
		}
		outputs, err := m.answer(r, c)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := form.encode(&answer{m, c.id, outputs}); err != nil {
			t.Fatal(err)
		}
	})
}
