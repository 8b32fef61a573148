package tritonconfig

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// repository makes a model repository of files, by slash-separated names;
// "-> target" makes a link, a name that ends in "/" a directory.
func repository(t *testing.T, files map[string]string) *Repository {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		target, isLink := strings.CutPrefix(text, "-> ")
		switch {
		case strings.HasSuffix(name, "/"):
			must(t, os.MkdirAll(file, 0o755))
		case isLink:
			must(t, os.Symlink(target, file))
		default:
			must(t, os.WriteFile(file, []byte(text), 0o644))
		}
	}
	r, err := OpenRepository(dir)
	must(t, err)
	t.Cleanup(func() { must(t, r.Close()) })
	return r
}

func TestRepositoryModels(t *testing.T) {
	r := repository(t, map[string]string{
		"arcface/config.pbtxt":   "name: \"arcface\"",
		"auto/1/model.onnx":      "",
		"broken/config.pbtxt":    "name",
		"linked":                 "-> arcface",
		"dangling/config.pbtxt":  "-> ../nowhere",
		"empty/":                 "",
		"notes/readme.md":        "",
		"with space/1/model.py":  "",
		"-dash/config.pbtxt":     "",
		"config.pbtxt":           "",
		"zero/0/model.py":        "",
		"nested/a/config.pbtxt":  "",
		"outside":                "-> /",
		"versionfile/1":          "",
		".hidden/config.pbtxt":   "",
		"v1.2_x-y/config.pbtxt/": "",
	})
	got, err := r.Models()
	must(t, err)
	want := []string{"-dash", ".hidden", "arcface", "auto", "broken", "dangling", "linked", "v1.2_x-y"}
	if !slices.Equal(got, want) {
		t.Errorf("models %q\nwant   %q", got, want)
	}
}

func TestRepositoryRead(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "config.pbtxt")
	must(t, os.WriteFile(outside, []byte("max_batch_size: 9"), 0o644))
	r := repository(t, map[string]string{
		"plain/config.pbtxt":    "max_batch_size: 8",
		"linked/config.pbtxt":   "-> ../plain/config.pbtxt",
		"alias":                 "-> plain",
		"leading/config.pbtxt":  "-> " + outside,
		"climbing/config.pbtxt": "-> ../../config.pbtxt",
		"dir/config.pbtxt/":     "",
		"empty/config.pbtxt":    "",
		"comment/config.pbtxt":  "# nothing\n",
		"missing/1/model.py":    "",
		"template/config.pbtxt": "max_batch_size: ${n}",
		"large/config.pbtxt":    strings.Repeat("#", MaxSize+1),
	})
	for _, name := range []string{"plain", "linked", "alias"} {
		f, err := r.Read(name)
		if err != nil || *f.Settings().MaxBatchSize != 8 || f.Name() != filepath.Join(r.Dir(), name, ConfigName) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]string{
		"leading":                "path escapes from parent",
		"climbing":               "path escapes from parent",
		"dir":                    "not a regular file",
		"empty":                  "sets nothing",
		"comment":                "sets nothing",
		"missing":                "does not exist",
		"template":               "config.pbtxt:1:17: placeholder ${n}",
		"large":                  "more than the 1048576",
		"plian":                  `the nearest is "plain"`,
		"..":                     `model name ".."`,
		".":                      `model name "."`,
		"":                       `model name ""`,
		"a/b":                    `model name "a/b"`,
		"a\x00b":                 "model name",
		"a\nb":                   "model name",
		strings.Repeat("a", 129): "model name \"" + strings.Repeat("a", 40) + "...",
	} {
		_, err := r.Read(name)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", name, err, want)
		}
		none := slices.Contains([]string{"empty", "comment", "missing"}, name)
		if errors.Is(err, ErrNoConfig) != none {
			t.Errorf("%q: ErrNoConfig is %t", name, !none)
		}
	}
	_, err := r.Read("plian")
	if !strings.Contains(err.Error(), "alias, climbing, comment, dir") {
		t.Errorf("known models are not named: %v", err)
	}
}

func TestRepositoryConfigPath(t *testing.T) {
	r := repository(t, map[string]string{"m/1/model.py": ""})
	path, err := r.ConfigPath("m")
	if err != nil || path != "m/config.pbtxt" {
		t.Errorf("%q, %v", path, err)
	}
	if _, err := r.ConfigPath("n"); err == nil {
		t.Error("a path for an unknown model")
	}
	if _, err := r.Root().Stat("m"); err != nil {
		t.Error(err)
	}
}

func TestOpenRepositoryRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	must(t, os.WriteFile(file, nil, 0o644))
	for _, dir := range []string{file, file + "-missing"} {
		if _, err := OpenRepository(dir); err == nil || !strings.Contains(err.Error(), "opening model repository") {
			t.Errorf("%s: %v", dir, err)
		}
	}
	r := repository(t, nil)
	if _, err := r.Read("m"); err == nil || !strings.Contains(err.Error(), "holds no model") {
		t.Errorf("empty repository: %v", err)
	}
}
