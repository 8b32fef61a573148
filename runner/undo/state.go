package undo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// StateEnv names the environment variable that overrides the state directory.
const StateEnv = "TRITONSWEEP_STATE"

// State is the directory in which locks and journals lie.
type State struct{ dir string }

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
	return State{dir}, nil
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
