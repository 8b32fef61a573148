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
	Time   time.Time           `json:"time"`
	Run    string              `json:"run"` // whose recommendation it was
	Model  string              `json:"model"`
	Before atomicfile.Snapshot `json:"before"`
	After  string              `json:"after_sha256"`
}

// ErrNoHistory is returned by LastApplied when nothing was applied.
var ErrNoHistory = errors.New("nothing was applied to this model")

// mostHistory bounds what is kept for one repository.
const mostHistory = 100

// Remember adds a change to the history of the locked repository.
func Remember(l *Lock, a Applied) error {
	all, err := history(l)
	if err != nil {
		return err
	}
	if all = append(all, a); len(all) > mostHistory {
		all = all[len(all)-mostHistory:]
	}
	return saveHistory(l, all)
}

// LastApplied returns the newest change of a model that was not taken back.
func LastApplied(l *Lock, model string) (Applied, error) {
	all, err := history(l)
	if err != nil {
		return Applied{}, err
	}
	for _, a := range slices.Backward(all) {
		if a.Model == model {
			return a, nil
		}
	}
	return Applied{}, fmt.Errorf("%s: %w", model, ErrNoHistory)
}

// Forget removes a change that was taken back.
func Forget(l *Lock, a Applied) error {
	all, err := history(l)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(b Applied) bool { return b.Model == a.Model && b.Time.Equal(a.Time) })
	return saveHistory(l, all)
}

func history(l *Lock) ([]Applied, error) {
	data, err := os.ReadFile(historyPath(l))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Applied
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("%s: damaged history: %w", historyPath(l), err)
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

func historyPath(l *Lock) string {
	return filepath.Join(l.state.dir, l.key+".history.json")
}
