package undo

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
)

// ConflictError says that somebody else changed a config during the run.
// Theirs is kept.
type ConflictError struct {
	Model  string
	Path   string // of the config
	Backup string // where the original lies
	What   string // happened; "" is an edit
}

func (e *ConflictError) Error() string {
	what := cmp.Or(e.What, "changed by somebody else during the run; their file is kept")
	return fmt.Sprintf("%s: %s (hint: the original is in %s)", e.Path, what, e.Backup)
}

func (j *Journal) conflict(e *Entry, what string) error {
	return &ConflictError{Model: e.Model, Path: j.file(e), Backup: j.backup(e), What: what}
}

// look finds the directories in which the files lie.
func (j *Journal) look() (map[string]os.FileInfo, error) {
	places := map[string]os.FileInfo{}
	for i := range j.Files {
		dir := j.place(&j.Files[i])
		info, err := os.Stat(dir)
		if err != nil {
			return nil, err
		}
		places[dir] = info
	}
	return places, nil
}

// place is the directory of a file, by the name that everybody else uses.
func (j *Journal) place(e *Entry) string {
	return filepath.Dir(filepath.Join(j.Repository, filepath.FromSlash(e.Original.Target)))
}

// inPlace refuses to go on when the directory is another one than at the
// beginning: nothing of ours belongs there. A later process cannot know; it
// goes by the content.
func (j *Journal) inPlace(e *Entry) error {
	before, known := j.places[j.place(e)]
	if !known {
		return nil
	}
	now, err := os.Stat(j.place(e))
	switch {
	case err != nil:
		return j.conflict(e, fmt.Sprintf("the model's directory is gone (%v); nothing is written", err))
	case !os.SameFile(before, now):
		return j.conflict(e, "the model's directory was replaced during the run; the new one is left alone")
	}
	return nil
}
