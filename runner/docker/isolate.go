package docker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-connections/nat"
)

// ErrCannotIsolate: the container cannot be copied without touching something
// of the original's, or without guessing.
var ErrCannotIsolate = errors.New("cannot make an isolated copy")

// Isolation says what a copy of a container has of its own.
type Isolation struct {
	// Owner is who removes the copy, and until when it is not an orphan.
	Owner Owner
	// Models is the private model repository on the Engine's host. The copy sees
	// it read-only in the place of the original's repository.
	Models string
	// Binds are files and directories of the original repository that the copy
	// sees below it, read-only, by their path relative to the repository.
	Binds []string
	// Memory is the copy's memory limit in bytes; 0 is the original's own.
	Memory int64
	// Ports are free ports of the host for HTTP, gRPC and metrics. Only a
	// container that shares the host's network needs them.
	Ports [3]int
}

// Isolate creates and starts a copy of the container, which serves the private
// repository on ports of loopback, and returns it with what it leaves out. The
// original is only inspected. The environment goes from the one document of the
// Engine to the other and nowhere else. Remove the copy when done; the Engine's
// Orphans finds one whose owner was killed.
func (c *Container) Isolate(ctx context.Context, repository RepositoryMount, o Isolation) (_ *Container, notes []string, err error) {
	limited, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found, err := c.engine.api.ContainerInspect(limited, c.ID)
	if err != nil {
		return nil, nil, c.fail("inspecting", err)
	}
	if found.ContainerJSONBase == nil || found.Config == nil || found.HostConfig == nil {
		return nil, nil, fmt.Errorf("%w of %s: Docker describes it incompletely", ErrCannotIsolate, c.Name)
	}
	config, host, notes, err := c.copyOf(found, repository, o)
	if err != nil {
		return nil, nil, err
	}
	name := "tritonsweep-isolate-" + o.Owner.Key
	created, err := c.engine.api.ContainerCreate(limited, config, host, name)
	if err != nil {
		return nil, nil, c.fail("creating an isolated copy of", err)
	}
	twin := &Container{ID: created.ID, Name: name, engine: c.engine}
	defer func() {
		if err != nil {
			err = errors.Join(err, twin.Remove(context.WithoutCancel(ctx)))
		}
	}()
	if _, err := twin.Start(ctx); err != nil {
		return nil, nil, err
	}
	// Asked anew: the call before may have used up most of its time.
	again, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if found, err = c.engine.api.ContainerInspect(again, created.ID); err != nil {
		return nil, nil, twin.fail("inspecting", err)
	}
	pinned := c.engine.pin(found)
	pinned.Image = c.Image // it was created from the ID, which tells people nothing
	return pinned, notes, nil
}

// copyOf turns what the Engine says about the original into the definition of a
// copy: everything that decides how Triton runs stays, everything by which it
// would be known to others, or could change their things, goes.
func (c *Container) copyOf(found container.InspectResponse, r RepositoryMount, o Isolation) (*container.Config, *container.HostConfig, []string, error) {
	config := *found.Config
	config.Image = found.Image // by ID: a tag may have moved on
	config.Hostname, config.Domainname = "", ""
	//lint:ignore SA1019 Engines before API 1.44 keep the address here, and two containers must not share one
	config.MacAddress = ""
	config.Labels = o.Owner.labels(c.ID)
	config.Healthcheck = &container.HealthConfig{Test: []string{"NONE"}}
	config.AttachStdin, config.AttachStdout, config.AttachStderr, config.OpenStdin = false, false, false, false

	host := *found.HostConfig
	host.ContainerIDFile, host.AutoRemove, host.PublishAllPorts, host.Links, host.VolumesFrom = "", false, false, nil, nil
	host.ConsoleSize = [2]uint{}
	host.RestartPolicy = container.RestartPolicy{Name: container.RestartPolicyDisabled}
	host.LogConfig = container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "16m", "max-file": "2"}}
	if err := c.limitMemory(&host, o.Memory); err != nil {
		return nil, nil, nil, err
	}
	var notes []string
	host.Binds = nil
	host.Mounts, notes = mountsOf(found, r, o)
	if err := c.network(&config, &host, found, o.Ports); err != nil {
		return nil, nil, nil, err
	}
	return &config, &host, notes, nil
}

// limitMemory bounds the copy, swap included: it must not push the original out.
func (c *Container) limitMemory(host *container.HostConfig, limit int64) error {
	if limit <= 0 {
		limit = host.Memory
	}
	if limit <= 0 {
		return fmt.Errorf("%w of %s without a memory limit (hint: --isolate-memory 8GiB)", ErrCannotIsolate, c.Name)
	}
	never := false
	host.Memory, host.MemorySwap, host.MemoryReservation, host.OomKillDisable = limit, limit, 0, &never
	return nil
}

// mountsOf carries the original's mounts over, read-only, with the private
// repository in the place of the original one.
func mountsOf(found container.InspectResponse, r RepositoryMount, o Isolation) ([]mount.Mount, []string) {
	var mounts []mount.Mount
	var notes []string
	for _, m := range found.HostConfig.Mounts {
		if m.Type == mount.TypeTmpfs {
			mounts = append(mounts, m)
		}
	}
	for _, m := range found.Mounts {
		at := path.Clean(m.Destination)
		switch {
		case at == r.ContainerPath || m.Type == mount.TypeTmpfs:
		case isSocket(m.Source):
			notes = append(notes, fmt.Sprintf("the copy has no %s: through a socket it could change things", at))
		case m.Type == mount.TypeVolume:
			mounts = append(mounts, mount.Mount{Type: m.Type, Source: m.Name, Target: at, ReadOnly: true,
				VolumeOptions: &mount.VolumeOptions{NoCopy: true}})
		default:
			mounts = append(mounts, mount.Mount{Type: m.Type, Source: m.Source, Target: at, ReadOnly: true})
		}
	}
	mounts = append(mounts, mount.Mount{Type: mount.TypeBind, Source: o.Models, Target: r.ContainerPath, ReadOnly: true})
	for _, relative := range o.Binds {
		mounts = append(mounts, mount.Mount{Type: mount.TypeBind, ReadOnly: true,
			Source: path.Join(r.HostPath, relative), Target: path.Join(r.ContainerPath, relative)})
	}
	slices.SortFunc(mounts, func(a, b mount.Mount) int { return strings.Compare(a.Target, b.Target) })
	return mounts, notes
}

func isSocket(source string) bool {
	info, err := os.Stat(source)
	return err == nil && info.Mode()&os.ModeSocket != 0
}

// network gives the copy ports of its own on loopback. A published port is left
// to Docker's choice, which is read again after each start.
func (c *Container) network(config *container.Config, host *container.HostConfig, found container.InspectResponse, free [3]int) error {
	mode := host.NetworkMode
	switch {
	case mode.IsContainer():
		return fmt.Errorf("%w of %s: it shares the network of another container", ErrCannotIsolate, c.Name)
	case mode.IsNone():
		return fmt.Errorf("%w of %s: it has no network", ErrCannotIsolate, c.Name)
	case host.IpcMode.IsContainer() || host.PidMode.IsContainer():
		return fmt.Errorf("%w of %s: it shares memory or processes with another container", ErrCannotIsolate, c.Name)
	case mode.IsHost():
		host.PortBindings, config.ExposedPorts = nil, nil
		return c.movePorts(config, found, free)
	}
	host.PortBindings, config.ExposedPorts = nat.PortMap{}, nat.PortSet{}
	for _, number := range []int{c.httpPort(), c.grpcPort(), c.metricsPort()} {
		port := nat.Port(strconv.Itoa(number) + "/tcp")
		config.ExposedPorts[port] = struct{}{}
		host.PortBindings[port] = []nat.PortBinding{{HostIP: loopback}}
	}
	return nil
}

// movePorts sets the ports by flags, which count over those that stand before
// them. A script of which we do not know what it passes on is refused.
func (c *Container) movePorts(config *container.Config, found container.InspectResponse, free [3]int) error {
	words := append(slices.Clone(config.Entrypoint), config.Cmd...)
	plain := slices.ContainsFunc(words, func(w string) bool { return path.Base(w) == "tritonserver" && !strings.ContainsAny(w, " \t\n") })
	if !plain {
		return fmt.Errorf("%w of %s: it uses the host's network, and its command is a script that may not take other ports "+
			"(hint: publish ports instead of --network host)", ErrCannotIsolate, c.Name)
	}
	config.Cmd = slices.Clone(config.Cmd)
	for i, service := range []string{"http", "grpc", "metrics"} {
		if free[i] <= 0 {
			return fmt.Errorf("%w of %s: no free port for %s", ErrCannotIsolate, c.Name, service)
		}
		config.Cmd = append(config.Cmd, fmt.Sprintf("--%s-port=%d", service, free[i]), fmt.Sprintf("--%s-address=%s", service, loopback))
	}
	return nil
}

// Remove ends and removes a copy that Isolate made, with its anonymous volumes.
// One that is gone already is no error; a container without our label is refused.
func (c *Container) Remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	found, err := c.engine.api.ContainerInspect(ctx, c.ID)
	if err == nil && (found.Config == nil || found.Config.Labels[labelKey] == "") {
		return fmt.Errorf("removing %s: it is no copy of tritonsweep's, and stays", c.Name)
	}
	if err == nil {
		err = c.engine.api.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
	}
	if err = c.fail("removing", err); errors.Is(err, ErrGone) {
		return nil
	}
	return err
}

// labels identify a copy of the container original.
func (o Owner) labels(original string) map[string]string {
	labels := maps.Clone(o.fields())
	labels[labelOriginal] = original
	return labels
}
