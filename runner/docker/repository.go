package docker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// RepositoryMount is a model repository as both sides see it.
type RepositoryMount struct {
	Container     string // name, for messages
	ContainerPath string // what Triton was given, absolute
	HostPath      string // the same directory on the Engine's host
	Mount         Mount  // the mount that holds it
	// Guessed tells that the command line does not name the repository and
	// that it was taken for the mount that holds the user's directory.
	Guessed bool

	nested []Mount // mounts below ContainerPath
}

// Repository returns the model repository of a container that has exactly one.
// It wraps ErrRepositoryUnknown (a script starts Triton, or there are several),
// ErrRepositoryRemote, or ErrNotMounted (the models are in the image).
func (c *Container) Repository() (RepositoryMount, error) {
	paths := c.repositoryPaths()
	if len(paths) > 1 {
		return RepositoryMount{}, fmt.Errorf("%w: %s has %d, at %s; say which with --repository",
			ErrRepositoryUnknown, c.Name, len(paths), strings.Join(paths, " and "))
	}
	if len(paths) == 0 {
		return RepositoryMount{}, fmt.Errorf("%w of %s: it has no --model-repository; give the host directory with --repository%s",
			ErrRepositoryUnknown, c.Name, c.mountsHint())
	}
	return c.repositoryAt(paths[0])
}

// RepositoryAt returns the repository that is the host directory dir, also
// where the container has several, or starts Triton by a script of which only
// the mounts are known. It wraps ErrOtherRepository when dir is none of them.
func (c *Container) RepositoryAt(dir string) (RepositoryMount, error) {
	var failures []error
	for _, p := range c.repositoryPaths() {
		r, err := c.repositoryAt(p)
		if err == nil {
			if err = r.Check(dir); err == nil {
				return r, nil
			}
		}
		failures = append(failures, err)
	}
	if len(failures) > 0 {
		return RepositoryMount{}, errors.Join(failures...)
	}
	return c.guess(dir)
}

// repositoryPaths returns the paths given to Triton, without repetitions.
// Values that a shell would have to expand are left out: they are not known.
func (c *Container) repositoryPaths() []string {
	var paths []string
	for _, p := range c.command.values("model-repository", "model-store") {
		if strings.ContainsAny(p, "$`*~") {
			continue
		}
		if !strings.Contains(p, "://") {
			if !path.IsAbs(p) {
				p = path.Join("/", c.workingDir, p)
			}
			p = path.Clean(p)
		}
		if !slices.Contains(paths, p) {
			paths = append(paths, p)
		}
	}
	return paths
}

// repositoryAt maps a path in the container to the host by the longest mount
// that holds it.
func (c *Container) repositoryAt(inside string) (RepositoryMount, error) {
	if scheme, _, remote := strings.Cut(inside, "://"); remote {
		return RepositoryMount{}, fmt.Errorf("%w (%s): %s cannot be edited on the host", ErrRepositoryRemote, scheme, c.Name)
	}
	r := RepositoryMount{Container: c.Name, ContainerPath: inside}
	found := false
	for _, m := range c.Mounts {
		at := path.Clean(m.Destination)
		if within(inside, at) && (!found || len(at) > len(path.Clean(r.Mount.Destination))) {
			r.Mount, found = m, true
		} else if inside != at && within(at, inside) {
			r.nested = append(r.nested, m)
		}
	}
	if !found || r.Mount.Source == "" {
		return RepositoryMount{}, fmt.Errorf("%w: %s serves %s, which is inside the container; "+
			"start it with that directory mounted (-v DIR:%s)%s", ErrNotMounted, c.Name, inside, inside, c.mountsHint())
	}
	below := strings.TrimPrefix(inside, path.Clean(r.Mount.Destination))
	r.HostPath = filepath.Join(r.Mount.Source, filepath.FromSlash(below))
	return r, nil
}

// guess takes dir for the repository when a mount shows it to the container.
func (c *Container) guess(dir string) (RepositoryMount, error) {
	full, err := resolve(dir)
	if err != nil {
		return RepositoryMount{}, err
	}
	for _, m := range c.Mounts {
		source, err := resolve(m.Source)
		if m.Source == "" || err != nil || !within(full, source) {
			continue
		}
		r, err := c.repositoryAt(path.Join(m.Destination, filepath.ToSlash(strings.TrimPrefix(full, source))))
		if err != nil || r.Check(dir) != nil {
			continue // another mount covers it
		}
		r.Guessed = true
		return r, nil
	}
	return RepositoryMount{}, fmt.Errorf("%w %s: %s is in none of its mounts%s", ErrOtherRepository, c.Name, dir, c.mountsHint())
}

func (c *Container) mountsHint() string {
	var list []string
	for _, m := range c.Mounts {
		if m.Source != "" {
			list = append(list, m.Source+" at "+m.Destination)
		}
	}
	if len(list) == 0 {
		return " (it has no mounts)"
	}
	return " (mounted: " + strings.Join(list, ", ") + ")"
}

// Check reports whether hostDir is this repository: the same directory by
// device and inode, whatever links lead to it. Otherwise it wraps
// ErrOtherRepository and names the one that is mounted.
func (r RepositoryMount) Check(hostDir string) error {
	mine, err := os.Stat(hostDir)
	if err != nil {
		return fmt.Errorf("checking the repository: %w", err)
	}
	theirs, err := os.Stat(r.HostPath)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("checking the repository of %s: %w; run this as a user who may read it", r.Container, err)
	case err != nil:
		return fmt.Errorf("%w: %s serves %s of the Docker host, which cannot be seen here (%v); run this on that machine",
			ErrOtherRepository, r.Container, r.HostPath, err)
	case !os.SameFile(mine, theirs):
		return fmt.Errorf("%w: %s is not what %s serves (hint: --repository %s)", ErrOtherRepository, hostDir, r.Container, r.HostPath)
	}
	return nil
}

// IsMountPoint reports whether the path, relative to the repository, is a
// mount of its own in the container. Such a file cannot be replaced by a
// rename: the container would go on seeing the old one.
func (r RepositoryMount) IsMountPoint(relative string) bool {
	at := path.Join(r.ContainerPath, filepath.ToSlash(relative))
	return slices.ContainsFunc(r.nested, func(m Mount) bool { return path.Clean(m.Destination) == at })
}

// CheckModel reports whether the model's config.pbtxt in the container is the
// file at the same place under HostPath. Otherwise it wraps ErrConfigMounted.
func (r RepositoryMount) CheckModel(model string) error {
	for _, relative := range []string{model, path.Join(model, "config.pbtxt")} {
		if r.IsMountPoint(relative) {
			return fmt.Errorf("%s in %s is %w; mount the whole repository directory instead",
				path.Join(r.ContainerPath, relative), r.Container, ErrConfigMounted)
		}
	}
	return nil
}

// within reports whether the clean path p is dir or below it.
func within(p, dir string) bool {
	return p == dir || dir == "/" || strings.HasPrefix(p, dir+"/")
}

func resolve(dir string) (string, error) {
	full, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(full)
}
