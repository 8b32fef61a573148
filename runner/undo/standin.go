package undo

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// standIns is the directory of the state in which the stand-ins lie.
const standIns = "tritonsweep-servers"

// Server returns the stand-in for a server whose repository cannot be seen from
// here: a directory of the state that is locked in the repository's place. It
// comes and goes with the lock. The name is the server's address or container.
func (s State) Server(name string) string {
	name = strings.Replace(name, "localhost:", "127.0.0.1:", 1)
	return filepath.Join(s.dir, standIns, url.PathEscape(name))
}

// Name is what people call what is locked: the repository, or the server that a
// stand-in stands for.
func Name(repository string) string {
	if filepath.Base(filepath.Dir(repository)) != standIns {
		return repository
	}
	name, err := url.PathUnescape(filepath.Base(repository))
	if err != nil {
		return repository
	}
	return "the server " + name
}

// standsIn reports whether a directory is one of our stand-ins.
func (s State) standsIn(dir string) bool {
	if filepath.Base(filepath.Dir(dir)) != standIns {
		return false
	}
	above, err := os.Stat(filepath.Dir(filepath.Dir(dir)))
	own, ownErr := os.Stat(s.dir)
	return err == nil && ownErr == nil && os.SameFile(above, own)
}

// standUp makes the directory when it is a stand-in.
func (s State) standUp(dir string) error {
	if !s.standsIn(dir) {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return s.vanished(dir, fmt.Errorf("locking %s: %w", Name(dir), err))
	}
	return nil
}

// standDown removes the directory when it is a stand-in. The caller holds its
// lock; who opened it meanwhile finds that the name leads elsewhere.
func (s State) standDown(dir string) {
	if s.standsIn(dir) {
		_ = os.Remove(dir)               // one that stays is taken again
		_ = os.Remove(filepath.Dir(dir)) // fails while others are in it
	}
}

// vanished turns the absence of a stand-in into errVanished.
func (s State) vanished(dir string, err error) error {
	if errors.Is(err, fs.ErrNotExist) && s.standsIn(dir) {
		return errVanished
	}
	return err
}
