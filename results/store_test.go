package results

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

var epoch = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func testRun(id string) Run {
	return Run{
		ID: id, Start: epoch, Command: []string{"tritonsweep", "queue-delay"}, Outcome: "running",
		Plan:      sweep.Plan{Sweep: "queue-delay", Seed: 7, Rounds: 3},
		Originals: map[string]Original{"m": {Path: "m/config.pbtxt", SHA256: "00", Text: []byte("name: \"m\"\n")}},
	}
}

func testRecord(run string, sequence int) Record {
	return Record{
		Run: run, Sequence: sequence, Model: "m", Round: 1,
		Settings: tritonconfig.Settings{MaxQueueDelay: tritonconfig.Ptr(uint64(1000 * sequence)), PreferredBatchSizes: []int{}},
		Load:     sweep.Load{Concurrency: 8, BatchSize: 1}, Verdict: OK, Start: epoch,
		Client: Client{
			Requests: 1000, Throughput: &Estimate{100, 99, 101}, P99: &Estimate{20, 19, 22},
			Histogram: []byte(strings.Repeat("histogram", 50)),
		},
	}
}

func openTest(t testing.TB) (*Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "odd ?name%20#.db")
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, path
}

func TestStoreKeepsRunsAndRecords(t *testing.T) {
	ctx := t.Context()
	s, path := openTest(t)
	run := testRun("20261123T100000Z-abc")
	must(t, s.CreateRun(ctx, run))
	want := []Record{testRecord(run.ID, 1), testRecord(run.ID, 2), testRecord(run.ID, 10)}
	for _, i := range []int{1, 0, 2} { // order of sequence, not of insertion
		must(t, s.Append(ctx, want[i]))
	}
	if s.FinishRun(ctx, run) == nil {
		t.Error("a run without an end was finished")
	}
	run.Outcome, run.ExitCode, run.End = "done", new(int), tritonconfig.Ptr(epoch.Add(time.Minute))
	must(t, s.FinishRun(ctx, run))
	must(t, s.Close())
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a closed store leaves its log behind")
	}

	for name, open := range map[string]func(context.Context, string) (*Store, error){"write": Open, "read": OpenReadOnly} {
		s, err := open(ctx, path)
		must(t, err)
		got, err := s.Records(ctx, run.ID)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: records (-want +got):\n%s", name, diff)
		}
		if got[0].Settings.PreferredBatchSizes == nil {
			t.Error("\"no preferred sizes\" came back as \"says nothing\"")
		}
		back, err := s.Run(ctx, Latest)
		must(t, err)
		if diff := cmp.Diff(run, back); diff != "" {
			t.Errorf("%s: run (-want +got):\n%s", name, diff)
		}
		counts, err := s.Counts(ctx)
		must(t, err)
		if counts[run.ID][OK] != 3 {
			t.Errorf("%s: counts %v", name, counts)
		}
		must(t, s.Close())
	}
}

func TestAppendIsIdempotent(t *testing.T) {
	ctx := t.Context()
	s, _ := openTest(t)
	must(t, s.CreateRun(ctx, testRun("r")))
	rec := testRecord("r", 1)
	must(t, s.Append(ctx, rec))
	must(t, s.Append(ctx, rec))
	other := rec
	other.Verdict = Void
	wantError(t, s.Append(ctx, other), ErrDuplicate, "record 1 of run r")
	wantError(t, s.Append(ctx, testRecord("nowhere", 1)), ErrNoRun, "run nowhere")
	rec.Sequence, rec.Client.Throughput = 2, &Estimate{Value: math.NaN()}
	if err := s.Append(ctx, rec); err == nil || !strings.Contains(err.Error(), "record 2") {
		t.Errorf("a NaN was stored: %v", err)
	}
	got, err := s.Records(ctx, "r")
	must(t, err)
	if len(got) != 1 {
		t.Errorf("%d records, want 1", len(got))
	}
}

func TestRunReferences(t *testing.T) {
	ctx := t.Context()
	s, _ := openTest(t)
	_, err := s.Run(ctx, Latest)
	wantError(t, err, ErrNoRun, "holds none")
	for i, id := range []string{"2026-b", "2026-a", "2027", "2027-x"} {
		run := testRun(id)
		run.Start = epoch.Add(-time.Duration(i) * time.Hour) // the first is the latest
		must(t, s.CreateRun(ctx, run))
	}
	wantError(t, s.CreateRun(ctx, testRun("2027")), ErrDuplicate, "2027")
	wantError(t, s.UpdateRun(ctx, testRun("2028")), ErrNoRun, "2028")
	if s.CreateRun(ctx, testRun(Latest)) == nil || s.CreateRun(ctx, testRun("")) == nil {
		t.Error("a run may not be called \"latest\" or nothing")
	}
	for ref, want := range map[string]string{
		Latest: "2026-b", "2026-a": "2026-a", "2026-": "", "2027": "2027", "2027-": "2027-x", "9": "", "": "",
	} {
		run, err := s.Run(ctx, ref)
		if run.ID != want || (err == nil) != (want != "") {
			t.Errorf("Run(%q) = %q, %v; want %q", ref, run.ID, err, want)
		}
	}
	_, err = s.Run(ctx, "2026-")
	wantError(t, err, ErrAmbiguous, "2026-a, 2026-b")
	_, err = s.Run(ctx, "1999")
	wantError(t, err, ErrNoRun, "the last ones are 2027-x, 2027, 2026-a, 2026-b")
}

func TestPragmas(t *testing.T) {
	s, path := openTest(t)
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": fmt.Sprint(busyTimeout),
	} {
		var got string
		must(t, s.db.QueryRow("PRAGMA "+pragma).Scan(&got))
		if got != want {
			t.Errorf("%s = %s, want %s", pragma, got, want)
		}
	}
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
}

func TestFault53Busy(t *testing.T) {
	ctx := t.Context()
	s, path := openTest(t)
	must(t, s.CreateRun(ctx, testRun("r")))
	other, err := Open(ctx, path)
	must(t, err)
	defer other.Close()
	_, err = s.db.Exec("PRAGMA busy_timeout = 1")
	must(t, err)
	tx, err := other.db.BeginTx(ctx, nil) // immediate: holds the write lock
	must(t, err)
	wantError(t, s.Append(ctx, testRecord("r", 1)), ErrBusy, "--db")
	if _, err := s.Records(ctx, "r"); err != nil {
		t.Errorf("reading must not wait for a writer: %v", err)
	}
	must(t, tx.Rollback())
	must(t, s.Append(ctx, testRecord("r", 1)))
}

func TestFull(t *testing.T) {
	ctx := t.Context()
	s, _ := openTest(t)
	must(t, s.CreateRun(ctx, testRun("r")))
	_, err := s.db.Exec("PRAGMA max_page_count = 24")
	must(t, err)
	var stored int
	for err == nil && stored < 1000 {
		if err = s.Append(ctx, testRecord("r", stored+1)); err == nil {
			stored++
		}
	}
	wantError(t, err, ErrFull, "free some space")
	got, err := s.Records(ctx, "r")
	must(t, err)
	if len(got) != stored {
		t.Errorf("%d records, want the %d acknowledged ones", len(got), stored)
	}
}

func TestConcurrentAppends(t *testing.T) {
	ctx := t.Context()
	s, _ := openTest(t)
	must(t, s.CreateRun(ctx, testRun("r")))
	var wait sync.WaitGroup
	for w := range 4 {
		wait.Go(func() {
			for i := range 10 {
				if err := s.Append(ctx, testRecord("r", 1+w*10+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	got, err := s.Records(ctx, "r")
	must(t, err)
	if len(got) != 40 {
		t.Errorf("%d records, want 40", len(got))
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	database := func(name, statements string) string {
		path := filepath.Join(dir, name)
		db, err := sql.Open("sqlite", path)
		must(t, err)
		_, err = db.Exec(statements)
		must(t, errors.Join(err, db.Close()))
		return path
	}
	mine := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = ", applicationID)
	for _, test := range []struct {
		path        string
		write, read error
		text        string
	}{
		{write("text", "max_batch_size: 8\n"), ErrForeign, ErrForeign, "not a results file"},
		{database("foreign", "CREATE TABLE urls (url)"), ErrForeign, ErrForeign, "another program"},
		{database("newer", mine+"99"), ErrNewer, ErrNewer, "schema 99, this version knows up to 1"},
		{write("empty", ""), nil, ErrNoRun, "the file is empty"},
		{filepath.Join(dir, "missing"), nil, fs.ErrNotExist, "no such file"},
		{filepath.Join(dir, "no", "folder"), fs.ErrNotExist, fs.ErrNotExist, "a sweep creates the file, but not its folder"},
	} {
		before, _ := os.ReadFile(test.path)
		_, err := OpenReadOnly(t.Context(), test.path)
		wantError(t, err, test.read, test.text)
		s, err := Open(t.Context(), test.path)
		if test.write == nil {
			must(t, err)
			must(t, s.Close())
			continue
		}
		wantError(t, err, test.write, test.text)
		if after, _ := os.ReadFile(test.path); string(after) != string(before) {
			t.Errorf("%s: refused, but changed", test.path)
		}
	}
}

func TestMigrateGoesForwardOnce(t *testing.T) {
	ctx := t.Context()
	s, path := openTest(t)
	must(t, s.CreateRun(ctx, testRun("r")))
	first, err := migrations.ReadFile("migrations/0001_runs_and_records.sql")
	must(t, err)
	files := fstest.MapFS{
		"migrations/0001_a.sql": {Data: first},
		"migrations/0002_b.sql": {Data: []byte("ALTER TABLE run ADD COLUMN note TEXT; CREATE TABLE extra (x TEXT) STRICT")},
	}
	must(t, migrate(ctx, s.db, files))
	must(t, migrate(ctx, s.db, files)) // nothing left to do
	files["migrations/0003_c.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE half (x TEXT) STRICT; CREATE TABLE extra (x TEXT) STRICT")}
	if err := migrate(ctx, s.db, files); err == nil || !strings.Contains(err.Error(), "0003_c.sql") {
		t.Errorf("a failing migration: %v", err)
	}
	version, _, err := schemaVersion(ctx, s.db)
	must(t, err)
	var half int
	must(t, s.db.QueryRow("SELECT count(*) FROM sqlite_schema WHERE name = 'half'").Scan(&half))
	if version != 2 || half != 0 {
		t.Errorf("version %d and %d half-made tables, want 2 and 0", version, half)
	}
	runs, err := s.Runs(ctx)
	must(t, err)
	if len(runs) != 1 {
		t.Errorf("%d runs after migration, want 1", len(runs))
	}
	must(t, s.Close())
	_, err = Open(ctx, path)
	wantError(t, err, ErrNewer, "schema 2")
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantError checks the kind of err, that it is a *StoreError on one line, and its text.
func wantError(t testing.TB, err, kind error, text string) {
	t.Helper()
	var se *StoreError
	if !errors.Is(err, kind) || !errors.As(err, &se) {
		t.Errorf("error %v, want a *StoreError that is %q", err, kind)
		return
	}
	if !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q, want one line with %q", err, text)
	}
}
