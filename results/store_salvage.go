package results

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// smallestRow is less than any row takes on the disk, in bytes. Rows are never
// deleted, so their numbers are dense and the file's size bounds the highest.
const smallestRow = 256

// salvage reads every whole row of a table in a damaged file. It walks the
// table itself, without its indexes, and steps over what cannot be read one
// row number at a time, because the rows behind a damaged page are reachable
// by their number. lost counts the numbers that exist, or may, and are gone.
func salvage[T any](ctx context.Context, s *Store, table string) (values []T, lost int, err error) {
	info, err := os.Stat(s.path)
	if err != nil {
		return nil, 0, err
	}
	var next int64 = 1
	skipped := 0 // since the last readable row
	for next <= info.Size()/smallestRow+1 {
		found, last, err := salvageFrom[T](ctx, s, table, next, &lost)
		values = append(values, found...)
		if last >= next {
			lost += skipped
			skipped = 0
			next = last + 1
		}
		if err == nil {
			return values, lost + skipped, nil
		}
		if ctx.Err() != nil {
			return nil, 0, ctx.Err()
		}
		if !errors.Is(classify(err), ErrCorrupt) {
			return nil, 0, err
		}
		next++
		skipped++
	}
	// The end of the table is unreadable, so nobody knows how long it was.
	return values, max(lost, 1), nil
}

// salvageFrom reads rows from number first on until one cannot be read. It
// returns the number of the last row that was there, whole or not.
func salvageFrom[T any](ctx context.Context, s *Store, table string, first int64, lost *int) (
	values []T, last int64, err error,
) {
	rows, err := s.db.QueryContext(ctx, fmt.Sprintf(
		"SELECT rowid, document, checksum FROM %s NOT INDEXED WHERE rowid >= ? ORDER BY rowid", table), first)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var (
			number, sum int64
			document    []byte
		)
		if err := rows.Scan(&number, &document, &sum); err != nil {
			return values, last, err
		}
		last = number
		value, err := decode[T](document, sum)
		if err != nil {
			*lost++
			continue
		}
		values = append(values, value)
	}
	return values, last, rows.Err()
}

// lostError says what a salvage could not read. Where only an index was
// damaged nothing is lost, but the file is still not to be trusted.
func lostError(lost int, what string, cause error) error {
	if lost == 0 {
		return cause
	}
	return fmt.Errorf("at least %d %s(s) lost: %w", lost, what, cause)
}
