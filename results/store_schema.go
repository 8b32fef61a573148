package results

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"path"
	"slices"
)

// applicationID marks the file as tritonsweep's ("TSwp"), so that another
// program's database is never taken for ours and never changed.
const applicationID = 0x54537770

func schemaVersion(ctx context.Context, db *sql.DB) (version, application int, err error) {
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return 0, 0, err
	}
	err = db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&application)
	return version, application, err
}

// checkVersion accepts an empty database and every schema up to our own.
func checkVersion(ctx context.Context, db *sql.DB) error {
	version, application, err := schemaVersion(ctx, db)
	if err != nil {
		return err
	}
	if application != applicationID {
		var tables int
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
			return err
		}
		if tables > 0 || version != 0 || application != 0 {
			return fmt.Errorf("%w: a database of another program", ErrForeign)
		}
	}
	if ours := len(migrationNames(migrations)); version > ours {
		return fmt.Errorf("%w: schema %d, this version knows up to %d", ErrNewer, version, ours)
	}
	return nil
}

// checkCurrent refuses a schema that would have to be brought forward.
func checkCurrent(ctx context.Context, db *sql.DB) error {
	version, _, err := schemaVersion(ctx, db)
	switch ours := len(migrationNames(migrations)); {
	case err != nil:
		return err
	case version == 0:
		return fmt.Errorf("%w: the file is empty", ErrNoRun)
	case version < ours:
		return fmt.Errorf("%w: schema %d, this version reads %d", ErrOlder, version, ours)
	}
	return nil
}

func migrationNames(files fs.FS) []string {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	slices.Sort(names)
	return names
}

// migrate brings the schema forward, one file of migrations after the other,
// each in a transaction of its own together with the new version number: a
// crash leaves one version or the next, never something between.
func migrate(ctx context.Context, db *sql.DB, files fs.FS) error {
	for i, name := range migrationNames(files) {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if err := migrateOne(ctx, db, i+1, string(text)); err != nil {
			return fmt.Errorf("bringing the schema to version %d (%s): %w", i+1, path.Base(name), err)
		}
	}
	return nil
}

func migrateOne(ctx context.Context, db *sql.DB, to int, text string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	// Read inside the transaction: another program may have been quicker.
	var version int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version >= to {
		return nil
	}
	mark := fmt.Sprintf("PRAGMA user_version = %d; PRAGMA application_id = %d", to, applicationID)
	for _, statement := range []string{text, mark} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return tx.Commit()
}
