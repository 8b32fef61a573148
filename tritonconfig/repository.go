package tritonconfig

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tritonsweep/internal/nearest"
)

// ConfigName is the name of a model's config in its directory.
const ConfigName = "config.pbtxt"

// ErrNoConfig is in the error of Read for a model whose config is missing or
// empty. Triton loads such a model with values of its own.
var ErrNoConfig = errors.New("no config to tune")

// Repository is a model repository on disk, opened for reading. No name, link
// or path leads out of it.
type Repository struct {
	dir  string
	root *os.Root
}

// OpenRepository opens the directory that Triton's --model-repository names.
// Close it when done.
func OpenRepository(dir string) (*Repository, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening model repository: %w", err)
	}
	return &Repository{dir: dir, root: root}, nil
}

// Close releases the directory.
func (r *Repository) Close() error { return r.root.Close() }

// Dir returns the directory as it was given to OpenRepository.
func (r *Repository) Dir() string { return r.dir }

// Root returns the open directory, for writers that must stay below it.
func (r *Repository) Root() *os.Root { return r.root }

var modelName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)

// CheckModelName refuses names that are no plain name of a directory.
func CheckModelName(name string) error {
	if !modelName.MatchString(name) || name == "." || name == ".." {
		return fmt.Errorf("model name %q: want 1 to 128 of A-Z a-z 0-9 _ . -", shorten(name))
	}
	return nil
}

func shorten(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}

// Models returns the names of the models, sorted: the directories that hold a
// config or a version. A directory whose name CheckModelName refuses is none.
func (r *Repository) Models() ([]string, error) {
	entries, err := fs.ReadDir(r.root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("reading model repository %s: %w", r.dir, err)
	}
	var names []string
	for _, e := range entries {
		if CheckModelName(e.Name()) == nil && r.isModel(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

func (r *Repository) isModel(name string) bool {
	if info, err := r.root.Stat(name); err != nil || !info.IsDir() {
		return false
	}
	if _, err := r.root.Lstat(path.Join(name, ConfigName)); err == nil {
		return true
	}
	entries, err := fs.ReadDir(r.root.FS(), name)
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		n, err := strconv.Atoi(e.Name())
		return err == nil && n > 0 && e.IsDir()
	})
}

// ConfigPath returns the path of a model's config below Root, with slashes.
// The model must exist; its config need not.
func (r *Repository) ConfigPath(model string) (string, error) {
	if err := CheckModelName(model); err != nil {
		return "", err
	}
	if !r.isModel(model) {
		return "", r.unknown(model)
	}
	return path.Join(model, ConfigName), nil
}

func (r *Repository) unknown(model string) error {
	known, err := r.Models()
	switch {
	case err != nil:
		return err
	case len(known) == 0:
		return fmt.Errorf("unknown model %q: %s holds no model", model, r.dir)
	}
	return fmt.Errorf("unknown model %q: the nearest is %q; %s holds %s",
		model, nearest.Of(model, known), r.dir, strings.Join(known, ", "))
}

// Read parses a model's config. It follows a link inside the repository and
// refuses one that leads out; a missing or empty config is ErrNoConfig, because
// there is no text to change and to put back.
func (r *Repository) Read(model string) (*File, error) {
	name, err := r.ConfigPath(model)
	if err != nil {
		return nil, err
	}
	full := filepath.Join(r.dir, filepath.FromSlash(name))
	data, err := r.readConfig(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %s does not exist, and Triton makes up the config of %s when it loads it; write one first "+
			"(the server shows the one in force at /v2/models/%s/config)", ErrNoConfig, full, model, model)
	case err != nil:
		return nil, fmt.Errorf("reading model config %s: %w", full, err)
	}
	f, err := Parse(full, data)
	if err == nil && len(f.root.fields) == 0 {
		return nil, fmt.Errorf("%w: %s sets nothing, and Triton reports %s as ready although it may serve no request; write the config first",
			ErrNoConfig, full, model)
	}
	return f, err
}

func (r *Repository) readConfig(name string) ([]byte, error) {
	info, err := r.root.Stat(name)
	if err != nil {
		if target, linkErr := r.root.Readlink(name); linkErr == nil {
			return nil, fmt.Errorf("link to %s: only a relative link inside the repository can be tuned: %w", target, err)
		}
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	file, err := r.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, MaxSize+1))
}
