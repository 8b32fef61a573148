package results

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What can be wrong with a results file, for errors.Is. Lacking permission is
// fs.ErrPermission, a missing file fs.ErrNotExist.
var (
	ErrBusy      = errors.New("another program is writing to it")
	ErrFull      = errors.New("no space left")
	ErrCorrupt   = errors.New("the file is damaged")
	ErrNewer     = errors.New("written by a newer tritonsweep")
	ErrOlder     = errors.New("written by an older tritonsweep")
	ErrForeign   = errors.New("not a results file")
	ErrNoRun     = errors.New("no such run")
	ErrAmbiguous = errors.New("several runs begin like this")
	ErrDuplicate = errors.New("there is another one of this name")
)

// StoreError is an error of a Store.
type StoreError struct {
	Op   string // what was being done, for example "appending record 3 of run X"
	Path string // of the results file
	Hint string // what the user can do; may be empty
	Err  error  // wraps one of the errors above where one fits
}

func (e *StoreError) Error() string {
	text := fmt.Sprintf("%s: %s: %v", e.Path, e.Op, e.Err)
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

func (e *StoreError) Unwrap() error { return e.Err }

func openError(path string, err error) error {
	return (&Store{path: path}).wrap("opening the results file", err)
}

// wrap gives err its kind and hint; nil stays nil.
func (s *Store) wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	err = classify(err)
	return &StoreError{Op: op, Path: s.path, Hint: s.hint(err), Err: err}
}

func (s *Store) hint(err error) string {
	switch {
	case errors.Is(err, ErrBusy):
		return "wait until the other run ends, or give another file with --db"
	case errors.Is(err, ErrFull):
		return "free some space, or give a file on another disk with --db; what was recorded before is safe"
	case errors.Is(err, ErrCorrupt) && !s.readOnly:
		return "`tritonsweep report --db` still shows every whole record; for a new run give another file with --db"
	case errors.Is(err, ErrCorrupt):
		return "every whole row is shown; copy the file before anything else touches it"
	case errors.Is(err, ErrNewer):
		return "update tritonsweep, or give another file with --db"
	case errors.Is(err, ErrOlder):
		return "any sweep with this --db brings it forward; keep a copy"
	case errors.Is(err, ErrForeign):
		return "give a file that tritonsweep wrote, or a new one, with --db"
	case errors.Is(err, fs.ErrNotExist):
		return "check --db; a sweep creates the file, but not its folder"
	case errors.Is(err, fs.ErrPermission):
		return "check the owner and mode of the file and its folder, or give another file with --db"
	case errors.Is(err, ErrNoRun):
		return "`tritonsweep runs` lists them"
	}
	return ""
}

// classify adds the kind to an error of SQLite or of the system.
func classify(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return err
	}
	kind := kinds[se.Code()&0xff] // the low byte is the primary code
	if kind == nil || errors.Is(err, kind) {
		return err
	}
	return fmt.Errorf("%w: %w", kind, err)
}

var kinds = map[int]error{
	sqlite3.SQLITE_BUSY:     ErrBusy,
	sqlite3.SQLITE_LOCKED:   ErrBusy,
	sqlite3.SQLITE_FULL:     ErrFull,
	sqlite3.SQLITE_CORRUPT:  ErrCorrupt,
	sqlite3.SQLITE_NOTADB:   ErrCorrupt,
	sqlite3.SQLITE_READONLY: fs.ErrPermission,
	sqlite3.SQLITE_CANTOPEN: fs.ErrPermission,
	sqlite3.SQLITE_PERM:     fs.ErrPermission,
	sqlite3.SQLITE_AUTH:     fs.ErrPermission,
}
