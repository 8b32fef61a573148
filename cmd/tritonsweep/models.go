package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"tritonsweep/runner"
	"tritonsweep/runner/load"
	"tritonsweep/runner/undo"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// checkModelNames refuses what can be no model's name before anybody is asked
// about it: a server takes ".." for the directory above its repository.
func checkModelNames(c *cli.Context) error {
	for _, name := range c.StringSlice("model") {
		if err := tritonconfig.CheckModelName(name); err != nil {
			return usagef("--model: %w (hint: --model all for every one that the server has)", err)
		}
	}
	return nil
}

// chooseModels resolves --model, which may be "all".
func (t *target) chooseModels(c *cli.Context) error {
	asked := c.StringSlice("model")
	if len(asked) == 0 {
		return usagef("no model is named (hint: --model NAME, or --model all)")
	}
	if !slices.Contains(asked, "all") {
		t.models = slices.Compact(slices.Sorted(slices.Values(asked)))
		return nil
	}
	index, err := t.client.RepositoryIndex(c.Context)
	if err != nil {
		return err
	}
	for _, entry := range index {
		if entry.State == "READY" {
			if err := tritonconfig.CheckModelName(entry.Name); err != nil {
				return usagef("--model all: the server has one that cannot be swept: %w", err)
			}
			t.models = append(t.models, entry.Name)
		}
	}
	slices.Sort(t.models)
	t.models = slices.Compact(t.models)
	if len(t.models) == 0 {
		return usagef("the server has no model that is ready")
	}
	return nil
}

// readModels reads each model's config from disk and from the server, and makes
// sure that they agree: a sweep compares with what runs now.
func (t *target) readModels(c *cli.Context) error {
	for _, model := range t.models {
		active, err := t.client.Config(c.Context, model)
		if err != nil {
			return err
		}
		t.configs[model] = active
		if t.repository == nil {
			continue
		}
		if err := t.readFile(model); err != nil {
			return err
		}
		if err := t.agree(model); err != nil {
			return err
		}
	}
	return nil
}

// description is what a request to the model must carry, which the server is asked
// for once.
func (t *target) description(c *cli.Context, model string) (load.Model, error) {
	if known, ok := t.described[model]; ok {
		return known, nil
	}
	described, err := runner.Describe(c.Context, t.client, model, t.configs[model])
	if err == nil {
		t.described[model] = described
	}
	return described, err
}

// readFile reads a config and finds out before the first change whether it can
// be replaced.
func (t *target) readFile(model string) (err error) {
	if t.files[model], err = t.repository.Read(model); err != nil {
		return withCode(exitUsage, err)
	}
	if t.paths[model], err = t.repository.ConfigPath(model); err != nil {
		return withCode(exitUsage, err)
	}
	if t.container != nil {
		mount, err := t.container.RepositoryAt(t.directory)
		if err == nil {
			err = mount.CheckModel(model)
		}
		if err != nil {
			return withCode(exitUsage, err)
		}
	}
	err = undo.Probe(t.lock, t.paths[model])
	if errors.Is(err, undo.ErrHardLinks) {
		return withCode(exitUsage, err)
	}
	return withCode(exitPermission, err)
}

func (t *target) agree(model string) error {
	file := t.files[model]
	config, err := file.Config()
	if err != nil {
		return withCode(exitUsage, err)
	}
	if diff := tritonconfig.Match(file.Settings(), config, t.configs[model]); len(diff) > 0 {
		return withCode(exitConflict, fmt.Errorf("%s: the server runs another config than the file holds: %s (hint: restart the server first)",
			t.paths[model], strings.Join(diff, "; ")))
	}
	return nil
}

// allowed keeps the settings that Triton accepts for the model. When several
// models share a list, values that do not fit one of them are left out of its
// plan; for one model they are an error.
func (t *target) allowed(model string, settings []tritonconfig.Settings, several bool) ([]tritonconfig.Settings, error) {
	file := t.files[model]
	if file == nil {
		return settings, nil
	}
	var out []tritonconfig.Settings
	for _, s := range settings {
		if err := file.Validate(s); err == nil {
			out = append(out, s)
		} else if !several {
			return nil, withCode(exitUsage, fmt.Errorf("%s: %w", s, err))
		}
	}
	return out, nil
}

// fitting leaves out the client batches that the model cannot take.
func (t *target) fitting(model string, loads []sweep.Load) []sweep.Load {
	most := max(1, int(t.configs[model].GetMaxBatchSize()))
	return slices.DeleteFunc(slices.Clone(loads), func(l sweep.Load) bool { return l.BatchSize > most })
}

// onlyUntouched is what is tried where no config is changed.
func onlyUntouched() []tritonconfig.Settings { return []tritonconfig.Settings{{}} }
