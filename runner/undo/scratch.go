package undo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tritonsweep/runner/flock"
)

// scratches is the directory of the state in which throw-away directories lie.
const scratches = "scratch"

// Scratch makes a directory for as long as this process lives. Like a repository
// it is locked by the kernel, so that whoever comes later sees that its process
// has ended and removes it (Reap). remove does that in time.
func (s State) Scratch() (dir string, remove func() error, err error) {
	for {
		above := filepath.Join(s.dir, scratches)
		if err := os.MkdirAll(above, 0o700); err != nil {
			return "", nil, fmt.Errorf("making a scratch directory: %w", err)
		}
		dir, err := os.MkdirTemp(above, "")
		if errors.Is(err, fs.ErrNotExist) {
			continue // the last one was just removed
		}
		if err != nil {
			return "", nil, fmt.Errorf("making a scratch directory: %w", err)
		}
		held, err := hold(dir)
		if err != nil {
			return "", nil, err
		}
		if held == nil {
			continue // it was taken for a dead one's, before it was locked
		}
		return dir, func() error { return s.removeScratch(dir, held) }, nil
	}
}

// Reap removes the scratch directories of processes that have ended.
func (s State) Reap() error {
	entries, err := os.ReadDir(filepath.Join(s.dir, scratches))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		dir := filepath.Join(s.dir, scratches, e.Name())
		held, holdErr := hold(dir)
		if holdErr != nil {
			err = errors.Join(err, holdErr)
		} else if held != nil {
			err = errors.Join(err, s.removeScratch(dir, held))
		}
	}
	if err != nil {
		return fmt.Errorf("removing what a killed run left behind: %w", err)
	}
	return nil
}

func (s State) removeScratch(dir string, held *os.File) error {
	err := errors.Join(os.RemoveAll(dir), held.Close())
	_ = os.Remove(filepath.Dir(dir)) // fails while others are in it
	return err
}

// hold locks a directory. It returns nil when somebody else holds it, or when it
// went away.
func hold(dir string) (*os.File, error) {
	f, err := os.Open(dir) // close-on-exec: no child inherits the lock
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	err = flock.Try(f, dir)
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, flock.ErrHeld), errors.Is(err, flock.ErrGone):
		return nil, f.Close()
	}
	return nil, errors.Join(fmt.Errorf("locking %s: %w", dir, err), f.Close())
}

// Running reports whether somebody holds the repository of a journal: its run,
// which has not ended, or who restores it just now.
func (d Document) Running() bool {
	f, err := os.Open(d.Repository)
	if err != nil {
		return false
	}
	defer f.Close() // and the lock, if it was free
	return errors.Is(flock.Try(f, d.Repository), flock.ErrHeld)
}
