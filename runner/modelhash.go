package runner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"tritonsweep/internal/atomicfile"
	"tritonsweep/runner/undo"
	"tritonsweep/tritonconfig"
)

const (
	// rememberFrom is the size from which a file's hash is remembered by size and
	// time: an engine of gigabytes takes seconds to read.
	rememberFrom = 1 << 20
	// mostFiles of one model are hashed; more is no model.
	mostFiles = 10_000
	hashFile  = "hashes.json"
)

// Hashes computes hashes of models' files. It remembers those of large files in
// the state directory.
type Hashes struct {
	name  string
	known map[string]remembered // by absolute path
	dirty bool
}

type remembered struct {
	Size   int64  `json:"size"`
	Time   int64  `json:"mtime_ns"`
	SHA256 string `json:"sha256"`
}

// OpenHashes reads what was remembered. What cannot be read is computed again.
func OpenHashes(state undo.State) *Hashes {
	h := &Hashes{name: filepath.Join(state.Dir(), hashFile), known: map[string]remembered{}}
	if data, err := os.ReadFile(h.name); err == nil {
		_ = json.Unmarshal(data, &h.known) // a damaged memory is an empty one
	}
	if h.known == nil {
		h.known = map[string]remembered{}
	}
	return h
}

// Save remembers what was computed.
func (h *Hashes) Save() error {
	if !h.dirty {
		return nil
	}
	data, err := json.Marshal(h.known)
	if err != nil {
		return err
	}
	h.dirty = false
	return atomicfile.Write(h.name, data, 0o600)
}

// Model returns the hash of everything that a model loads except its config: the
// names and bytes of all files in its directory. Byte code that Python leaves
// there is none of the model.
func (h *Hashes) Model(r *tritonconfig.Repository, model string) (string, error) {
	if err := tritonconfig.CheckModelName(model); err != nil {
		return "", err
	}
	sum, files := sha256.New(), 0
	err := fs.WalkDir(r.Root().FS(), model, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "__pycache__":
			return fs.SkipDir
		case d.IsDir() || name == path.Join(model, tritonconfig.ConfigName):
			return nil
		}
		if files++; files > mostFiles {
			return fmt.Errorf("more than %d files", mostFiles)
		}
		hash, err := h.file(r, name)
		fmt.Fprintf(sum, "%q %s\n", name, hash)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("hashing the files of %s: %w", model, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// file returns the hash of a file's bytes. Of a link that leads out of the
// repository, or nowhere, its target's name must do.
func (h *Hashes) file(r *tritonconfig.Repository, name string) (string, error) {
	info, err := r.Root().Stat(name)
	if err != nil || info.IsDir() {
		if target, linkErr := r.Root().Readlink(name); linkErr == nil {
			return fmt.Sprintf("link to %q", target), nil
		}
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "no file", nil
	}
	key, err := filepath.Abs(filepath.Join(r.Dir(), filepath.FromSlash(name)))
	if err != nil {
		return "", err
	}
	now := remembered{Size: info.Size(), Time: info.ModTime().UnixNano()}
	if old, ok := h.known[key]; ok && old.Size == now.Size && old.Time == now.Time {
		return old.SHA256, nil
	}
	f, err := r.Root().Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	if err == nil && n != now.Size {
		err = errors.New("it changes while it is read")
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	now.SHA256 = hex.EncodeToString(sum.Sum(nil))
	if now.Size >= rememberFrom {
		h.known[key], h.dirty = now, true
	}
	return now.SHA256, nil
}
