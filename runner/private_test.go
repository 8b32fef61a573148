package runner

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

func TestPrivateModels(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "models")
	for name, size := range map[string]int{"m/config.pbtxt": 10, "m/labels.txt": 20, "m/big.bin": copyBelow, "m/1/model.plan": 30,
		"m/configs/fast.pbtxt": 5, "e/config.pbtxt": 7, "note.txt": 9, "bad name/config.pbtxt": 3} {
		path := filepath.Join(from, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, size), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../m/1", filepath.Join(from, "e", "1")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(from, "m", "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(from)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	mounts, err := PrivateModels(root, to)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"m/1", "m/big.bin"}; !slices.Equal(mounts, want) {
		t.Errorf("mounts %v, want %v", mounts, want)
	}
	var got []string
	err = filepath.WalkDir(to, func(path string, _ os.DirEntry, err error) error {
		relative, _ := filepath.Rel(to, path)
		got = append(got, relative)
		return err
	})
	want := []string{".", "e", "e/1", "e/config.pbtxt", "m", "m/1", "m/big.bin", "m/config.pbtxt", "m/configs", "m/labels.txt"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v: %v, want %v", err, got, want)
	}
	a, _ := os.Stat(filepath.Join(from, "m", "config.pbtxt"))
	b, _ := os.Stat(filepath.Join(to, "m", "config.pbtxt"))
	if os.SameFile(a, b) || b.Size() != 10 {
		t.Error("the config is not a copy of its own")
	}
	if link, _ := os.Readlink(filepath.Join(to, "e", "1")); link != "../m/1" {
		t.Errorf("link to %q", link)
	}
}

func TestPrivateModelsNeedsSpace(t *testing.T) {
	if err := enough(t.TempDir(), 1<<60); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
}
