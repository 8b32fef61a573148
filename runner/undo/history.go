package undo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tritonsweep/internal/atomicfile"
)

// Applied is one change that was meant to stay: enough to take it back.
type Applied struct {
	Time       time.Time           `json:"time"`
	Run        string              `json:"run"` // whose recommendation it was
	Model      string              `json:"model"`
	Repository string              `json:"repository"`
	Settings   string              `json:"settings"` // for people
	Before     atomicfile.Snapshot `json:"before"`
	After      string              `json:"after_sha256"`
	// Canary is what was measured before and after, for people.
	Canary []string `json:"canary,omitempty"`
	// Failed says why the change did not stay; empty for one that did.
	Failed string `json:"failed,omitempty"`
	// Undone is when it was taken back; zero where it was not.
	Undone time.Time `json:"undone,omitzero"`
}

// ErrNoHistory is returned by LastApplied when nothing was applied.
var ErrNoHistory = errors.New("nothing was applied to this model")

// mostHistory bounds what is kept for one repository.
const mostHistory = 100

// Remember adds a change to the history of the locked repository, or replaces
// what it says about that change.
func Remember(l *Lock, a Applied) error {
	all, err := history(historyPath(l))
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(b Applied) bool { return b.Model == a.Model && b.Time.Equal(a.Time) })
	all = append(all, a)
	slices.SortStableFunc(all, func(a, b Applied) int { return a.Time.Compare(b.Time) })
	if len(all) > mostHistory {
		all = all[len(all)-mostHistory:]
	}
	return saveHistory(l, all)
}

// LastApplied returns the newest change of a model that stayed, also one that
// was taken back since; of a run, where one is named.
func LastApplied(l *Lock, model, run string) (Applied, error) {
	all, err := history(historyPath(l))
	if err != nil {
		return Applied{}, err
	}
	for _, a := range slices.Backward(all) {
		if a.Model == model && a.Failed == "" && (run == "" || a.Run == run) {
			return a, nil
		}
	}
	return Applied{}, fmt.Errorf("%s: %w", model, ErrNoHistory)
}

// History returns all changes of all repositories, by time. It needs no lock.
func History(state State) ([]Applied, error) {
	names, err := filepath.Glob(filepath.Join(state.dir, "*"+historySuffix))
	if err != nil {
		return nil, err
	}
	var all []Applied
	for _, name := range names {
		some, historyErr := history(name)
		all, err = append(all, some...), errors.Join(err, historyErr)
	}
	slices.SortStableFunc(all, func(a, b Applied) int { return a.Time.Compare(b.Time) })
	return all, err
}

func history(name string) ([]Applied, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Applied
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("%s: damaged history: %w", name, err)
	}
	return all, nil
}

func saveHistory(l *Lock, all []Applied) error {
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return l.state.write(filepath.Base(historyPath(l)), data)
}

const historySuffix = ".history.json"

func historyPath(l *Lock) string {
	return filepath.Join(l.state.dir, l.key+historySuffix)
}
