package load

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRawFiles(t *testing.T) {
	if _, err := NewRequest(testModel(), Data{Source: File, Path: write(t, "odd", "12345")}, 1); err == nil || !strings.Contains(err.Error(), "not a whole number of items") {
		t.Errorf("error %v", err)
	}
	if _, err := NewRequest(testModel(), Data{Source: File, Path: write(t, "empty", "")}, 1); err == nil {
		t.Error("an empty file was accepted")
	}
	if _, err := NewRequest(testModel(), Data{Source: File, Path: "/no/such/file"}, 1); !os.IsNotExist(unwrapped(err)) {
		t.Errorf("error %v", err)
	}
	if _, err := NewRequest(twoInputs(), Data{Source: File, Path: write(t, "one", "12345678")}, 1); err == nil || !strings.Contains(err.Error(), "has 2 inputs") {
		t.Errorf("error %v", err)
	}
}

func unwrapped(err error) error {
	for {
		inner, ok := err.(interface{ Unwrap() error })
		if !ok {
			return err
		}
		if _, isPath := err.(*os.PathError); isPath {
			return err
		}
		err = inner.Unwrap()
	}
}

func TestFolder(t *testing.T) {
	m := twoInputs()
	folder := t.TempDir()
	d := Data{Source: File, Path: folder, Shapes: map[string][]int64{"s": {1}}}
	if _, err := NewRequest(m, d, 1); err == nil || !strings.Contains(err.Error(), `input "n"`) {
		t.Errorf("a folder without files: %v", err)
	}
	for name, text := range map[string]string{"n": "\x01\x00\x00\x00\x02\x00\x00\x00", "s": "some text"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := decode(t, request(t, m, d, 1).payloads[0])
	want := [][]byte{{1, 0, 0, 0, 2, 0, 0, 0}, append([]byte{9, 0, 0, 0}, "some text"...)}
	if diff := cmp.Diff(want, in.GetRawInputContents()); diff != "" {
		t.Error(diff)
	}
	if got := d.String(); got != "file:"+filepath.Base(folder) {
		t.Errorf("named %q", got)
	}
	m.Inputs[0].Name = "../n" // a name from a server must not leave the folder
	if _, err := NewRequest(m, d, 1); err == nil || !strings.Contains(err.Error(), "escapes") {
		t.Errorf("error %v", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "n"), make([]byte, 16), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewRequest(twoInputs(), d, 1); err == nil || !strings.Contains(err.Error(), "holds 1 items") {
		t.Errorf("two items of one input and one of the other: %v", err)
	}
}

func TestOptionalInput(t *testing.T) {
	m := twoInputs()
	m.Inputs[1].Optional = true
	if in := decode(t, request(t, m, Data{}, 1).payloads[0]); len(in.GetInputs()) != 1 {
		t.Errorf("an optional input is sent without being asked for: %v", in)
	}
	d := Data{Source: File, Path: write(t, "data.json", `{"data": [{"n": [1, 2], "s": ["x"]}]}`), Shapes: map[string][]int64{"s": {1}}}
	if in := decode(t, request(t, m, d, 1).payloads[0]); len(in.GetInputs()) != 2 {
		t.Errorf("an optional input that the data holds is not sent: %v", in)
	}
}
