package results

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite", in Go alone: the program stays one static file
)

// Store is a results file: runs and their records in one SQLite database.
// Its methods may be called from several goroutines; they take turns. Several
// programs may read one file while one of them writes to it.
//
// Every error of a Store wraps a *StoreError.
type Store struct {
	db       *sql.DB
	path     string
	readOnly bool
}

//go:embed migrations/*.sql
var migrations embed.FS

// busyTimeout is how long a write waits for another program's, in milliseconds.
// A write takes about as long as an fsync, so whoever waits longer than this
// waits for something that hangs.
const busyTimeout = 5000

// Open opens the results file at path for reading and writing, and creates it
// where there is none, readable and writable by its owner alone (0600): it
// holds command lines, host names and whole model configurations. The mode of
// an existing file stays as it is. A file with an older schema is brought
// forward; ErrNewer refuses one from a newer tritonsweep, ErrForeign one that
// tritonsweep did not write, ErrCorrupt a damaged one, which OpenReadOnly
// still opens.
func Open(ctx context.Context, path string) (*Store, error) {
	if err := create(path); err != nil {
		return nil, openError(path, err)
	}
	// Look before the first pragma: switching a foreign file to WAL changes it.
	if err := inspect(ctx, path); err != nil {
		return nil, err
	}
	s, err := connect(path, url.Values{
		"_txlock": {"immediate"},
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", busyTimeout),
			"journal_mode(WAL)", "synchronous(FULL)",
			"foreign_keys(ON)", "trusted_schema(OFF)", "cell_size_check(ON)",
		},
	})
	if err != nil {
		return nil, openError(path, err)
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(openError(path, err), s.db.Close())
	}
	return s, nil
}

func (s *Store) prepare(ctx context.Context) error {
	if err := migrate(ctx, s.db, migrations); err != nil {
		return err
	}
	return s.quickCheck(ctx)
}

// OpenReadOnly opens an existing results file and never changes it; ErrNoRun
// if nothing was written to it yet, ErrOlder if Open must bring it forward. A
// damaged file opens too: its methods then return every row that is whole,
// together with an error that wraps ErrCorrupt.
func OpenReadOnly(ctx context.Context, path string) (*Store, error) {
	s, err := openReading(ctx, path)
	if err != nil {
		return nil, err
	}
	if err := checkCurrent(ctx, s.db); err != nil && !errors.Is(classify(err), ErrCorrupt) {
		return nil, errors.Join(openError(path, err), s.db.Close())
	}
	return s, nil
}

// inspect refuses a file that Open must not touch.
func inspect(ctx context.Context, path string) error {
	s, err := openReading(ctx, path)
	if err != nil {
		return err
	}
	return s.Close()
}

func openReading(ctx context.Context, path string) (*Store, error) {
	if err := checkHeader(path); err != nil {
		return nil, openError(path, err)
	}
	query := url.Values{
		"mode": {"ro"},
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", busyTimeout),
			"query_only(ON)", "trusted_schema(OFF)", "cell_size_check(ON)",
		},
	}
	s, err := connectReading(ctx, path, query)
	if errors.Is(err, fs.ErrPermission) && idle(path) {
		// Reading in WAL mode needs a shared-memory file beside the database.
		// In a folder where we may not make one, nobody else can be writing
		// through it either, so the file may be read as it lies.
		query.Set("immutable", "1")
		s, err = connectReading(ctx, path, query)
	}
	return s, err
}

func connectReading(ctx context.Context, path string, query url.Values) (*Store, error) {
	s, err := connect(path, query)
	if err != nil {
		return nil, openError(path, err)
	}
	s.readOnly = true
	if err := checkVersion(ctx, s.db); err != nil && !errors.Is(classify(err), ErrCorrupt) {
		return nil, errors.Join(openError(path, err), s.db.Close())
	}
	return s, nil
}

// idle reports whether the database at path has no pending write-ahead log.
func idle(path string) bool {
	info, err := os.Stat(path + "-wal")
	return errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0
}

func connect(path string, query url.Values) (*Store, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// As a URL, a name with ? or % in it is not mistaken for options.
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(abs), RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	// One connection: writers in one process take turns in order and never
	// meet SQLITE_BUSY among themselves.
	db.SetMaxOpenConns(1)
	return &Store{db: db, path: path}, nil
}

func create(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

const magic = "SQLite format 3\x00"

func checkHeader(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var head [len(magic)]byte
	n, err := f.Read(head[:])
	if n == 0 { // an empty file is a database without tables
		return nil
	}
	if err != nil {
		return err
	}
	if string(head[:n]) != magic {
		return fmt.Errorf("%w: no SQLite database", ErrForeign)
	}
	return nil
}

// quickCheck looks at the structure of every page. It is done before writing
// only: more rows in a damaged file could not be trusted.
func (s *Store) quickCheck(ctx context.Context) error {
	var finding string
	if err := s.db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&finding); err != nil {
		return err
	}
	if finding != "ok" {
		return fmt.Errorf("%w: %s", ErrCorrupt, strings.ReplaceAll(finding, "\n", " "))
	}
	return nil
}

// Path returns the path that the store was opened with.
func (s *Store) Path() string { return s.path }

// Close closes the file. After it the database is one file again: the log
// beside it has been merged.
func (s *Store) Close() error {
	return s.wrap("closing the results file", s.db.Close())
}
