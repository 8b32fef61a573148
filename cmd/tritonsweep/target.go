package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"

	"github.com/urfave/cli/v2"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/runner"
	"tritonsweep/runner/docker"
	"tritonsweep/runner/load"
	"tritonsweep/runner/triton"
	"tritonsweep/runner/undo"
	"tritonsweep/tritonconfig"
)

// target is the server of a command: found, checked and, for mode restart,
// locked. Nothing of it was changed yet.
type target struct {
	mode      runner.Mode
	server    runner.Server     // nil where no container is known
	container *runner.Container // nil where none is known, and with --sim
	original  *runner.Container // of which container is an isolated copy; else nil
	private   string            // model repository of the copy
	client    *triton.Client
	simulated bool
	// profileNote says which times of a model its profile lacks; nil where no
	// server is simulated.
	profileNote func(model string) string
	production  *triton.Client // the server in the container that was copied; nil where none serves
	scratch     bool           // the repository is a copy of ours
	serverName  string         // and version, as the server says
	state       undo.State
	lock        *undo.Lock
	repository  *tritonconfig.Repository // nil unless in mode restart
	directory   string
	models      []string
	files       map[string]*tritonconfig.File // of the models; empty unless in mode restart
	paths       map[string]string             // of the files, relative to the directory
	configs     map[string]*tritonpb.ModelConfig
	described   map[string]load.Model // those that were asked for
	deadRegions []string              // of shared memory, which this start removed
	closers     []func() error
}

// openTarget connects to everything that the mode needs. An error means that
// nothing was touched.
func openTarget(c *cli.Context, mode runner.Mode) (_ *target, err error) {
	t := newTarget(mode)
	defer func() {
		if err != nil {
			err = errors.Join(err, t.close())
		}
	}()
	if t.state, err = undo.OpenState(); err != nil {
		return nil, withCode(exitPermission, err)
	}
	if c.Bool("shared-lock") {
		t.state = t.state.Shared()
	}
	steps := []func(*cli.Context) error{checkModelNames, t.reapFirst, t.findServer, t.isolate, t.inspectRepository, t.lockRepository, t.httpService, t.connect, t.chooseModels, t.readModels}
	for _, step := range steps {
		if err := step(c); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func newTarget(mode runner.Mode) *target {
	return &target{
		mode: mode, files: map[string]*tritonconfig.File{}, paths: map[string]string{},
		configs: map[string]*tritonpb.ModelConfig{}, described: map[string]load.Model{},
	}
}

func (t *target) close() error {
	var errs []error
	for _, f := range slices.Backward(t.closers) {
		errs = append(errs, f())
	}
	t.closers = nil
	return errors.Join(errs...)
}

func (t *target) onClose(f func() error) { t.closers = append(t.closers, f) }

// findServer finds the container, or starts a simulated server. Only mode
// restart cannot do without.
func (t *target) findServer(c *cli.Context) error {
	if c.Bool("sim") {
		return t.simulate(c)
	}
	query, err := containerQuery(c)
	if err != nil {
		return err
	}
	dial, err := dialOptions(c)
	if err != nil {
		return err
	}
	optional := t.mode != runner.Restart && query.Name == ""
	engine, err := docker.Open(c.Context)
	if err == nil {
		t.onClose(engine.Close)
		var found *docker.Container
		if found, err = engine.Find(c.Context, query); err == nil {
			t.container, err = runner.NewContainer(c.Context, found, dial)
		}
	}
	if err != nil {
		if optional {
			return nil
		}
		return err
	}
	t.server = t.container
	return nil
}

func containerQuery(c *cli.Context) (docker.Query, error) {
	if name := c.String("container"); name != "" {
		return docker.Query{Name: name}, nil
	}
	address := c.String("grpc-url")
	if address == "" {
		return docker.Query{}, nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return docker.Query{}, usagef("--grpc-url: %q is not HOST:PORT", withoutUser(address))
	}
	number, err := strconv.Atoi(port)
	if err != nil || number < 1 || number > 65535 {
		return docker.Query{}, usagef("--grpc-url: %q is not a port", port)
	}
	return docker.Query{Host: host, Port: number}, nil
}

// inspectRepository finds and opens the model repository that the container
// serves.
func (t *target) inspectRepository(c *cli.Context) error {
	if t.container != nil && t.mode != runner.None && t.container.ControlMode() == docker.ControlPoll {
		return usagef("container %s polls its repository: every write would be a reload of its own, and it takes no load requests (hint: start it without --model-control-mode=poll)", t.container.Name)
	}
	if t.mode != runner.Restart {
		return nil
	}
	var err error
	if t.container != nil {
		mount, err := t.mountedRepository(c)
		if err != nil {
			return withCode(exitUsage, err)
		}
		t.directory = mount.HostPath
	}
	if t.repository, err = tritonconfig.OpenRepository(t.directory); err != nil {
		return withCode(exitUsage, err)
	}
	t.onClose(t.repository.Close)
	return nil
}

// lockRepository restores what an earlier run left behind, and keeps others out.
func (t *target) lockRepository(c *cli.Context) (err error) {
	place := t.place(c)
	if place == "" {
		return nil // connect says what is missing
	}
	if err := t.recoverFirst(c, place); err != nil || t.mode == runner.None {
		return err
	}
	if t.lock, err = undo.Acquire(t.state, place, c.Command.Name); err != nil {
		return err
	}
	t.onClose(t.lock.Release)
	return nil
}

// place is what a run locks: the repository, or where that cannot be seen the
// server's stand-in.
func (t *target) place(c *cli.Context) string {
	if t.directory != "" {
		return t.directory
	}
	if t.container == nil && c.String("grpc-url") == "" {
		return ""
	}
	if t.container == nil {
		return t.state.Server(c.String("grpc-url"))
	}
	if mount, err := t.mountedRepository(c); err == nil {
		if dir, err := os.Open(mount.HostPath); err == nil {
			_ = dir.Close() // it was only tried
			return mount.HostPath
		}
	}
	return t.state.Server(t.container.ID)
}

func (t *target) mountedRepository(c *cli.Context) (docker.RepositoryMount, error) {
	if t.original != nil {
		return t.container.RepositoryAt(t.private)
	}
	dir := c.String("repository")
	if dir == "" {
		return t.container.Repository()
	}
	if info, err := os.Stat(dir); err != nil {
		return docker.RepositoryMount{}, fmt.Errorf("--repository: %w", err)
	} else if !info.IsDir() {
		return docker.RepositoryMount{}, fmt.Errorf("--repository: %s is not a directory", dir)
	}
	return t.container.RepositoryAt(dir)
}

// connect dials Triton.
func (t *target) connect(c *cli.Context) (err error) {
	if t.server != nil {
		t.client, err = t.server.Connect(c.Context)
	} else {
		var options triton.Options
		if options, err = dialOptions(c); err != nil {
			return err
		}
		if options.GRPCAddr == "" {
			return usagef("no Triton was found (hint: name its container with --container or its address with --grpc-url)")
		}
		t.client, err = triton.Dial(c.Context, options)
	}
	if err != nil {
		return err
	}
	t.onClose(t.client.Close)
	metadata, err := t.client.ServerMetadata(c.Context)
	if err != nil {
		return err
	}
	t.serverName = metadata.Name + " " + metadata.Version
	t.unmapDead(c.Context, t.deadRegions)
	return nil
}

func (t *target) containerLine() string {
	if t.simulated {
		return "simulated in this process"
	}
	if t.container == nil {
		return "none found, only the address is known"
	}
	return fmt.Sprintf("%s (%s)", t.container.Name, t.container.Image)
}

func (t *target) serverLine() string {
	if t.client == nil {
		return ""
	}
	return fmt.Sprintf("%s at %s", t.serverName, t.client.Address())
}

// describe says what a sweep will work on, for the plan.
func (t *target) describe() string {
	switch {
	case t.simulated:
		return "a simulated Triton in this process (its times come from the models' profiles)"
	case t.container == nil:
		return t.client.Address()
	case t.original != nil:
		return fmt.Sprintf("an isolated copy of container %s (%s), %s", t.original.Name, t.original.Image, t.client.Address())
	}
	text := fmt.Sprintf("container %s (%s), %s", t.container.Name, t.container.Image, t.client.Address())
	if t.directory != "" {
		text += ", repository " + t.directory
	}
	return text
}

// harmless reports whether nothing of anybody's is changed.
func (t *target) harmless() bool { return t.mode == runner.None || t.simulated || t.original != nil }

func (t *target) consequence(command string) string {
	if command == "apply" || command == "rollback" {
		return fmt.Sprintf("Container %s will be restarted with the changed config.pbtxt, and once more with the old one if it fails.", t.container.Name)
	}
	if t.mode == runner.Reload {
		return "The models will be reloaded several times; config files are not changed."
	}
	return fmt.Sprintf("Container %s will be restarted for every trial, and config.pbtxt is changed meanwhile and put back.", t.container.Name)
}
