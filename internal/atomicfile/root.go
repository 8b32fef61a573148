package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Root is a directory and what lies below it, with the few calls that this
// package makes: each is one thing that can fail, or after which the machine can
// lose its power. Package faultfs has roots on which that happens. Names are
// relative and cannot lead out.
type Root interface {
	Name() string
	// Open opens a file for reading.
	Open(name string) (File, error)
	// Create opens a new file for writing, readable by its owner alone.
	Create(name string) (File, error)
	Lstat(name string) (fs.FileInfo, error)
	Readlink(name string) (string, error)
	ReadDir(name string) ([]fs.DirEntry, error)
	Rename(from, to string) error
	// Exchange lets two names of one directory swap their files in one step, or
	// fails with errors.ErrUnsupported where the file system cannot.
	Exchange(a, b string) error
	Remove(name string) error
	Chtimes(name string, access, modified time.Time) error
	// SyncDir makes the names in a directory durable.
	SyncDir(name string) error
	Close() error
}

// File is an open file of a Root.
type File interface {
	io.ReadWriteCloser
	Stat() (fs.FileInfo, error)
	// Xattrs returns the extended attributes, ACLs and security labels included.
	Xattrs() (map[string][]byte, error)
	SetXattr(name string, value []byte) error
	RemoveXattr(name string) error
	Chmod(mode fs.FileMode) error
	Chown(uid, gid int) error
	// Sync makes the content and the attributes durable.
	Sync() error
}

// Open opens a directory of this machine.
func Open(dir string) (Root, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return disk{root}, nil
}

// disk is the real thing: an os.Root, which holds every name inside it.
type disk struct{ *os.Root }

func (d disk) Open(name string) (File, error) {
	f, err := d.Root.Open(name)
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

func (d disk) Create(name string) (File, error) {
	f, err := d.Root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

func (d disk) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(d.FS(), name) }

func (d disk) SyncDir(name string) error {
	f, err := d.Root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Exchange implements Root with renameat2 in the directory itself, which was
// found inside the root.
func (d disk) Exchange(a, b string) error {
	dir := path.Dir(a)
	if path.Dir(b) != dir {
		return fmt.Errorf("exchanging %s and %s: not in one directory", a, b)
	}
	f, err := d.Root.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	at := int(f.Fd())
	err = unix.Renameat2(at, path.Base(a), at, path.Base(b), unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("exchanging %s and %s: %w", a, b, errors.ErrUnsupported)
	}
	if err != nil {
		return &os.LinkError{Op: "exchange", Old: a, New: b, Err: err}
	}
	return nil
}

// file is an open file of the disk.
type file struct{ *os.File }

func (f file) SetXattr(name string, value []byte) error {
	return unix.Fsetxattr(int(f.Fd()), name, value, 0)
}

func (f file) RemoveXattr(name string) error { return unix.Fremovexattr(int(f.Fd()), name) }

func (f file) Xattrs() (map[string][]byte, error) {
	size, err := unix.Flistxattr(int(f.Fd()), nil)
	if errors.Is(err, unix.ENOTSUP) || size == 0 && err == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list := make([]byte, size)
	if size, err = unix.Flistxattr(int(f.Fd()), list); err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for name := range strings.SplitSeq(strings.TrimRight(string(list[:size]), "\x00"), "\x00") {
		value := make([]byte, 64<<10) // the kernel's limit for one value
		n, err := unix.Fgetxattr(int(f.Fd()), name, value)
		if err != nil {
			return nil, err
		}
		out[name] = value[:n:n]
	}
	return out, nil
}
