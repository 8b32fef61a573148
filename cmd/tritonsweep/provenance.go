package main

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"tritonsweep/internal/atomicfile"
	"tritonsweep/results"
	"tritonsweep/runner"
	"tritonsweep/tritonconfig"
)

// provenance returns what decides today about the figures of each model.
// Everything of it is known before the first write.
func (t *target) provenance(c *cli.Context, o options) (map[string]results.Environment, error) {
	base := t.base(o)
	base.Mode = string(t.mode)
	base.GPUModels, base.GPUDriver = runner.Devices(os.DirFS("/proc"))
	if t.server != nil {
		identity, err := t.server.Identity(c.Context)
		if err != nil {
			return nil, err
		}
		base.ImageDigest, base.Simulated = identity.ImageDigest, identity.Simulated
	}
	if base.Simulated {
		base.GPUModels, base.GPUDriver = nil, ""
	}
	out := map[string]results.Environment{}
	for _, model := range t.models {
		e := base
		if data, given := o.data[model]; given {
			e.InputSource = data.String()
		}
		out[model] = e
	}
	t.addHashes(c, out)
	return out, nil
}

// addHashes adds the hashes of files, where the files can be seen. What cannot be
// read is not known, which a later resume or apply says; no sweep ends of it.
func (t *target) addHashes(c *cli.Context, environments map[string]results.Environment) {
	dir := t.originalDirectory(c)
	if dir == "" {
		return
	}
	note := func(err error) {
		fmt.Fprintf(c.App.ErrWriter, "note: where the figures come from cannot be proven later: %s (hint: resume and apply compare the model's files)\n", printable(err.Error()))
	}
	repository, err := tritonconfig.OpenRepository(dir)
	if err != nil {
		note(err)
		return
	}
	defer repository.Close()
	hashes := runner.OpenHashes(t.state)
	for _, model := range t.models {
		e := environments[model]
		if e.ModelSHA256, err = hashes.Model(repository, model); err != nil {
			note(err)
		}
		if file := t.configFile(repository, model); file != nil {
			e.ConfigSHA256 = atomicfile.Sum(file.Bytes())
		}
		environments[model] = e
	}
	if err := hashes.Save(); err != nil {
		fmt.Fprintf(c.App.ErrWriter, "note: the hashes of large files cannot be remembered: %s\n", printable(err.Error()))
	}
}

// configFile returns the file that the config in force comes from: the one that was
// read to be changed or, where the sweep changes none, the one that says what the
// server runs; nil where none does.
func (t *target) configFile(repository *tritonconfig.Repository, model string) *tritonconfig.File {
	if file := t.files[model]; file != nil {
		return file
	}
	file, err := repository.Read(model)
	if err != nil {
		return nil
	}
	config, err := file.Config()
	if err != nil || len(tritonconfig.Match(file.Settings(), config, t.configs[model])) > 0 {
		return nil
	}
	return file
}

// originalDirectory is where the models' own files lie; "" where nobody here
// can see them.
func (t *target) originalDirectory(c *cli.Context) string {
	container := t.container
	switch {
	case t.original != nil:
		container = t.original
	case t.directory != "":
		return t.directory
	case container == nil:
		return ""
	}
	mount, err := container.Repository()
	if err == nil {
		_, err = os.Stat(mount.HostPath)
	}
	if err != nil {
		return c.String("repository")
	}
	return mount.HostPath
}

// stamp gives a record what the runner does not know of its origin.
func stamp(r *results.Record, environments map[string]results.Environment) {
	now := environments[r.Model]
	r.Environment.ModelSHA256, r.Environment.ConfigSHA256 = now.ModelSHA256, now.ConfigSHA256
	r.Environment.GPUModels, r.Environment.GPUDriver = now.GPUModels, now.GPUDriver
}
