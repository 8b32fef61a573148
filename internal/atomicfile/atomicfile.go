// Package atomicfile replaces files so that a reader, and a machine that loses
// power, sees either the whole old content or the whole new one: temporary file
// in the same directory, fsync, exchange or rename, fsync of the directory.
//
// Two kinds of callers use it. State files of tritonsweep are simply written
// (Write). Files that belong to somebody else are read into a Snapshot, and
// Replace keeps their mode, owner, extended attributes and symbolic link, and
// notices when they were edited at the last moment; it works below a Root, so
// that no name can lead out of the directory that the user named.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
)

// The names of temporary files tell a later process what they hold, so that it
// can clean up after a killed one (Leftovers).
const (
	tempMark = ".tritonsweep-"
	// writing marks a file that may hold only a part of what was to be written.
	writing = "w-"
	// ready marks a whole file: the new one before the exchange, the old one
	// after it.
	ready = "x-"
	// reserved marks a file that only keeps space free (Reserve).
	reserved = "r-"
)

// Write replaces the file at name with data. The directory must exist.
func Write(name string, data []byte, perm fs.FileMode) error {
	root, err := Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(WriteIn(root, filepath.Base(name), data, perm), root.Close())
}

// WriteIn is Write below a root.
func WriteIn(root Root, name string, data []byte, perm fs.FileMode) error {
	temp := tempName(name, writing)
	err := fill(root, temp, data, func(f File) error { return f.Chmod(perm) })
	if err == nil {
		err = root.Rename(temp, name)
	}
	if err != nil {
		_ = root.Remove(temp) // best effort; Leftovers finds it otherwise
		return err
	}
	return root.SyncDir(path.Dir(name))
}

// Remove deletes a file and makes the deletion durable. A file that is not
// there is no error.
func Remove(name string) error {
	root, err := Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(RemoveIn(root, filepath.Base(name)), root.Close())
}

// RemoveIn is Remove below a root.
func RemoveIn(root Root, name string) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return root.SyncDir(path.Dir(name))
}

// Leftover is a temporary file that a killed process left.
type Leftover struct {
	Name string // relative to the root
	// Whole tells that the file is complete. It then holds the new content, or,
	// when the process died in the exchange, what it put out of its place.
	Whole bool
}

// Leftovers returns the temporary files that killed processes left in dir,
// relative to root.
func Leftovers(root Root, dir string) ([]Leftover, error) {
	entries, err := root.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []Leftover
	for _, e := range entries {
		_, kind, ours := strings.Cut(e.Name(), tempMark)
		if strings.HasPrefix(e.Name(), ".") && ours {
			out = append(out, Leftover{path.Join(dir, e.Name()), strings.HasPrefix(kind, ready)})
		}
	}
	return out, nil
}

// Reserve keeps size bytes free beside the file name, until the returned name
// is removed.
func Reserve(root Root, name string, size int) (string, error) {
	temp := tempName(name, reserved)
	err := fill(root, temp, make([]byte, size), func(File) error { return nil })
	if err != nil {
		_ = root.Remove(temp)
		return "", fmt.Errorf("reserving space: %w", err)
	}
	return temp, nil
}

// Try creates, renames and removes a file in dir, to learn whether Replace can
// work there.
func Try(root Root, dir string) error {
	name := path.Join(dir, ".probe"+tempMark+writing+rand.Text()[:8])
	if err := WriteIn(root, name, []byte("probe"), 0o600); err != nil {
		return err
	}
	return root.Remove(name)
}

func tempName(name, kind string) string {
	return path.Join(path.Dir(name), "."+path.Base(name)+tempMark+kind+rand.Text()[:8])
}

// fill makes a new file that is durable in every way but its name. Attributes
// come before the sync, so that they are durable together with the bytes.
func fill(root Root, name string, data []byte, imprint func(File) error) error {
	f, err := root.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = imprint(f)
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}
