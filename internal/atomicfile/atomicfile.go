// Package atomicfile replaces files so that a reader, and a machine that loses
// power, sees either the whole old content or the whole new one: temporary file
// in the same directory, fsync, rename, fsync of the directory.
//
// Two kinds of callers use it. State files of tritonsweep are written by path
// (Write). Files that belong to somebody else are read into a Snapshot, and
// Replace keeps their mode, owner, extended attributes and symbolic link; it
// works below an os.Root, so that no name can lead out of the directory that
// the user named.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// tempMark is in the name of every temporary file, so that leftovers of a
// killed process can be recognised (Leftovers).
const tempMark = ".tritonsweep-"

// Write replaces the file at name with data. The directory must exist.
func Write(name string, data []byte, perm fs.FileMode) error {
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer root.Close()
	return replace(root, filepath.Base(name), data, func(f *os.File) error {
		return f.Chmod(perm)
	})
}

// Replace replaces the content of the file that s describes, below root, and
// gives the new file s's mode, owner, extended attributes and, when times is
// set, its modification time. A symbolic link stays: its target is replaced.
func Replace(root *os.Root, s Snapshot, data []byte, times bool) error {
	err := replace(root, s.Target, data, s.imprint)
	if err != nil || !times {
		return err
	}
	return root.Chtimes(s.Target, time.Time{}, s.ModTime)
}

// Remove deletes a file and makes the deletion durable. A file that is not
// there is no error.
func Remove(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer root.Close()
	return syncDir(root, ".")
}

// Leftovers returns the temporary files that killed processes left in dir,
// relative to root.
func Leftovers(root *os.Root, dir string) ([]string, error) {
	entries, err := fs.ReadDir(root.FS(), dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") && strings.Contains(e.Name(), tempMark) {
			names = append(names, path.Join(dir, e.Name()))
		}
	}
	return names, nil
}

func replace(root *os.Root, name string, data []byte, imprint func(*os.File) error) (err error) {
	temp := path.Join(path.Dir(name), "."+path.Base(name)+tempMark+rand.Text()[:8])
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = root.Remove(temp) // best effort; Leftovers finds it otherwise
		}
	}()
	if err := fill(f, data, imprint); err != nil {
		return fmt.Errorf("writing %s: %w", temp, err)
	}
	if err := root.Rename(temp, name); err != nil {
		return err
	}
	return syncDir(root, path.Dir(name))
}

// fill writes and syncs f and closes it in every case. Attributes come before
// the sync, so that they are durable together with the bytes.
func fill(f *os.File, data []byte, imprint func(*os.File) error) error {
	_, err := f.Write(data)
	if err == nil {
		err = imprint(f)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(root *os.Root, name string) error {
	d, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Try creates, renames and removes a file in dir, to learn whether Replace can
// work there.
func Try(root *os.Root, dir string) error {
	name := path.Join(dir, ".probe"+tempMark+rand.Text()[:8])
	err := replace(root, name, []byte("probe"), func(*os.File) error { return nil })
	if err != nil {
		return err
	}
	return root.Remove(name)
}
