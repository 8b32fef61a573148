package undo

import (
	"fmt"
	"os"
	"path/filepath"
)

// Below returns a state directory of its own below this one, for work on a
// private repository that is thrown away with its state.
func (s State) Below(name string) (State, error) {
	dir := filepath.Join(s.dir, filepath.FromSlash(name))
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return State{}, fmt.Errorf("state directory: %q leads out of %s", name, s.dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return State{}, fmt.Errorf("state directory: %w", err)
	}
	s.dir = dir
	return s, nil
}
