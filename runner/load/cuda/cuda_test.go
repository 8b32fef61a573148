//go:build linux && cuda

package cuda

import (
	"bytes"
	"errors"
	"testing"
)

// These tests need a GPU: make test-gpu.

func TestGPUMemory(t *testing.T) {
	g, err := Open(0)
	if err != nil {
		t.Fatal(err)
	}
	before, err := g.Free()
	if err != nil {
		t.Fatal(err)
	}
	const size = 5 << 20
	m, handle, err := g.Allocate(size)
	if err != nil {
		t.Fatal(err)
	}
	if len(handle) != 64 || bytes.Equal(handle, make([]byte, 64)) {
		t.Errorf("handle %x", handle)
	}
	data := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	if err := errors.Join(m.Write(0, data), m.Fill(100, 50, 'x'), m.Write(size-3, []byte("end")), m.Write(size, nil)); err != nil {
		t.Fatal(err)
	}
	copy(data[100:], bytes.Repeat([]byte("x"), 50))
	copy(data[size-3:], "end")
	if got, err := m.View(0, size); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes are not what was written, %v", len(got), err)
	}
	if got, err := m.View(size-3, 3); err != nil || string(got) != "end" {
		t.Errorf("%q, %v", got, err)
	}
	for name, err := range map[string]error{
		"write before": m.Write(-1, data[:1]), "write after": m.Write(size-1, data[:2]), "fill after": m.Fill(size, 1, 0),
		"negative": m.Fill(0, -1, 0),
	} {
		if err == nil {
			t.Errorf("%s is no error", name)
		}
	}
	for range 2 { // closing twice is no error
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := m.View(0, 1); err == nil {
		t.Error("memory that was freed can be read")
	}
	if after, err := g.Free(); err != nil || after < before {
		t.Errorf("%d bytes are free, %d were before, %v", after, before, err)
	}
}

func TestGPURefusals(t *testing.T) {
	for _, number := range []int{-1, 99} {
		if _, err := Open(number); err == nil {
			t.Errorf("GPU %d opens", number)
		}
	}
	g, err := Open(0)
	if err != nil {
		t.Fatal(err)
	}
	var space *SpaceError
	if _, _, err := g.Allocate(1 << 50); !errors.As(err, &space) || space.Free <= 0 {
		t.Errorf("error %v", err)
	}
}
