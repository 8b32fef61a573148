package undo

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"

	"tritonsweep/internal/atomicfile"
)

// ConflictError says that somebody else changed a config during the run.
// Theirs is kept.
type ConflictError struct {
	Model  string
	Path   string // of the config
	Backup string // where the original lies
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s: changed by somebody else during the run; their file is kept (hint: the original is in %s)", e.Path, e.Backup)
}

// Write replaces a model's config by data. It notes the new hash in the journal
// first, and refuses with a ConflictError when the file is not as we left it.
func (j *Journal) Write(model string, data []byte) error {
	e := j.Entry(model)
	if e == nil {
		return fmt.Errorf("%s: not in the journal", model)
	}
	now, err := j.current(e)
	if err != nil {
		return err
	}
	sum := atomicfile.Sum(data)
	if now.SHA256 == sum {
		return nil
	}
	j.Touched = true
	if !slices.Contains(e.Written, sum) {
		e.Written = append(e.Written, sum)
	}
	if err := j.save(); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	if err := atomicfile.Replace(j.root, e.Original, data, false); err != nil {
		return fmt.Errorf("writing %s: %w", j.file(e), err)
	}
	return nil
}

// Restore puts every file of the journal back. It may be called any number of
// times, also after a process died inside it. Files that somebody else changed
// are left alone and returned as ConflictErrors; the others are restored.
func (j *Journal) Restore() error {
	var errs []error
	for i := range j.Files {
		if err := j.restore(&j.Files[i]); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (j *Journal) restore(e *Entry) error {
	now, err := j.current(e)
	if conflict := (*ConflictError)(nil); errors.As(err, &conflict) {
		// The journal may go once the original is safe beside it.
		return errors.Join(err, atomicfile.Write(conflict.Backup, e.Original.Data, 0o600))
	}
	if err != nil {
		return err
	}
	if len(now.Differences(e.Original)) > 0 && len(e.Written) > 0 {
		if err := atomicfile.Replace(j.root, e.Original, e.Original.Data, true); err != nil {
			return fmt.Errorf("restoring %s: %w", j.file(e), err)
		}
		if now, err = j.current(e); err != nil {
			return err
		}
	}
	if now.SHA256 != e.Original.SHA256 {
		return fmt.Errorf("restoring %s: the file differs after the write", j.file(e))
	}
	return j.sweepUp(e)
}

// current reads the file and refuses one that neither the original run nor we
// have written.
func (j *Journal) current(e *Entry) (atomicfile.Snapshot, error) {
	now, err := atomicfile.Read(j.root, e.Original.Name, maxConfig)
	if err != nil {
		return now, fmt.Errorf("reading model config: %w", err)
	}
	ours := now.SHA256 == e.Original.SHA256 || slices.Contains(e.Written, now.SHA256)
	if !ours || now.Target != e.Original.Target {
		return now, &ConflictError{Model: e.Model, Path: j.file(e), Backup: j.backup(e)}
	}
	return now, nil
}

// sweepUp removes the temporary files of a killed process beside the config.
func (j *Journal) sweepUp(e *Entry) error {
	left, err := atomicfile.Leftovers(j.root, path.Dir(e.Original.Target))
	for _, name := range left {
		err = errors.Join(err, j.root.Remove(name))
	}
	return err
}

// backup is where the original of a conflict is kept for its owner.
func (j *Journal) backup(e *Entry) string {
	return filepath.Join(filepath.Dir(j.path), j.Run+"."+e.Model+".config.pbtxt")
}

func (j *Journal) file(e *Entry) string {
	return filepath.Join(j.Repository, e.Original.Name)
}
