package undo

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	"tritonsweep/internal/atomicfile"
)

// configName is the last element of a kept original's name.
const configName = "config.pbtxt"

// Write replaces a model's config by data. It notes the new hash in the journal
// first, and refuses with a ConflictError when the file is not as we left it.
func (j *Journal) Write(model string, data []byte) error {
	e := j.Entry(model)
	if e == nil {
		return fmt.Errorf("%s: not in the journal", model)
	}
	if err := j.inPlace(e); err != nil {
		return err
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
	if err := j.replace(e, data, false); err != nil {
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
	if err := j.inPlace(e); err != nil {
		return j.keep(e, err)
	}
	if err := j.tidy(e); err != nil {
		return err
	}
	now, err := j.current(e)
	if err != nil {
		return j.keep(e, err)
	}
	if len(now.Differences(e.Original)) > 0 && len(e.Written) > 0 {
		if err := j.replace(e, e.Original.Data, true); err != nil {
			return j.keep(e, fmt.Errorf("restoring %s: %w", j.file(e), err))
		}
		if now, err = j.current(e); err != nil {
			return j.keep(e, err)
		}
	}
	if now.SHA256 != e.Original.SHA256 {
		return fmt.Errorf("restoring %s: the file differs after the write", j.file(e))
	}
	return nil
}

// keep makes sure that the original of a conflict is safe for its owner: the
// journal may go then.
func (j *Journal) keep(e *Entry, err error) error {
	if conflict := (*ConflictError)(nil); !errors.As(err, &conflict) {
		return err
	}
	e.Conflict = true
	if kept, readErr := os.ReadFile(j.backup(e)); readErr == nil && atomicfile.Sum(kept) == e.Original.SHA256 {
		return err
	}
	return errors.Join(err, j.state.write(filepath.Base(j.backup(e)), e.Original.Data))
}

// replace puts data in the place of a file that is the original or ours.
func (j *Journal) replace(e *Entry, data []byte, times bool) error {
	err := atomicfile.Replace(j.root, j.replacement(e, data, times))
	if errors.Is(err, atomicfile.ErrForeign) {
		return errors.Join(j.conflict(e, ""), onlyOthers(err))
	}
	return err
}

func (j *Journal) replacement(e *Entry, data []byte, times bool) atomicfile.Replacement {
	return atomicfile.Replacement{File: e.Original, Data: data, Times: times, Ours: e.ours}
}

// onlyOthers returns what err joins besides ErrForeign.
func onlyOthers(err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	var rest []error
	for _, part := range joined.Unwrap() {
		if !errors.Is(part, atomicfile.ErrForeign) {
			rest = append(rest, part)
		}
	}
	return errors.Join(rest...)
}

// ours reports whether a content is the original or was written by us.
func (e *Entry) ours(sum string) bool {
	return sum == e.Original.SHA256 || slices.Contains(e.Written, sum)
}

// current reads the file and refuses one that neither the original run nor we
// have written.
func (j *Journal) current(e *Entry) (atomicfile.Snapshot, error) {
	now, err := atomicfile.Read(j.root, e.Original.Name, maxConfig)
	if err != nil {
		return now, fmt.Errorf("reading model config: %w", err)
	}
	if !e.ours(now.SHA256) || now.Target != e.Original.Target {
		return now, j.conflict(e, "")
	}
	return now, nil
}

// tidy removes the temporary files of a killed process beside the config. One
// that died in an exchange may have put somebody else's edit out of its place:
// that goes back, or, when the place was taken again, into the state directory.
func (j *Journal) tidy(e *Entry) error {
	left, err := atomicfile.Leftovers(j.root, path.Dir(e.Original.Target))
	if err != nil {
		return err
	}
	for _, l := range left {
		if l.Whole {
			file, readErr := atomicfile.Read(j.root, l.Name, maxConfig)
			if readErr == nil && !j.known(file.SHA256) {
				err = errors.Join(err, j.bringBack(e, l.Name, file.Data))
				continue
			}
		}
		err = errors.Join(err, j.root.Remove(l.Name))
	}
	return err
}

// known reports whether a content is that of any file of the journal.
func (j *Journal) known(sum string) bool {
	return slices.ContainsFunc(j.Files, func(e Entry) bool { return e.ours(sum) })
}

func (j *Journal) bringBack(e *Entry, temp string, data []byte) error {
	if _, err := j.current(e); err == nil {
		return atomicfile.PutBack(j.root, temp, j.replacement(e, nil, false))
	}
	if err := j.state.write(j.Run+"."+e.Model+".theirs."+configName, data); err != nil {
		return err
	}
	return j.root.Remove(temp)
}

// sweepUp removes our temporary files where nothing was written.
func (j *Journal) sweepUp(e *Entry) error {
	if j.root == nil {
		return nil
	}
	left, err := atomicfile.Leftovers(j.root, path.Dir(e.Original.Target))
	for _, l := range left {
		if !l.Whole {
			err = errors.Join(err, j.root.Remove(l.Name))
		}
	}
	return err
}

// backup is where the original is kept for people.
func (j *Journal) backup(e *Entry) string {
	return filepath.Join(filepath.Dir(j.path), j.Run+"."+e.Model+"."+configName)
}

func (j *Journal) file(e *Entry) string {
	return filepath.Join(j.Repository, e.Original.Name)
}
