// Package flock takes the kernel's advisory locks on files and directories. Such a
// lock dies with its process, however that ends, so it tells whose owner is gone
// without comparing process identifiers.
//
// What is locked may be removed, and made anew under its name, by whoever held it
// before. So a lock counts only while its name still leads to what was locked.
package flock

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// ErrHeld says that somebody else holds the lock.
var ErrHeld = errors.New("somebody else holds the lock")

// ErrGone says that the path leads elsewhere or nowhere by now. The lock that was
// taken goes when the file is closed.
var ErrGone = errors.New("what was to be locked has gone")

// Try locks an open file or directory against everybody else, or fails at once.
// path is where it was opened.
func Try(f *os.File, path string) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return ErrHeld
		case err != nil:
			return err
		case !leadsTo(path, f):
			return ErrGone
		}
		return nil
	}
}

func leadsTo(path string, f *os.File) bool {
	named, err := os.Stat(path)
	opened, openErr := f.Stat()
	return err == nil && openErr == nil && os.SameFile(named, opened)
}
