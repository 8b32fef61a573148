package atomicfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func openRoot(t *testing.T) (Root, string) {
	t.Helper()
	dir := t.TempDir()
	root, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root, dir
}

func anything(string) bool { return true }

func write(t *testing.T, name, data string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, root Root, name string) Snapshot {
	t.Helper()
	s, err := Read(root, name, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestReplaceAndRestoreKeepEverything(t *testing.T) {
	root, dir := openRoot(t)
	name := filepath.Join(dir, "m", "config.pbtxt")
	write(t, name, "original", 0o640)
	past := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := os.Chtimes(name, past, past); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setxattr(name, "user.note", []byte("kept"), 0); err != nil && err != unix.ENOTSUP {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := os.Chown(name, 1234, 2345); err != nil {
			t.Fatal(err)
		}
	}
	original := read(t, root, "m/config.pbtxt")

	if err := Replace(root, Replacement{File: original, Data: []byte("changed"), Times: false, Ours: anything}); err != nil {
		t.Fatal(err)
	}
	changed := read(t, root, "m/config.pbtxt")
	if got := changed.Differences(original); len(got) != 2 || got[0] != "content" || got[1] != "modification time" {
		t.Errorf("after the change these differ: %v, want content and modification time", got)
	}
	if err := Replace(root, Replacement{File: original, Data: original.Data, Times: true, Ours: anything}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, root, "m/config.pbtxt").Differences(original); len(got) != 0 {
		t.Errorf("after the restore these differ: %v", got)
	}
	if left, err := Leftovers(root, "m"); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestReplaceWritesThroughALinkInsideTheRoot(t *testing.T) {
	root, dir := openRoot(t)
	write(t, filepath.Join(dir, "shared", "base.pbtxt"), "original", 0o644)
	if err := os.Mkdir(filepath.Join(dir, "m"), 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "m", "config.pbtxt")
	if err := os.Symlink("../shared/base.pbtxt", link); err != nil {
		t.Fatal(err)
	}
	s := read(t, root, "m/config.pbtxt")
	if s.Target != "shared/base.pbtxt" {
		t.Errorf("target %q", s.Target)
	}
	if err := Replace(root, Replacement{File: s, Data: []byte("changed"), Times: false, Ours: anything}); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(link); err != nil || to != "../shared/base.pbtxt" {
		t.Errorf("the link became %q, %v", to, err)
	}
	if got := read(t, root, "m/config.pbtxt"); string(got.Data) != "changed" {
		t.Errorf("content %q", got.Data)
	}
}

func TestReadRefusesWhatLeadsOut(t *testing.T) {
	root, dir := openRoot(t)
	outside := filepath.Join(t.TempDir(), "secret")
	write(t, outside, "secret", 0o600)
	if err := os.Symlink(outside, filepath.Join(dir, "absolute")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../"+filepath.Base(filepath.Dir(outside))+"/secret", filepath.Join(dir, "relative")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("circle", filepath.Join(dir, "circle")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "large"), strings.Repeat("x", 2<<20), 0o600)
	for name, want := range map[string]string{
		"absolute": "leads out", "relative": "leads out", "circle": "symbolic links",
		"folder": "not a regular file", "large": "larger than", "missing": "no such file",
		"../" + filepath.Base(outside): "escapes",
	} {
		_, err := Read(root, name, 1<<20)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", name, err, want)
		}
	}
}

func TestAFailedWriteLeavesTheOldFileAndNothingElse(t *testing.T) {
	root, dir := openRoot(t)
	name := filepath.Join(dir, "config.pbtxt")
	write(t, name, "original", 0o644)
	s := read(t, root, "config.pbtxt")
	s.Xattrs = map[string][]byte{"no-such-namespace": []byte("x")} // makes the imprint fail
	if err := Replace(root, Replacement{File: s, Data: []byte("changed"), Times: false, Ours: anything}); err == nil {
		t.Fatal("no error")
	}
	if got := read(t, root, "config.pbtxt"); string(got.Data) != "original" {
		t.Errorf("content %q", got.Data)
	}
	if left, _ := Leftovers(root, "."); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestWriteAndRemove(t *testing.T) {
	name := filepath.Join(t.TempDir(), "state.json")
	for _, content := range []string{"one", "two"} {
		if err := Write(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != content {
			t.Errorf("read %q, %v", got, err)
		}
	}
	for range 2 { // the second removal finds nothing, which is no error
		if err := Remove(name); err != nil {
			t.Error(err)
		}
	}
}
