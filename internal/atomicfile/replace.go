package atomicfile

import (
	"errors"
	"fmt"
	"path"
)

// ErrForeign is returned by Replace for a file that was edited between the last
// look at it and the replacement. It is back in its place.
var ErrForeign = errors.New("the file was edited by somebody else at this moment")

// mostOld bounds what is read of a file that somebody else put there.
const mostOld = 1 << 30

// Replacement says what Replace shall do.
type Replacement struct {
	// File is the file as it was found: its name, and the mode, owner and
	// attributes that it keeps.
	File Snapshot
	Data []byte
	// Times gives the new file the times of File as well.
	Times bool
	// Ours tells the contents, by their hash, that may be overwritten.
	Ours func(sum string) bool
}

// Replace replaces the content of a file. A symbolic link stays: its target is
// replaced.
//
// The new file and the old one are exchanged in one step, and the old one is
// looked at where it came out: an edit in the gap between a check and a rename
// would be lost otherwise. Where the file system cannot exchange, the gap is
// one system call wide.
func Replace(root Root, r Replacement) error {
	name := r.File.Target
	temp, err := prepare(root, r)
	if err != nil {
		return err
	}
	switch err = root.Exchange(temp, name); {
	case errors.Is(err, errors.ErrUnsupported):
		return replaceByRename(root, temp, r)
	case err != nil:
		_ = root.Remove(temp) // best effort; Leftovers finds it otherwise
		return err
	}
	if err := r.expectOurs(root, temp); err != nil {
		return errors.Join(err, PutBack(root, temp, r))
	}
	if err := root.SyncDir(path.Dir(name)); err != nil {
		return err
	}
	return root.Remove(temp)
}

// prepare makes the whole new file beside the old one and returns its name.
func prepare(root Root, r Replacement) (string, error) {
	part, whole := tempName(r.File.Target, writing), tempName(r.File.Target, ready)
	err := fill(root, part, r.Data, func(f File) error {
		if err := r.File.imprint(f); err != nil || !r.Times {
			return err
		}
		return root.Chtimes(part, r.File.AccessTime, r.File.ModTime)
	})
	if err == nil {
		err = root.Rename(part, whole)
	}
	if err != nil {
		_ = root.Remove(part)
		return "", err
	}
	return whole, nil
}

func replaceByRename(root Root, temp string, r Replacement) error {
	err := r.expectOurs(root, r.File.Target)
	if err == nil {
		err = root.Rename(temp, r.File.Target)
	}
	if err != nil {
		_ = root.Remove(temp)
		return err
	}
	return root.SyncDir(path.Dir(r.File.Target))
}

// expectOurs reads a file that is about to vanish.
func (r Replacement) expectOurs(root Root, name string) error {
	old, err := Read(root, name, mostOld)
	if err != nil {
		return fmt.Errorf("looking at the old file: %w", err)
	}
	if !r.Ours(old.SHA256) {
		return fmt.Errorf("%s: %w", r.File.Name, ErrForeign)
	}
	return nil
}

// PutBack brings the file that lies at temp, where an exchange left it, back to
// its place, and removes what it takes the place of, if that is ours. Should
// yet another edit have come in between, that one stays, and the older one
// remains at temp.
func PutBack(root Root, temp string, r Replacement) error {
	name := r.File.Target
	if err := root.Exchange(temp, name); err != nil {
		return fmt.Errorf("putting the file back: %w", err)
	}
	out, err := Read(root, temp, mostOld)
	if err != nil {
		return err
	}
	if r.Ours(out.SHA256) {
		return errors.Join(root.SyncDir(path.Dir(name)), root.Remove(temp))
	}
	return errors.Join(root.Exchange(temp, name), root.SyncDir(path.Dir(name)))
}
