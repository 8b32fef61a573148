package docker

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// container returns one whose command and mounts are given, as pin leaves it.
func withMounts(command string, mounts ...Mount) *Container {
	return &Container{Name: "a", Definition: Definition{Mounts: mounts, command: parseCommand(strings.Fields(command))}}
}

func bind(source, destination string) Mount {
	return Mount{Type: "bind", Source: source, Destination: destination}
}

func TestRepository(t *testing.T) {
	volume := Mount{Type: "volume", Name: "models", Source: "/var/lib/docker/volumes/models/_data", Destination: "/models"}
	for _, test := range []struct {
		name   string
		c      *Container
		host   string
		err    error
		naming string
	}{
		{"bind", withMounts("tritonserver --model-repository=/models", bind("/srv/m", "/models")), "/srv/m", nil, ""},
		{"below a mount", withMounts("tritonserver --model-repository=/workspace/a/models", bind("/srv", "/workspace")), "/srv/a/models", nil, ""},
		{"longest mount", withMounts("tritonserver --model-repository=/w/models", bind("/srv", "/w"), bind("/m", "/w/models"), bind("/x", "/w/mod")), "/m", nil, ""},
		{"root mount", withMounts("tritonserver --model-repository=/models", bind("/srv", "/")), "/srv/models", nil, ""},
		{"trailing slash", withMounts("tritonserver --model-repository=/models/", bind("/srv/m", "/models")), "/srv/m", nil, ""},
		{"volume", withMounts("tritonserver --model-repository=/models", volume), volume.Source, nil, ""},
		{"in the image", withMounts("tritonserver --model-repository=/models", bind("/cache", "/root/.cache")), "", ErrNotMounted, "-v DIR:/models"},
		{"name only looks like it", withMounts("tritonserver --model-repository=/models2", bind("/srv/m", "/models")), "", ErrNotMounted, "/srv/m at /models"},
		{"tmpfs", withMounts("tritonserver --model-repository=/models", Mount{Type: "tmpfs", Destination: "/models"}), "", ErrNotMounted, ""},
		{"object store", withMounts("tritonserver --model-repository=s3://b/m"), "", ErrRepositoryRemote, "s3"},
		{"script", withMounts("bash run.sh", bind("/srv/m", "/models")), "", ErrRepositoryUnknown, "--repository (mounted: /srv/m at /models)"},
		{"two", withMounts("tritonserver --model-repository=/a --model-repository=/b"), "", ErrRepositoryUnknown, "/a and /b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := test.c.Repository()
			if r.HostPath != test.host || !errors.Is(err, test.err) {
				t.Fatalf("path %q, error %v", r.HostPath, err)
			}
			if err != nil && !strings.Contains(err.Error(), test.naming) {
				t.Errorf("error %q does not say %q", err, test.naming)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	mine, other, link := filepath.Join(dir, "mine"), filepath.Join(dir, "other"), filepath.Join(dir, "link")
	os.Mkdir(mine, 0o755)
	os.Mkdir(other, 0o755)
	os.Symlink(mine, link)
	r := RepositoryMount{Container: "a", HostPath: mine}
	for _, same := range []string{mine, link, mine + "/../mine/"} {
		if err := r.Check(same); err != nil {
			t.Errorf("%s: %v", same, err)
		}
	}
	if err := r.Check(other); !errors.Is(err, ErrOtherRepository) || !strings.Contains(err.Error(), "--repository "+mine) {
		t.Errorf("other directory: %v", err)
	}
	if err := r.Check(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing directory: %v", err)
	}
	r.HostPath = filepath.Join(dir, "elsewhere")
	if err := r.Check(mine); !errors.Is(err, ErrOtherRepository) || !strings.Contains(err.Error(), "cannot be seen here") {
		t.Errorf("mount of another machine: %v", err)
	}
}

func TestRepositoryAt(t *testing.T) {
	dir := t.TempDir()
	a, b, below := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "a", "deep", "models")
	os.MkdirAll(below, 0o755)
	os.Mkdir(b, 0o755)
	two := withMounts("tritonserver --model-repository=/a --model-repository=/b", bind(a, "/a"), bind(b, "/b"))
	if r, err := two.RepositoryAt(b); err != nil || r.ContainerPath != "/b" || r.Guessed {
		t.Errorf("second of two: %+v, %v", r, err)
	}
	if _, err := two.RepositoryAt(dir); !errors.Is(err, ErrOtherRepository) {
		t.Errorf("neither of two: %v", err)
	}
	script := withMounts("bash run.sh", bind(a, "/workspace"), bind("/none", "/cache"))
	if r, err := script.RepositoryAt(below); err != nil || r.ContainerPath != "/workspace/deep/models" || !r.Guessed {
		t.Errorf("script: %+v, %v", r, err)
	}
	if _, err := script.RepositoryAt(b); !errors.Is(err, ErrOtherRepository) || !strings.Contains(err.Error(), "none of its mounts") {
		t.Errorf("script, other directory: %v", err)
	}
	covered := withMounts("bash run.sh", bind(a, "/workspace"), bind(b, "/workspace/deep"))
	if _, err := covered.RepositoryAt(below); !errors.Is(err, ErrOtherRepository) {
		t.Errorf("a mount covers the directory: %v", err)
	}
}

func TestConfigMountedOnItsOwn(t *testing.T) {
	c := withMounts("tritonserver --model-repository=/models", bind("/srv/m", "/models"),
		bind("/etc/one.pbtxt", "/models/file/config.pbtxt"), bind("/srv/dir", "/models/dir/"), bind("/x", "/modelsx"))
	r, err := c.Repository()
	if err != nil {
		t.Fatal(err)
	}
	for _, model := range []string{"file", "dir"} {
		if err := r.CheckModel(model); !errors.Is(err, ErrConfigMounted) {
			t.Errorf("%s: %v", model, err)
		}
	}
	if err := r.CheckModel("plain"); err != nil {
		t.Error(err)
	}
	if !r.IsMountPoint("file/config.pbtxt") || r.IsMountPoint("plain/config.pbtxt") {
		t.Error("IsMountPoint")
	}
}
