package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"tritonsweep/runner"
	"tritonsweep/runner/docker"
	"tritonsweep/runner/load"
	"tritonsweep/runner/load/region"
	"tritonsweep/runner/triton"
	"tritonsweep/runner/undo"
	"tritonsweep/tritonconfig"
)

// isolatedDir holds, in the state directory, one directory for each isolated
// copy, named by its owner: the private repository and its own state.
const isolatedDir = "isolated"

func isolateFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "isolate", EnvVars: env("ISOLATE"), Usage: "sweep a copy of the container, on ports of its own; the container itself is only looked at"},
		&cli.StringFlag{Name: "isolate-memory", EnvVars: env("ISOLATE_MEMORY"), Usage: "memory limit of the copy, e.g. 8GiB (default: the container's own, else half of what is free)"},
	}
}

// isolate puts a private copy in the place of the container that was found. From
// here on the target knows nothing else.
func (t *target) isolate(c *cli.Context) error {
	memory, err := isolateMemory(c)
	if err != nil || !c.Bool("isolate") {
		return err
	}
	if t.container == nil {
		return usagef("--isolate: there is no container to copy (hint: name it with --container; --sim touches nothing anyway)")
	}
	if t.container.ControlMode() == docker.ControlPoll {
		return usagef("--isolate: container %s polls its repository, and so would its copy", t.container.Name)
	}
	if memory == 0 {
		if memory, err = defaultMemory(c, t.container); err != nil {
			return err
		}
	}
	mount, err := t.mountedRepository(c)
	if err != nil {
		return withCode(exitUsage, err)
	}
	if err := reap(c.Context, t.state, t.container.Engine(), c.App.ErrWriter); err != nil {
		return err
	}
	owner, err := docker.NewOwner()
	if err != nil {
		return err
	}
	o := docker.Isolation{Owner: owner, Memory: memory}
	if o.Binds, err = t.privateRepository(owner, mount.HostPath); err != nil {
		return err
	}
	o.Models = t.private
	if o.Ports, err = freePorts(); err != nil {
		return err
	}
	return t.startCopy(c, mount, o)
}

// startCopy creates the copy, and waits until it serves.
func (t *target) startCopy(c *cli.Context, mount docker.RepositoryMount, o docker.Isolation) error {
	fmt.Fprintf(c.App.ErrWriter, "isolate: starting a copy of container %s; the container itself is not touched\n", printable(t.container.Name))
	copied, notes, err := t.container.Isolate(c.Context, mount, o)
	if errors.Is(err, docker.ErrCannotIsolate) {
		return withCode(exitUsage, err)
	} else if err != nil {
		return withCode(exitUnreachable, fmt.Errorf("%w (hint: --isolate needs to create, start and remove a container)", err))
	}
	t.onClose(func() error { return copied.Remove(context.WithoutCancel(c.Context)) })
	for _, n := range notes {
		fmt.Fprintf(c.App.ErrWriter, "note: %s\n", printable(n))
	}
	t.original = t.container
	if t.production, err = t.original.Connect(c.Context); err == nil { // else there is nobody to hurt
		t.onClose(t.production.Close)
	}
	secure, err := secureOptions(c)
	if err != nil {
		return err
	}
	if t.container, err = runner.NewContainer(c.Context, copied, secure); err != nil {
		return err
	}
	t.server = t.container
	return t.awaitCopy(c)
}

func (t *target) awaitCopy(c *cli.Context) error {
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("ready-timeout"))
	defer cancel()
	client, err := t.server.Connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	stopped := func() error { return t.server.Stopped(ctx) }
	if err := client.WaitReady(ctx, "", triton.Wait{Stopped: stopped}); err != nil {
		return withCode(exitUnreachable, fmt.Errorf("the isolated copy does not come up: %w", err))
	}
	return nil
}

// privateRepository lays the private repository out below the state directory,
// where it is removed with the target, and makes that the target's state.
func (t *target) privateRepository(owner docker.Owner, original string) ([]string, error) {
	state, err := privateState(t.state, owner)
	if err != nil {
		return nil, withCode(exitPermission, err)
	}
	dir := filepath.Dir(state.Dir())
	t.onClose(func() error { return removePrivate(dir) })
	repository, err := tritonconfig.OpenRepository(original)
	if err != nil {
		return nil, withCode(exitUsage, err)
	}
	defer repository.Close()
	t.private = filepath.Join(dir, "models")
	t.state = state
	binds, err := runner.PrivateModels(repository.Root(), t.private)
	return binds, withCode(exitPermission, err)
}

// privateState makes an owner's private directory, and the state in it.
func privateState(outer undo.State, owner docker.Owner) (state undo.State, err error) {
	for range 10 { // another process may just remove the directory above, which is empty
		state, err = outer.Below(filepath.Join(isolatedDir, owner.Name(), "state"))
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return state, err
}

// isolateMemory returns the limit asked for, 0 without one.
func isolateMemory(c *cli.Context) (int64, error) {
	text := c.String("isolate-memory")
	if text == "" {
		return 0, nil
	}
	if !c.Bool("isolate") {
		return 0, usagef("--isolate-memory: there is no copy to limit (hint: --isolate makes one)")
	}
	n, err := parseBytes(text)
	if err != nil {
		return 0, usagef("--isolate-memory: %w", err)
	}
	return n, nil
}

// defaultMemory is the limit of a copy where none is asked for: 0 where the
// container has one, which the copy takes over.
func defaultMemory(c *cli.Context, original *runner.Container) (int64, error) {
	state, err := original.Inspect(c.Context)
	if err != nil || state.MemoryLimit > 0 {
		return 0, err
	}
	return 2 * load.DefaultMemoryLimit(), nil
}

func freePorts() (ports [3]int, err error) {
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return ports, fmt.Errorf("finding free ports: %w", err)
		}
		defer l.Close() // after the last one, so that all differ
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

// orphans returns the copies whose owner has ended.
func orphans(ctx context.Context, engine *docker.Engine) ([]docker.Copy, error) {
	copies, err := engine.Copies(ctx)
	var dead []docker.Copy
	for _, c := range copies {
		if c.Owner.Dead() {
			dead = append(dead, c)
		}
	}
	return dead, err
}

// reap removes copies, and their private repositories, that killed sweeps left
// behind. A living sweep's, and those of other machines, stay.
func reap(ctx context.Context, state undo.State, engine *docker.Engine, w io.Writer) error {
	dead, err := orphans(ctx, engine)
	if err != nil {
		return err
	}
	for _, c := range dead {
		if err := c.Remove(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		fmt.Fprintf(w, "removed %s, an isolated copy that a killed run left behind\n", printable(c.Name))
	}
	return reapDirectories(state)
}

// removePrivate removes a private directory, and the one above after the last.
func removePrivate(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return withCode(exitPermission, err)
	}
	_ = os.Remove(filepath.Dir(dir)) // fails while others are in it
	return nil
}

// reapDirectories removes the private directories of owners that have ended, and
// those whose name says no owner: they are nobody's.
func reapDirectories(state undo.State) error {
	dir := filepath.Join(state.Dir(), isolatedDir)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{withCode(exitPermission, err)}
	for _, e := range entries {
		if owner, ok := docker.OwnerNamed(e.Name()); !ok || owner.Dead() {
			errs = append(errs, removePrivate(filepath.Join(dir, e.Name())))
		}
	}
	_ = os.Remove(dir) // it is empty when a run was killed before it made its own
	return errors.Join(errs...)
}

// reapFirst does at the start of a command what an isolated run that was killed
// could not, and removes what a simulation left, and shared memory. Only where there
// is a sign of a copy is Docker asked.
func (t *target) reapFirst(c *cli.Context) (err error) {
	t.deadRegions, err = region.Reap(region.Dir)
	if err := errors.Join(err, t.state.Reap()); err != nil {
		fmt.Fprintf(c.App.ErrWriter, "warning: %s\n", printable(err.Error()))
	}
	dir := filepath.Join(t.state.Dir(), isolatedDir)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) == 0 || c.Bool("sim") {
		_ = os.Remove(dir) // only where it is empty
		return nil         // no directory is the rule; one that cannot be read stops only those who need it
	}
	err = reapAll(c.Context, t.state, c.App.ErrWriter)
	if errors.Is(err, docker.ErrUnreachable) { // who needs Docker will say so
		fmt.Fprintf(c.App.ErrWriter, "note: an isolated copy that a killed run left may still be there: %s\n", printable(err.Error()))
		return nil
	}
	return err
}

func reapAll(ctx context.Context, state undo.State, w io.Writer) error {
	engine, err := docker.Open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(reap(ctx, state, engine, w), engine.Close())
}
