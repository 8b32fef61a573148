// Package faultfs has file systems on which things go wrong, for tests of what
// must survive it. Each wraps roots of the real disk:
//
//   - Faults counts the calls that change or sync something, and lets the N-th
//     fail with an error, fall short, or kill the process;
//   - Recorder writes down every such call, and then makes directories as they
//     may look after the power went away at a moment (crash.go).
//
// An exhaustive test runs once without faults to learn how many calls there
// are, and then once for each of them.
package faultfs

import (
	"io/fs"
	"time"

	"tritonsweep/internal/atomicfile"
)

// hook is asked before every call that changes or syncs something. It may let
// the call fail, or do only a part of it.
type hook interface {
	before(op, name string) error
	// write is asked before data is written, and returns how much of it may be.
	write(name string, data []byte) (int, error)
}

// root lets a hook see the calls of another root.
type root struct {
	atomicfile.Root
	hook hook
}

func (r root) Create(name string) (atomicfile.File, error) {
	if err := r.hook.before("create", name); err != nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: err}
	}
	f, err := r.Root.Create(name)
	if err != nil {
		return nil, err
	}
	return file{f, name, r.hook}, nil
}

func (r root) call(op, name string, do func() error) error {
	if err := r.hook.before(op, name); err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	return do()
}

func (r root) Rename(from, to string) error {
	return r.call("rename", to, func() error { return r.Root.Rename(from, to) })
}

func (r root) Exchange(a, b string) error {
	return r.call("exchange", b, func() error { return r.Root.Exchange(a, b) })
}

func (r root) Remove(name string) error {
	return r.call("remove", name, func() error { return r.Root.Remove(name) })
}

func (r root) Chtimes(name string, access, modified time.Time) error {
	return r.call("chtimes", name, func() error { return r.Root.Chtimes(name, access, modified) })
}

func (r root) SyncDir(name string) error {
	return r.call("syncdir", name, func() error { return r.Root.SyncDir(name) })
}

// file lets a hook see the calls of a file that is written.
type file struct {
	atomicfile.File
	name string
	hook hook
}

func (f file) Write(data []byte) (int, error) {
	most, err := f.hook.write(f.name, data)
	n, writeErr := f.File.Write(data[:most])
	if err == nil {
		err = writeErr
	}
	return n, err
}

func (f file) call(op string, do func() error) error {
	if err := f.hook.before(op, f.name); err != nil {
		return &fs.PathError{Op: op, Path: f.name, Err: err}
	}
	return do()
}

func (f file) Sync() error { return f.call("sync", f.File.Sync) }

func (f file) Chmod(mode fs.FileMode) error {
	return f.call("chmod", func() error { return f.File.Chmod(mode) })
}

func (f file) Chown(uid, gid int) error {
	return f.call("chown", func() error { return f.File.Chown(uid, gid) })
}

func (f file) SetXattr(name string, value []byte) error {
	return f.call("setxattr", func() error { return f.File.SetXattr(name, value) })
}
