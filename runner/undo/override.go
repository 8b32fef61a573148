package undo

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Override is a model whose config a run changes through the server, not on
// disk. It stays in force until the model is unloaded, whatever happens to the
// run.
type Override struct {
	Model string `json:"model"`
	// Served is the config that the server ran before the run, as JSON.
	Served json.RawMessage `json:"served"`
	// Active tells that an override of ours may be in force.
	Active bool `json:"active,omitempty"`
}

// BeginServer writes the journal of a run that changes no files: served holds
// the configs that the server runs, by model. The repository must be locked, or
// the server's stand-in (State.Server).
func BeginServer(l *Lock, run string, server Reference, served map[string]json.RawMessage) (*Journal, error) {
	j, err := l.blank(run, server)
	if err != nil {
		return nil, err
	}
	for model, config := range served {
		j.Overrides = append(j.Overrides, Override{Model: model, Served: config})
	}
	slices.SortFunc(j.Overrides, func(a, b Override) int { return strings.Compare(a.Model, b.Model) })
	if err := j.save(); err != nil {
		return nil, errors.Join(fmt.Errorf("writing the journal: %w", err), j.Close())
	}
	return j, nil
}

// Override notes durably, before it is loaded, that an override of the model
// will be in force.
func (j *Journal) Override(model string) error {
	for i := range j.Overrides {
		o := &j.Overrides[i]
		if o.Model != model {
			continue
		}
		if o.Active && j.Touched {
			return nil
		}
		o.Active, j.Touched = true, true
		if err := j.save(); err != nil {
			return fmt.Errorf("writing the journal: %w", err)
		}
		return nil
	}
	return fmt.Errorf("%s: not in the journal", model)
}

// Active returns the overrides of ours that may be in force.
func (d Document) Active() []Override {
	return slices.DeleteFunc(slices.Clone(d.Overrides), func(o Override) bool { return !o.Active })
}
