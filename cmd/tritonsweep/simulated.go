package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"tritonsweep/examples"
	"tritonsweep/runner"
	"tritonsweep/runner/tritonsim"
	"tritonsweep/tritonconfig"
)

// simulate starts a simulated server in this process, on a copy of the
// repository that --repository names, or of the example deployment.
func (t *target) simulate(c *cli.Context) error {
	source, err := fs.Sub(examples.Models, "models")
	if dir := c.String("repository"); err == nil && dir != "" {
		if _, err := os.Stat(dir); err != nil {
			return usagef("--repository: %w", err)
		}
		source = os.DirFS(dir)
	}
	if err != nil {
		return err
	}
	if c.Bool("sim-in-place") && c.String("repository") != "" {
		t.directory, err = filepath.EvalSymlinks(c.String("repository"))
	} else {
		err = t.copyRepository(source)
	}
	if err != nil {
		return err
	}
	server, err := tritonsim.New(tritonsim.Options{Repository: t.directory, Control: t.control(), GPUs: 1, Variation: variation, Seed: 1})
	if err != nil {
		return err
	}
	t.onClose(server.Close)
	if err := server.Start(c.Context); err != nil {
		return withCode(exitUsage, err)
	}
	t.server, t.simulated, t.profileNote = runner.NewSimulator(server), true, server.ProfileNote
	return nil
}

func (t *target) copyRepository(source fs.FS) (err error) {
	dir, remove, err := t.state.Scratch()
	if err != nil {
		return withCode(exitPermission, err)
	}
	t.onClose(remove)
	t.directory, t.scratch = filepath.Join(dir, "models"), true
	if err := copyModels(t.directory, source); err != nil {
		return withCode(exitUsage, fmt.Errorf("--repository: %w", err))
	}
	return nil
}

// variation is the coefficient of variation of simulated compute times, about
// that of a GPU that has nothing else to do.
const variation = 0.02

func (t *target) control() tritonsim.Control {
	if t.mode == runner.Reload {
		return tritonsim.ControlExplicit
	}
	return tritonsim.ControlNone
}

// readModelFile reads a file no further than any config can be long.
func readModelFile(source fs.FS, name string) (data []byte, err error) {
	file, err := source.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err = io.ReadAll(io.LimitReader(file, tritonconfig.MaxSize+1))
	if err == nil && len(data) > tritonconfig.MaxSize {
		err = fmt.Errorf("%s has more than %d bytes (hint: is this a model's config?)", name, tritonconfig.MaxSize)
	}
	return data, err
}

// copyModels copies what a simulated server reads of a repository: each model's
// config and profile.
func copyModels(to string, source fs.FS) error {
	found := 0
	for _, name := range []string{"config.pbtxt", "profile.json"} {
		files, err := fs.Glob(source, "*/"+name)
		if err != nil {
			return err
		}
		for _, file := range files {
			data, err := readModelFile(source, file)
			if err != nil {
				return err
			}
			target := filepath.Join(to, filepath.FromSlash(file))
			if err := os.MkdirAll(filepath.Join(filepath.Dir(target), "1"), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(target, data, 0o644); err != nil {
				return err
			}
			found++
		}
	}
	if found == 0 {
		return fmt.Errorf("it holds no models (hint: a folder with one folder for each model)")
	}
	return nil
}
