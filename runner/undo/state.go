package undo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tritonsweep/internal/atomicfile"
)

// StateEnv names the environment variable that overrides the state directory.
const StateEnv = "TRITONSWEEP_STATE"

// State is the directory in which locks and journals lie.
type State struct {
	dir    string
	open   func(dir string) (atomicfile.Root, error)
	shared bool // locks may be taken where the kernel cannot prove them
}

// Through returns the state with another way to reach the disk: every file of
// the state and of a repository is then opened through it. Tests let calls fail.
func (s State) Through(open func(dir string) (atomicfile.Root, error)) State {
	s.open = open
	return s
}

// Shared returns the state for somebody who knows that nobody else sweeps a
// repository on a network file system, where a lock proves nothing.
func (s State) Shared() State {
	s.shared = true
	return s
}

// write replaces the state file of that name.
func (s State) write(base string, data []byte) error {
	root, err := s.open(s.dir)
	if err != nil {
		return err
	}
	return errors.Join(atomicfile.WriteIn(root, base, data, 0o600), root.Close())
}

// tidy removes what killed processes left half-written for these beginnings of
// names. The caller holds the lock under which they are written.
func (s State) tidy(beginnings ...string) error {
	root, err := s.open(s.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	left, err := atomicfile.Leftovers(root, ".")
	for _, l := range left {
		for _, b := range beginnings {
			if strings.HasPrefix(l.Name, "."+b) {
				err = errors.Join(err, root.Remove(l.Name))
			}
		}
	}
	return err
}

// remove deletes the state file of that name, if there is one.
func (s State) remove(base string) error {
	root, err := s.open(s.dir)
	if err != nil {
		return err
	}
	return errors.Join(atomicfile.RemoveIn(root, base), root.Close())
}

// OpenState creates, if need be, and checks the state directory: that of
// StateEnv, else tritonsweep below XDG_STATE_HOME, else ~/.local/state/tritonsweep.
func OpenState() (State, error) {
	dir := os.Getenv(StateEnv)
	if dir == "" {
		base := os.Getenv("XDG_STATE_HOME")
		if base == "" {
			home, err := os.UserHomeDir()
			if err != nil {
				return State{}, fmt.Errorf("finding the state directory: %w (hint: set %s)", err, StateEnv)
			}
			base = filepath.Join(home, ".local", "state")
		}
		dir = filepath.Join(base, "tritonsweep")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return State{}, fmt.Errorf("state directory: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return State{}, fmt.Errorf("state directory: %w (hint: set %s to a directory that you may write)", err, StateEnv)
	}
	return State{dir: dir, open: atomicfile.Open}, nil
}

// Dir returns the absolute path of the directory.
func (s State) Dir() string { return s.dir }

// Outside returns an error when the state directory lies in the repository.
func (s State) Outside(repository string) error {
	state, err := filepath.EvalSymlinks(s.dir)
	if err != nil {
		return err
	}
	if repository, err = filepath.EvalSymlinks(repository); err != nil {
		return err
	}
	rel, err := filepath.Rel(repository, state)
	if err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return fmt.Errorf("state directory %s lies in the model repository, where it would stop Triton (hint: set %s)", s.dir, StateEnv)
	}
	return nil
}
