package results

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Latest is the reference of the run that started last, for Store.Run.
const Latest = "latest"

// CreateRun adds run. An identifier that exists already is ErrDuplicate.
func (s *Store) CreateRun(ctx context.Context, run Run) error {
	op := "creating run " + run.ID
	if run.ID == "" || run.ID == Latest {
		return s.wrap(op, fmt.Errorf("%q cannot name a run", run.ID))
	}
	return s.wrap(op, s.writeRun(ctx, run, ErrDuplicate,
		"INSERT INTO run (document, checksum, id) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING"))
}

// UpdateRun replaces the run of the same identifier; ErrNoRun if there is none.
func (s *Store) UpdateRun(ctx context.Context, run Run) error {
	return s.wrap("updating run "+run.ID, s.writeRun(ctx, run, ErrNoRun,
		"UPDATE run SET document = ?, checksum = ? WHERE id = ?"))
}

// writeRun returns unchanged when the statement changed no row.
func (s *Store) writeRun(ctx context.Context, run Run, unchanged error, statement string) error {
	document, err := json.Marshal(run)
	if err != nil {
		return err
	}
	res, err := s.db.ExecContext(ctx, statement, string(document), checksum(document), run.ID)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return unchanged
}

// FinishRun is UpdateRun for a run that has ended: it must say when and how.
func (s *Store) FinishRun(ctx context.Context, run Run) error {
	if run.End == nil || run.ExitCode == nil {
		return s.wrap("finishing run "+run.ID, errors.New("it has no end or no exit code"))
	}
	return s.UpdateRun(ctx, run)
}

// Runs returns all runs in the order of their start. Of a damaged file it
// returns the whole ones and an error that wraps ErrCorrupt.
func (s *Store) Runs(ctx context.Context) ([]Run, error) {
	const op = "listing runs"
	runs, err := readRows[Run](ctx, s, "SELECT document, checksum FROM run")
	if err = classify(err); errors.Is(err, ErrCorrupt) {
		var lost int
		var salvageErr error
		runs, lost, salvageErr = salvage[Run](ctx, s, "run")
		if salvageErr != nil {
			return nil, s.wrap(op, salvageErr)
		}
		err = lostError(lost, "run", err)
	}
	slices.SortFunc(runs, func(a, b Run) int {
		return cmp.Or(a.Start.Compare(b.Start), strings.Compare(a.ID, b.ID))
	})
	return runs, s.wrap(op, err)
}

// Run returns the run that ref names: an identifier, a beginning of one that
// fits no other, or Latest. ErrNoRun and ErrAmbiguous say which ones there are.
// It returns a run of a damaged file, if the run is whole, without an error.
func (s *Store) Run(ctx context.Context, ref string) (Run, error) {
	op := "finding run " + ref
	run, err := s.exactRun(ctx, ref)
	if err == nil {
		return run, nil
	}
	runs, listErr := s.Runs(ctx)
	if listErr != nil && !errors.Is(listErr, ErrCorrupt) {
		return Run{}, listErr
	}
	if ref == Latest && len(runs) > 0 {
		return runs[len(runs)-1], nil
	}
	matches := match(runs, ref)
	switch {
	case len(matches) == 1:
		return matches[0], nil
	case len(matches) > 1:
		return Run{}, s.wrap(op, fmt.Errorf("%w: %s", ErrAmbiguous, someIDs(matches)))
	case listErr != nil:
		return Run{}, s.wrap(op, fmt.Errorf("%w among the whole ones: %w", ErrNoRun, listErr))
	case len(runs) == 0:
		return Run{}, s.wrap(op, fmt.Errorf("%w: the file holds none", ErrNoRun))
	}
	return Run{}, s.wrap(op, fmt.Errorf("%w; the last ones are %s", ErrNoRun, someIDs(runs)))
}

func (s *Store) exactRun(ctx context.Context, id string) (Run, error) {
	var (
		document []byte
		sum      int64
	)
	err := s.db.QueryRowContext(ctx, "SELECT document, checksum FROM run WHERE id = ?", id).Scan(&document, &sum)
	if err != nil {
		return Run{}, err
	}
	return decode[Run](document, sum)
}

// match returns the run of the identifier ref, or those that begin with ref.
func match(runs []Run, ref string) []Run {
	var matches []Run
	for _, r := range runs {
		if r.ID == ref {
			return []Run{r}
		}
		if ref != "" && strings.HasPrefix(r.ID, ref) {
			matches = append(matches, r)
		}
	}
	return matches
}

// someIDs lists the last identifiers of runs, for an error message.
func someIDs(runs []Run) string {
	const most = 5
	var ids []string
	for _, r := range runs[max(0, len(runs)-most):] {
		ids = append(ids, r.ID)
	}
	return strings.Join(ids, ", ")
}
