package results

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fill makes a closed results file with two runs of n records each.
func fill(t *testing.T, n int) (path string, want map[string][]Record) {
	t.Helper()
	s, path := openTest(t)
	want = map[string][]Record{}
	for _, id := range []string{"a", "b"} {
		must(t, s.CreateRun(t.Context(), testRun(id)))
		tx, err := s.db.Begin() // one commit for all: the test is about reading
		must(t, err)
		for i := 1; i <= n; i++ {
			rec := testRecord(id, i)
			want[id] = append(want[id], rec)
			document := encode(t, rec)
			_, err := tx.Exec("INSERT INTO record (run, sequence, document, checksum) VALUES (?, ?, ?, ?)",
				id, i, string(document), checksum(document))
			must(t, err)
		}
		must(t, tx.Commit())
	}
	must(t, s.Close())
	return path, want
}

func TestFault52DamagedPages(t *testing.T) {
	ctx := t.Context()
	const n = 150
	path, want := fill(t, n)
	data, err := os.ReadFile(path)
	must(t, err)
	const page = 4096
	pages := len(data) / page
	for _, p := range []int{pages / 3, pages / 2, pages/2 + 1} {
		clear(data[p*page : (p+1)*page])
	}
	must(t, os.WriteFile(path, data, 0o600))

	_, err = Open(ctx, path)
	wantError(t, err, ErrCorrupt, "give another file with --db")
	s, err := OpenReadOnly(ctx, path)
	must(t, err)
	defer s.Close()
	kept := 0
	for id, records := range want {
		got, err := s.Records(ctx, id)
		if err != nil {
			wantError(t, err, ErrCorrupt, "every whole row is shown")
		}
		kept += len(got)
		for _, rec := range got {
			if diff := cmp.Diff(records[rec.Sequence-1], rec); diff != "" {
				t.Fatalf("a row came back changed (-want +got):\n%s", diff)
			}
		}
	}
	if kept < 2*n-60 || kept == 2*n {
		t.Errorf("%d of %d rows kept after 3 of %d pages were lost", kept, 2*n, pages)
	}
	if run, err := s.Run(ctx, "a"); err != nil || run.ID != "a" {
		t.Errorf("run a: %v, %v", run.ID, err)
	}
}

// Whatever bytes are hit, nothing is returned that was not written, and a loss
// is never silent.
func TestRandomDamageIsNeverSilent(t *testing.T) {
	ctx := t.Context()
	path, want := fill(t, 20)
	clean, err := os.ReadFile(path)
	must(t, err)
	random := rand.New(rand.NewPCG(1, 2))
	damaged := filepath.Join(t.TempDir(), "damaged.db")
	for range 25 {
		data := append([]byte(nil), clean...)
		for range 1 + random.IntN(20) {
			data[random.IntN(len(data))] ^= byte(1 << random.IntN(8))
		}
		if random.IntN(4) == 0 {
			data = data[:random.IntN(len(data))]
		}
		must(t, os.WriteFile(damaged, data, 0o600))
		s, err := OpenReadOnly(ctx, damaged)
		if err != nil {
			continue // the header was hit
		}
		got, err := s.Records(ctx, "a")
		for _, rec := range got {
			if rec.Sequence > len(want["a"]) || !cmp.Equal(want["a"][rec.Sequence-1], rec) {
				t.Fatalf("a row came back changed: %+v", rec)
			}
		}
		if len(got) < len(want["a"]) && err == nil {
			t.Fatalf("%d of %d rows and no error", len(got), len(want["a"]))
		}
		if _, err := s.Runs(ctx); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("runs of a damaged file: %v", err)
		}
		must(t, s.Close())
	}
}

func TestChangedRowIsNoticed(t *testing.T) {
	ctx := t.Context()
	s, _ := openTest(t)
	must(t, s.CreateRun(ctx, testRun("r")))
	must(t, s.Append(ctx, testRecord("r", 1)))
	must(t, s.Append(ctx, testRecord("r", 2)))
	_, err := s.db.Exec("UPDATE record SET document = replace(document, '100', '900') WHERE sequence = 1")
	must(t, err)
	got, err := s.Records(ctx, "r")
	wantError(t, err, ErrCorrupt, "1 record(s) lost")
	if len(got) != 1 || got[0].Sequence != 2 {
		t.Errorf("records %v", got)
	}
}
