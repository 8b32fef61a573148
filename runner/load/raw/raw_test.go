package raw

import (
	"testing"

	"google.golang.org/grpc/mem"
)

func TestCodec(t *testing.T) {
	sent := []byte("a message")
	data, err := Codec{}.Marshal(&sent)
	if err != nil {
		t.Fatal(err)
	}
	var whole []byte
	var parts mem.BufferSlice
	for _, v := range []any{&whole, &parts} {
		if err := (Codec{}).Unmarshal(data, v); err != nil {
			t.Fatal(err)
		}
	}
	if string(whole) != "a message" || string(parts.Materialize()) != "a message" {
		t.Errorf("received %q and %q", whole, parts.Materialize())
	}
	if _, err := (Codec{}).Marshal("text"); err == nil {
		t.Error("a text was sent")
	}
	if err := (Codec{}).Unmarshal(data, "text"); err == nil {
		t.Error("a text was received into")
	}
}
