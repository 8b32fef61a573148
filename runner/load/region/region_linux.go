package region

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"tritonsweep/runner/flock"
)

// Region is mapped shared memory.
type Region struct {
	// Name is the file's; the key of other processes is "/" and it.
	Name string
	// Data is the memory, until Close.
	Data []byte
	path string
	file *os.File
}

// Free returns how many bytes a directory has room for, 0 where that is not known.
func Free(dir string) int64 {
	var system unix.Statfs_t
	if unix.Statfs(dir, &system) != nil {
		return 0
	}
	return int64(system.Bavail) * int64(system.Bsize)
}

// Create makes a region of so many bytes, all of them there: a write to memory
// that a full file system cannot give would end the process.
func Create(dir string, size int64) (_ *Region, err error) {
	size = max(size, 1)
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("shared memory: %w", err)
	}
	if free := Free(dir); size > free {
		return nil, &SpaceError{dir, size, free}
	}
	r := &Region{}
	if err := r.make(dir); err != nil {
		return nil, fmt.Errorf("making shared memory: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("making shared memory: %w", err), r.Close())
		}
	}()
	if err := unix.Fallocate(int(r.file.Fd()), 0, 0, size); err != nil {
		return nil, err
	}
	r.Data, err = unix.Mmap(int(r.file.Fd()), 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return r, err
}

// make creates the file and locks it. One that a reaper took in between is made
// again.
func (r *Region) make(dir string) error {
	for range 100 {
		r.Name = Prefix + strings.ToLower(rand.Text()[:12])
		r.path = filepath.Join(dir, r.Name)
		file, err := os.OpenFile(r.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		} else if err != nil {
			return err
		}
		if flock.Try(file, r.path) == nil {
			r.file = file
			return nil
		}
		file.Close()
	}
	return errors.New("every file was taken away")
}

// Write copies data into the region.
func (r *Region) Write(at int64, data []byte) error {
	copy(r.Data[at:at+int64(len(data))], data)
	return nil
}

// View returns a part of the region, until Close.
func (r *Region) View(at, size int64) ([]byte, error) { return r.Data[at : at+size], nil }

// Fill sets every byte of a part.
func (r *Region) Fill(at, size int64, value byte) error {
	part := r.Data[at : at+size]
	for i := range part {
		part[i] = value
	}
	return nil
}

// Close removes the region. Who has mapped it keeps the memory until unmapping it.
func (r *Region) Close() error {
	if r.file == nil {
		return nil
	}
	var errs []error
	if r.Data != nil {
		errs = append(errs, unix.Munmap(r.Data))
	}
	if err := os.Remove(r.path); !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	errs = append(errs, r.file.Close())
	r.file, r.Data = nil, nil
	return errors.Join(errs...)
}

// Reap removes the regions whose owners have ended, and returns their names.
// Those of other users stay.
func Reap(dir string) (names []string, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, Prefix+"*"))
	for _, path := range paths {
		file, openErr := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
		if openErr != nil {
			continue // gone meanwhile, or somebody else's
		}
		if flock.Try(file, path) == nil {
			if removed := os.Remove(path); removed == nil {
				names = append(names, filepath.Base(path))
			} else if !errors.Is(removed, fs.ErrNotExist) {
				err = errors.Join(err, removed)
			}
		}
		file.Close()
	}
	return names, err
}

// Exists reports whether a region of a name is there.
func Exists(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, filepath.Base(name)))
	return err == nil
}
