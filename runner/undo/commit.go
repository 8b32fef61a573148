package undo

import (
	"errors"
	"fmt"

	"tritonsweep/internal/atomicfile"
)

// Commit decides, durably and in one step, that what was written stays: from
// here on a recovery completes the change, where until then it takes it back.
func (j *Journal) Commit(change Applied) error {
	j.Phase, j.Stays = Committed, &change
	if err := j.save(); err != nil {
		j.Phase, j.Stays = Armed, nil
		return fmt.Errorf("writing the journal: %w", err)
	}
	return nil
}

// Conclude ends a committed journal: the history tells of the change, and the
// journal goes. It may be called any number of times, also after a process died
// inside it.
func (j *Journal) Conclude(l *Lock) error {
	stays := false
	for i := range j.Files {
		e := &j.Files[i]
		if err := j.tidy(e); err != nil {
			return errors.Join(err, j.Close())
		}
		// A commit that was reported as failed, though it reached the disk, was
		// followed by a restore: then there is nothing to tell.
		now, err := atomicfile.Read(j.root, e.Original.Name, maxConfig)
		stays = stays || err != nil || now.SHA256 != e.Original.SHA256
	}
	if stays && j.Stays != nil {
		if err := Remember(l, *j.Stays); err != nil {
			return errors.Join(fmt.Errorf("keeping the history: %w", err), j.Close())
		}
	}
	return j.Finish()
}
