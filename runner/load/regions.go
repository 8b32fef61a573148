package load

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"tritonsweep/runner/load/region"
)

// Regions lets tensors travel in shared memory instead of in messages: the inputs
// of all distinct requests lie there once, and every caller has a place for the
// outputs of its one request under way. Only outputs whose size is not fixed come in
// the answers.
type Regions struct {
	Server Registrar
	// Device is the GPU whose memory it is; nil for system shared memory.
	Device region.Device
	// Dir is where system shared memory lies; empty: region.Dir.
	Dir string
}

// Registrar is a server that maps regions of this machine, of its own memory and of
// its GPUs'. triton.Client is one.
type Registrar interface {
	RegisterRegion(ctx context.Context, name, key string, size int64) error
	UnregisterRegion(ctx context.Context, name string) error
	// Regions returns the names of those that the server has mapped.
	Regions(ctx context.Context) ([]string, error)

	RegisterDeviceRegion(ctx context.Context, name string, handle []byte, device int, size int64) error
	UnregisterDeviceRegion(ctx context.Context, name string) error
	DeviceRegions(ctx context.Context) ([]string, error)
}

func (g *Regions) dir() string {
	if g.Dir != "" {
		return g.Dir
	}
	return region.Dir
}

// Kind names the memory.
func (g *Regions) Kind() string {
	if g.Device != nil {
		return "CUDA shared memory"
	}
	return "system shared memory"
}

// hint says what to do when the server cannot map this machine's memory.
func (g *Regions) hint() string {
	if g.Device != nil {
		return "(hint: CUDA shared memory needs a server on this machine that uses the same GPU under the same number, see --cuda-device; a container also docker run --ipc host)"
	}
	return "(hint: shared memory needs a server on this machine that sees its /dev/shm: docker run --ipc host, or --volume /dev/shm:/dev/shm; and the same user, or root)"
}

// Try makes, registers and removes a small region, so that a server that cannot
// share memory is known before anything is changed.
func (g *Regions) Try(ctx context.Context) error {
	r, err := g.open(ctx, 4096)
	if err != nil {
		return err
	}
	return g.close(ctx, r)
}

// free returns how many bytes there are for regions, 0 where that is not known.
func (g *Regions) free() int64 {
	if g.Device == nil {
		return region.Free(g.dir())
	}
	n, err := g.Device.Free()
	if err != nil {
		return 0
	}
	return n
}

// mapped is a region. Memory of a GPU has no file, and one of a byte stands for it:
// as long as that is locked, its owner lives.
type mapped struct {
	region.Memory
	file   *region.Region
	handle []byte // of a GPU's memory
}

func (m *mapped) Close() error {
	return errors.Join(m.Memory.Close(), m.file.Close())
}

// open makes a region and lets the server map it. What earlier processes left is
// removed: first their files, and then, since the server does see our files, its
// mappings of files that are gone.
func (g *Regions) open(ctx context.Context, size int64) (*mapped, error) {
	if _, err := region.Reap(g.dir()); err != nil {
		return nil, fmt.Errorf("removing shared memory that an earlier run left: %w", err)
	}
	m, err := g.create(size)
	if err != nil {
		return nil, err
	}
	if err := g.register(ctx, m, size); err != nil {
		return nil, errors.Join(fmt.Errorf("%w %s", err, g.hint()), m.Close())
	}
	if err := g.unmapDead(ctx); err != nil {
		return nil, errors.Join(err, g.close(ctx, m))
	}
	return m, nil
}

// unmapDead lets the server unmap our regions whose files are gone.
func (g *Regions) unmapDead(ctx context.Context) error {
	names, err := g.known(ctx)
	for _, name := range names {
		if strings.HasPrefix(name, region.Prefix) && !region.Exists(g.dir(), name) {
			err = errors.Join(err, g.unregister(ctx, name))
		}
	}
	return err
}

func (g *Regions) create(size int64) (*mapped, error) {
	if g.Device == nil {
		file, err := region.Create(g.dir(), size)
		return &mapped{Memory: file, file: file}, err
	}
	file, err := region.Create(g.dir(), 1)
	if err != nil {
		return nil, err
	}
	memory, handle, err := g.Device.Allocate(size)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &mapped{memory, file, handle}, nil
}

func (g *Regions) register(ctx context.Context, m *mapped, size int64) error {
	if g.Device == nil {
		return g.Server.RegisterRegion(ctx, m.file.Name, "/"+m.file.Name, int64(len(m.file.Data)))
	}
	return g.Server.RegisterDeviceRegion(ctx, m.file.Name, m.handle, g.Device.Number(), size)
}

func (g *Regions) unregister(ctx context.Context, name string) error {
	if g.Device == nil {
		return g.Server.UnregisterRegion(ctx, name)
	}
	return g.Server.UnregisterDeviceRegion(ctx, name)
}

func (g *Regions) known(ctx context.Context) ([]string, error) {
	if g.Device == nil {
		return g.Server.Regions(ctx)
	}
	return g.Server.DeviceRegions(ctx)
}

// close lets the server unmap a region, whatever became of ctx, and removes it. A
// server that is gone has unmapped it.
func (g *Regions) close(ctx context.Context, m *mapped) error {
	if err := g.unregister(context.WithoutCancel(ctx), m.file.Name); err != nil {
		slog.Warn("shared memory may still be mapped by the server, until it restarts", "region", m.file.Name, "error", err)
	}
	return m.Close()
}
