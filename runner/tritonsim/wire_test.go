package tritonsim

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/sweep/batcher"
)

// pieces cuts bytes into buffers as a network would.
func pieces(data []byte, size int) (all mem.BufferSlice) {
	for part := range slices.Chunk(data, max(1, size)) {
		all = append(all, mem.SliceBuffer(part))
	}
	return all
}

// TestDecode: of any request the head is what protobuf reads, and of every raw
// tensor the size and the first elements are right, wherever the network cuts.
func TestDecode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := &service.ModelInferRequest{
			ModelName: rapid.StringN(0, 5, -1).Draw(t, "model"), Id: rapid.StringN(0, 5, -1).Draw(t, "id"),
			Parameters: map[string]*service.InferParameter{"priority": {ParameterChoice: &service.InferParameter_Int64Param{Int64Param: 3}}},
		}
		for range rapid.IntRange(0, 3).Draw(t, "inputs") {
			items := rapid.IntRange(1, 4).Draw(t, "items")
			width := rapid.IntRange(0, 40).Draw(t, "width")
			want.Inputs = append(want.Inputs, &service.ModelInferRequest_InferInputTensor{
				Name: rapid.StringN(0, 5, -1).Draw(t, "name"), Shape: []int64{int64(items), int64(width)},
			})
			raw := make([]byte, items*width)
			for i := range raw {
				raw[i] = byte(len(want.Inputs) + i*i) // no two items begin alike
			}
			want.RawInputContents = append(want.RawInputContents, raw)
		}
		encoded, err := proto.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got := new(request)
		if err := got.unmarshal(pieces(encoded, rapid.IntRange(1, 50).Draw(t, "piece"))); err != nil {
			t.Fatal(err)
		}
		requireRaws(t, got, want)
		head := proto.CloneOf(want)
		head.RawInputContents = nil
		if diff := cmp.Diff(head, &got.head, protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
	})
}

func requireRaws(t *rapid.T, got *request, want *service.ModelInferRequest) {
	if len(got.raws) != len(want.RawInputContents) {
		t.Fatalf("%d tensors, want %d", len(got.raws), len(want.RawInputContents))
	}
	for i, raw := range want.RawInputContents {
		items := int(want.Inputs[i].Shape[0])
		if got.raws[i].size != len(raw) || len(got.raws[i].firsts) != items {
			t.Fatalf("tensor %d: %d bytes, %d items", i, got.raws[i].size, len(got.raws[i].firsts))
		}
		for j, f := range got.raws[i].firsts {
			var want first
			stride := len(raw) / items
			copy(want[:], raw[j*stride:(j+1)*stride])
			if f != want {
				t.Errorf("tensor %d item %d begins with %x, want %x", i, j, f, want)
			}
		}
	}
}

// FuzzDecode: what protobuf refuses is refused, what it takes is taken.
func FuzzDecode(f *testing.F) {
	valid, err := proto.Marshal(ask(2))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(valid, 7)
	f.Add([]byte{0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f}, 1)
	f.Add([]byte{0x0b, 0x0c}, 1) // a group, which nobody sends
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		got := new(request)
		err := got.unmarshal(pieces(data, piece))
		var want service.ModelInferRequest
		wantErr := proto.Unmarshal(data, &want)
		if err == nil && wantErr != nil {
			t.Fatalf("taken, but protobuf says %v", wantErr)
		}
		if err == nil && len(got.raws) != len(want.RawInputContents) {
			t.Fatalf("%d tensors, want %d", len(got.raws), len(want.RawInputContents))
		}
	})
}

// TestEncode: what is written in parts reads as one message.
func TestEncode(t *testing.T) {
	outputs := []output{
		{"small", "FP32", []int64{2, 3}, []first{float(1, "FP32"), float(2, "FP32")}, nil},
		{"large", "FP32", []int64{1, 300_000}, []first{float(7, "FP32")}, nil},
		{"text", "BYTES", []int64{3}, []first{{}}, nil},
		{"none", "INT64", []int64{0, 4}, []first{{}}, nil},
	}
	r := newResponse("m", "1", "abc", outputs)
	var got service.ModelInferResponse
	if err := proto.Unmarshal(r.parts.Materialize(), &got); err != nil {
		t.Fatal(err)
	}
	large := make([]byte, 1_200_000)
	copy(large, floats(7))
	want := &service.ModelInferResponse{
		ModelName: "m", ModelVersion: "1", Id: "abc",
		Outputs: []*service.ModelInferResponse_InferOutputTensor{
			{Name: "small", Datatype: "FP32", Shape: []int64{2, 3}}, {Name: "large", Datatype: "FP32", Shape: []int64{1, 300_000}},
			{Name: "text", Datatype: "BYTES", Shape: []int64{3}}, {Name: "none", Datatype: "INT64", Shape: []int64{0, 4}},
		},
		RawOutputContents: [][]byte{floats(1, 0, 0, 2, 0, 0), large, make([]byte, 12), {}},
	}
	if !proto.Equal(want, &got) {
		t.Error("the response differs")
	}
	if !bytes.Equal(sharedZeros, make([]byte, len(sharedZeros))) {
		t.Error("somebody wrote to the shared zeros")
	}
	var framed service.ModelStreamInferResponse
	if err := proto.Unmarshal((&streamed{response: r}).parts().Materialize(), &framed); err != nil {
		t.Fatal(err)
	}
	want.Parameters = map[string]*service.InferParameter{
		"triton_final_response": {ParameterChoice: &service.InferParameter_BoolParam{BoolParam: true}},
	}
	if !proto.Equal(want, framed.InferResponse) {
		t.Error("the streamed response differs")
	}
}

func TestConvert(t *testing.T) {
	for _, test := range []struct {
		from, to string
		in       first
		want     float64
	}{
		{"FP32", "FP64", float(1.5, "FP32"), 1.5}, {"FP64", "FP16", float(-0.25, "FP64"), -0.25},
		{"FP32", "INT32", float(-3.7, "FP32"), -3}, {"INT64", "FP32", integer(-9), -9},
		{"INT8", "INT64", integer(-1), -1}, {"UINT8", "INT32", first{255, 9}, 255}, {"BOOL", "FP32", first{1}, 1},
		{"FP32", "BOOL", float(0.5, "FP32"), 1}, {"BF16", "FP32", float(3, "BF16"), 3}, {"FP32", "INT32", float(math.NaN(), "FP32"), 0},
	} {
		if got := test.in.convert(test.from, test.to).float(test.to); got != test.want {
			t.Errorf("%s to %s: %v, want %v", test.from, test.to, got, test.want)
		}
	}
}

// TestAgenda: sources come in order of time, then of setting, also when they
// are moved or dropped.
func TestAgenda(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var (
			a     agenda
			order uint64
		)
		sources := make([]*source, 12)
		for i := range sources {
			sources[i] = new(source)
		}
		planned := map[*source]bool{}
		for range rapid.IntRange(0, 60).Draw(t, "changes") {
			s := sources[rapid.IntRange(0, len(sources)-1).Draw(t, "source")]
			if rapid.IntRange(0, 3).Draw(t, "drop") == 0 {
				a.set(s, batcher.Never, 0)
				delete(planned, s)
				continue
			}
			order++
			a.set(s, batcher.Time(rapid.IntRange(0, 5).Draw(t, "at")), order)
			planned[s] = true
		}
		var last *source
		for s := a.next(); s != nil; s = a.next() {
			if last != nil && s.before(last) {
				t.Fatalf("%d (%d) after %d (%d)", s.at, s.order, last.at, last.order)
			}
			if !planned[s] {
				t.Fatal("a source that was dropped, or comes twice")
			}
			delete(planned, s)
			a.set(s, batcher.Never, 0)
			last = s
		}
		if len(planned) != 0 {
			t.Fatalf("%d sources never came", len(planned))
		}
	})
}
