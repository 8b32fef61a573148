package load

import (
	"bytes"
	"slices"
	"testing"

	"tritonsweep/internal/tritonpb/service"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// TestSplit: the tensors are those that decoding finds, in their order, wherever
// they stand among the other fields; they are parts of the answer, and the head has
// all the rest.
func TestSplit(t *testing.T) {
	tensor := func(b []byte, content string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, rawOutputContents, protowire.BytesType), content)
	}
	name := func(b []byte) []byte {
		return protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), "model")
	}
	for _, c := range []struct {
		what   string
		answer []byte
	}{
		{"nothing", nil},
		{"as servers send it", answerTo(testModel(), 2)},
		{"tensors first", name(tensor(tensor(nil, "one"), "two"))},
		{"the head in the middle", tensor(name(tensor(nil, "one")), "two")},
		{"empty tensors", tensor(tensor(tensor(nil, ""), "x"), "")},
		{"a number where tensors are", name(protowire.AppendVarint(protowire.AppendTag(nil, rawOutputContents, protowire.VarintType), 7))},
	} {
		var whole, rest service.ModelInferResponse
		if err := proto.Unmarshal(c.answer, &whole); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		head, tensors, err := split(c.answer)
		if err != nil || !slices.EqualFunc(tensors, whole.GetRawOutputContents(), bytes.Equal) {
			t.Errorf("%s: %d tensors, %v, want %d", c.what, len(tensors), err, len(whole.GetRawOutputContents()))
		}
		if err := proto.Unmarshal(head, &rest); err != nil {
			t.Errorf("%s: the head does not decode: %v", c.what, err)
		}
		if whole.RawOutputContents = nil; !proto.Equal(&whole, &rest) {
			t.Errorf("%s: the head is %v, want %v", c.what, &rest, &whole)
		}
	}
	if _, _, err := split([]byte{0x32, 0x05, 'x'}); err == nil {
		t.Error("a tensor that is cut off was not noticed")
	}
}
