package results

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(document []byte) int64 { return int64(crc32.Checksum(document, castagnoli)) }

// Append adds rec, whose Run must exist and whose Sequence must be new in it.
// When Append returns nil the record is on the disk: it survives a crash of
// the program and of the machine. To append an equal record again changes
// nothing and is no error, so a caller may try again after one; a different
// record of the same number is ErrDuplicate.
func (s *Store) Append(ctx context.Context, rec Record) error {
	op := fmt.Sprintf("appending record %d of run %s", rec.Sequence, rec.Run)
	document, err := json.Marshal(rec)
	if err != nil { // for example a figure that is not a number
		return s.wrap(op, err)
	}
	return s.wrap(op, s.insertRecord(ctx, rec, document))
}

func (s *Store) insertRecord(ctx context.Context, rec Record, document []byte) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var runs int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM run WHERE id = ?", rec.Run).Scan(&runs); err != nil {
		return err
	}
	if runs == 0 {
		return ErrNoRun
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO record (run, sequence, document, checksum)
		VALUES (?, ?, ?, ?) ON CONFLICT (run, sequence) DO NOTHING`,
		rec.Run, rec.Sequence, string(document), checksum(document))
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil {
		return err
	} else if n == 1 {
		return tx.Commit()
	}
	var existing string
	err = tx.QueryRowContext(ctx, "SELECT document FROM record WHERE run = ? AND sequence = ?",
		rec.Run, rec.Sequence).Scan(&existing)
	if err == nil && existing != string(document) {
		err = ErrDuplicate
	}
	return err
}

// Records returns the records of the run with the identifier run in the order
// in which they were measured. Of a damaged file it returns the whole records
// and an error that wraps ErrCorrupt.
func (s *Store) Records(ctx context.Context, run string) ([]Record, error) {
	op := "reading the records of run " + run
	records, err := readRows[Record](ctx, s,
		"SELECT document, checksum FROM record WHERE run = ? ORDER BY sequence", run)
	if err = classify(err); !errors.Is(err, ErrCorrupt) {
		return records, s.wrap(op, err)
	}
	all, lost, salvageErr := salvage[Record](ctx, s, "record")
	if salvageErr != nil {
		return nil, s.wrap(op, salvageErr)
	}
	records = slices.DeleteFunc(all, func(r Record) bool { return r.Run != run })
	slices.SortFunc(records, func(a, b Record) int { return a.Sequence - b.Sequence })
	return records, s.wrap(op, lostError(lost, "record", err))
}

// Counts returns for every run how many records it has of each verdict.
func (s *Store) Counts(ctx context.Context) (map[string]map[Verdict]int, error) {
	const op = "counting records"
	rows, err := s.db.QueryContext(ctx, "SELECT run, verdict, count(*) FROM record GROUP BY run, verdict")
	if err != nil {
		return nil, s.wrap(op, err)
	}
	defer rows.Close()
	counts := map[string]map[Verdict]int{}
	for rows.Next() {
		var (
			run     string
			verdict Verdict
			n       int
		)
		if err := rows.Scan(&run, &verdict, &n); err != nil {
			return nil, s.wrap(op, err)
		}
		if counts[run] == nil {
			counts[run] = map[Verdict]int{}
		}
		counts[run][verdict] = n
	}
	return counts, s.wrap(op, rows.Err())
}

// readRows decodes the documents that query selects, and refuses one whose
// bytes are not those that were written.
func readRows[T any](ctx context.Context, s *Store, query string, args ...any) ([]T, error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var values []T
	for rows.Next() {
		var (
			document []byte
			sum      int64
		)
		if err := rows.Scan(&document, &sum); err != nil {
			return nil, err
		}
		value, err := decode[T](document, sum)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, rows.Err()
}

func decode[T any](document []byte, sum int64) (T, error) {
	var value T
	if checksum(document) != sum {
		return value, fmt.Errorf("%w: a row does not match its checksum", ErrCorrupt)
	}
	err := json.Unmarshal(document, &value)
	return value, err
}
