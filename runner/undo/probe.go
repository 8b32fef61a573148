package undo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"tritonsweep/internal/atomicfile"
)

// maxLinks is the most hard links of a config: replacing a file that has more
// names would part them.
const maxLinks = 1

// ErrHardLinks is returned by Probe for a file with several names.
var ErrHardLinks = errors.New("the file has several hard links, which a replacement would part (hint: give the model a copy of its own)")

// ErrMounted is returned by Probe for a config that is a mount of its own.
var ErrMounted = errors.New("the file is a mount point of its own, which cannot be replaced (hint: mount the repository's directory instead)")

// freeFactor is how many times its size must be free beside a config.
const freeFactor = 3

// Probe finds out, without changing the file, whether the config at name
// (relative to the locked repository) can be replaced and put back: it is
// writable, a file can be created and renamed beside it, and there is room.
func Probe(l *Lock, name string) error {
	root, err := os.OpenRoot(l.dir.Name())
	if err != nil {
		return err
	}
	defer root.Close()
	files, err := l.state.open(l.dir.Name())
	if err != nil {
		return err
	}
	defer files.Close()
	s, err := atomicfile.Read(files, name, maxConfig)
	if err != nil {
		return err
	}
	if s.Links > maxLinks {
		return fmt.Errorf("%s: %w", name, ErrHardLinks)
	}
	if s.Mode.Perm()&0o222 == 0 {
		return fmt.Errorf("%s: the file is read-only (mode %04o; hint: chmod u+w it, if it may be tuned): %w", name, s.Mode.Perm(), fs.ErrPermission)
	}
	// Opening to write also meets what modes do not show: a read-only mount, an
	// immutable file.
	f, err := root.OpenFile(s.Target, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("%w (hint: the config must be writable by this user)", err)
	}
	if err = notMounted(f); err == nil {
		err = room(f, int64(len(s.Data)))
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := atomicfile.Try(files, path.Dir(s.Target)); err != nil {
		return fmt.Errorf("trying to replace a file beside %s: %w", name, err)
	}
	return l.roomForState(int64(len(s.Data)))
}

// notMounted refuses a file that is a mount of its own: it cannot be renamed
// over, and a container that sees the old file would go on seeing it.
func notMounted(f *os.File) error {
	var stat unix.Statx_t
	if err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_BASIC_STATS, &stat); err != nil {
		return nil // kernels that cannot tell refuse the rename with EBUSY
	}
	if stat.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		return fmt.Errorf("%s: %w", f.Name(), ErrMounted)
	}
	return nil
}

// roomForState makes sure that the journal can be written.
func (l *Lock) roomForState(size int64) error {
	f, err := os.Open(l.state.dir)
	if err != nil {
		return err
	}
	return errors.Join(room(f, size+minimalState), f.Close())
}

// minimalState is what holders, notes and results of the guardian need.
const minimalState = 16 << 10

func room(f *os.File, size int64) error {
	var stat unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &stat); err != nil {
		return nil // file systems that cannot tell are tried instead
	}
	need := freeFactor*size + stat.Bsize
	if free := int64(stat.Bavail) * stat.Bsize; free < need {
		return fmt.Errorf("%s: only %d bytes are free, %d are needed: %w", f.Name(), free, need, unix.ENOSPC)
	}
	return nil
}
