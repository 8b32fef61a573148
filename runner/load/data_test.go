package load

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/internal/tritonpb/service"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// decode reads a payload back by the generated code.
func decode(t testing.TB, p Payload) *service.ModelInferRequest {
	t.Helper()
	var in service.ModelInferRequest
	if err := proto.Unmarshal(p.Bytes, &in); err != nil {
		t.Fatal(err)
	}
	return &in
}

func TestNewModel(t *testing.T) {
	metadata := &service.ModelMetadataResponse{
		Name:    "m",
		Inputs:  []*service.ModelMetadataResponse_TensorMetadata{{Name: "a", Datatype: "FP32", Shape: []int64{-1, 3, -1}}, {Name: "b", Datatype: "BYTES", Shape: []int64{-1, 1}}},
		Outputs: []*service.ModelMetadataResponse_TensorMetadata{{Name: "c", Datatype: "INT64", Shape: []int64{-1}}},
	}
	batched := &tritonpb.ModelConfig{MaxBatchSize: 4, Input: []*tritonpb.ModelInput{{Name: "b", Optional: true}}}
	got, err := NewModel(metadata, batched)
	if err != nil {
		t.Fatal(err)
	}
	want := Model{
		Name: "m", MaxBatch: 4,
		Inputs:  []Tensor{{Name: "a", Datatype: "FP32", Shape: []int64{3, -1}}, {Name: "b", Datatype: "BYTES", Shape: []int64{1}, Optional: true}},
		Outputs: []Tensor{{Name: "c", Datatype: "INT64", Shape: []int64{}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	plain, err := NewModel(metadata, &tritonpb.ModelConfig{})
	if err != nil || len(plain.Inputs[0].Shape) != 3 {
		t.Errorf("without a batch dimension: %+v, %v", plain, err)
	}
	for says, change := range map[string]func(*service.ModelMetadataResponse){
		"name no model":      func(m *service.ModelMetadataResponse) { m.Name = "" },
		"no inputs":          func(m *service.ModelMetadataResponse) { m.Inputs = nil },
		"unknown datatype":   func(m *service.ModelMetadataResponse) { m.Outputs[0].Datatype = "FP8" },
		"no batch dimension": func(m *service.ModelMetadataResponse) { m.Outputs[0].Shape = nil },
	} {
		broken := proto.CloneOf(metadata)
		change(broken)
		if _, err := NewModel(broken, batched); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want %q", err, says)
		}
	}
}

func TestRequestBatchDimension(t *testing.T) {
	m := testModel()
	in := decode(t, request(t, m, Data{}, 3).payloads[0])
	if diff := cmp.Diff([]int64{3, 4}, in.GetInputs()[0].GetShape()); diff != "" {
		t.Errorf("with max_batch_size: %s", diff)
	}
	if n := len(in.GetRawInputContents()[0]); n != 3*4*4 {
		t.Errorf("%d bytes", n)
	}
	m.MaxBatch = 0
	in = decode(t, request(t, m, Data{}, 1).payloads[0])
	if diff := cmp.Diff([]int64{4}, in.GetInputs()[0].GetShape()); diff != "" {
		t.Errorf("without max_batch_size: %s", diff)
	}
	if _, err := NewRequest(m, Data{}, 2); err == nil || !strings.Contains(err.Error(), "above max_batch_size 0") {
		t.Errorf("batch 2 without max_batch_size: %v", err)
	}
}

// TestRequestIsWhatProtobufWrites: for any model, the hand-written half of the
// message decodes to what the generated code says, in the right order and size.
func TestRequestIsWhatProtobufWrites(t *testing.T) {
	names := make([]string, 0, len(datatypes))
	for name := range datatypes {
		names = append(names, name)
	}
	rapid.Check(t, func(rt *rapid.T) {
		m := Model{Name: rapid.StringMatching(`[a-z]{1,10}`).Draw(rt, "name"), MaxBatch: rapid.IntRange(0, 4).Draw(rt, "max")}
		for i := range rapid.IntRange(1, 4).Draw(rt, "inputs") {
			m.Inputs = append(m.Inputs, Tensor{
				Name:     fmt.Sprintf("in%d", i),
				Datatype: rapid.SampledFrom(names).Draw(rt, "datatype"),
				Shape:    rapid.SliceOfN(rapid.Int64Range(0, 5), 0, 3).Draw(rt, "shape"),
			})
		}
		batch := rapid.IntRange(1, max(m.MaxBatch, 1)).Draw(rt, "batch")
		distinct := rapid.IntRange(1, 5).Draw(rt, "distinct")
		r, err := NewRequest(m, Data{Source: Random, Seed: 1, Distinct: distinct}, batch)
		if err != nil {
			rt.Fatal(err)
		}
		for _, p := range r.payloads {
			in := decode(t, p)
			if cap(p.Bytes) != len(p.Bytes) {
				rt.Fatalf("%d bytes in a buffer of %d", len(p.Bytes), cap(p.Bytes))
			}
			if len(in.GetInputs()) != len(m.Inputs) || len(in.GetRawInputContents()) != len(m.Inputs) {
				rt.Fatal("an input or its tensor is missing")
			}
			for i, input := range in.GetInputs() {
				v := value{input.GetShape(), in.GetRawInputContents()[i]}
				if err := (Tensor{Name: input.GetName(), Datatype: input.GetDatatype(), Shape: input.GetShape()}).holds(v); err != nil {
					rt.Fatal(err)
				}
			}
		}
	})
}

func TestRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "items")
	var raw []byte
	for i := range 6 {
		for range 4 {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(i)))
		}
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for batch, want := range map[int][]string{
		1: {"0", "1", "2", "3", "4", "5"},
		2: {"01", "23", "45"},
		4: {"0123", "4501", "2345"},
		8: {"01234501", "23450123", "45012345"},
	} {
		r := request(t, testModel(), Data{Source: File, Path: path}, batch)
		var got []string
		for _, p := range r.payloads {
			text, data := "", decode(t, p).GetRawInputContents()[0]
			for ; len(data) > 0; data = data[16:] {
				text += fmt.Sprint(math.Float32frombits(binary.LittleEndian.Uint32(data)))
			}
			got = append(got, text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("batch %d: %s", batch, diff)
		}
	}
}

func TestShapes(t *testing.T) {
	m := testModel()
	m.Inputs[0].Shape = []int64{3, -1, -1}
	r := request(t, m, Data{Shapes: map[string][]int64{"in": {3, 32, 64}}}, 2)
	if diff := cmp.Diff([]int64{2, 3, 32, 64}, decode(t, r.payloads[0]).GetInputs()[0].GetShape()); diff != "" {
		t.Error(diff)
	}
	for says, shapes := range map[string]map[string][]int64{
		"in:3x32x32":            nil,
		"does not fit":          {"in": {4, 32, 32}},
		"[3 32] does not fit":   {"in": {3, 32}},
		"inputs are in":         {"x": {3, 32, 32}},
		"[3 -1 32] does not fi": {"in": {3, -1, 32}},
		"too large":             {"in": {3, 1 << 30, 1 << 30}},
	} {
		if _, err := NewRequest(m, Data{Shapes: shapes}, 1); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("shapes %v: error %v, want %q", shapes, err, says)
		}
	}
}

func TestTooLargeForAMessage(t *testing.T) {
	m := Model{Name: "m", MaxBatch: 1 << 20, Inputs: []Tensor{{Name: "in", Datatype: "UINT8", Shape: []int64{1 << 20}}}}
	if _, err := NewRequest(m, Data{}, 4096); err == nil || !strings.Contains(err.Error(), "gRPC message holds at most") {
		t.Errorf("error %v", err)
	}
}
