package tritonsim

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/internal/tritonpb/service"
)

// sharedMemoryDir is where POSIX shared memory lies; its keys are file names.
const sharedMemoryDir = "/dev/shm"

// SharedMemory is memory that others have made. Reads and writes of it are what they
// see in theirs.
type SharedMemory interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
}

// regions are the shared memory that a process has been told of.
type regions struct {
	mu   sync.RWMutex
	byID map[string]*sharedRegion
	open func(handle []byte) (SharedMemory, error) // a GPU's; nil without one
}

type sharedRegion struct {
	key          string // of system shared memory
	device       int64  // of a GPU's, else noDevice
	offset, size uint64
	memory       SharedMemory
}

const noDevice = -1

// add keeps a region that was mapped; the lock is held.
func (g *regions) add(name string, r *sharedRegion) {
	if g.byID == nil {
		g.byID = map[string]*sharedRegion{}
	}
	g.byID[name] = r
}

func (g *regions) register(q *service.SystemSharedMemoryRegisterRequest) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.byID[q.Name] != nil {
		return status.Errorf(codes.AlreadyExists, "shared memory region '%s' already in manager", q.Name)
	}
	name := strings.TrimPrefix(q.Key, "/")
	file, err := os.OpenFile(filepath.Join(sharedMemoryDir, filepath.Base(name)), os.O_RDWR, 0)
	if err != nil || strings.Contains(name, "/") {
		if err == nil {
			file.Close()
		}
		return status.Errorf(codes.Internal, "Unable to open shared memory region: '%s'", q.Key)
	}
	if info, err := file.Stat(); err != nil || q.Offset > uint64(info.Size()) || q.ByteSize > uint64(info.Size())-q.Offset {
		file.Close()
		return status.Errorf(codes.InvalidArgument, "failed to register shared memory region '%s': invalid args", q.Name)
	}
	g.add(q.Name, &sharedRegion{q.Key, noDevice, q.Offset, q.ByteSize, file})
	return nil
}

// unregister forgets a region of the system or of a GPU, or all of these for an
// empty name.
func (g *regions) unregister(name string, ofDevice bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for known, r := range g.byID {
		if (name == "" || name == known) && ofDevice == (r.device != noDevice) {
			r.memory.Close()
			delete(g.byID, known)
		}
	}
}

// forget lets go of everything, as the end of a process does.
func (g *regions) forget() {
	g.unregister("", false)
	g.unregister("", true)
}

func (g *regions) status(name string) (*service.SystemSharedMemoryStatusResponse, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if r := g.byID[name]; name != "" && (r == nil || r.device != noDevice) {
		return nil, status.Errorf(codes.NotFound, "Unable to find system shared memory region: '%s'", name)
	}
	r := &service.SystemSharedMemoryStatusResponse{Regions: map[string]*service.SystemSharedMemoryStatusResponse_RegionStatus{}}
	for known, s := range g.byID {
		if (name == "" || name == known) && s.device == noDevice {
			r.Regions[known] = &service.SystemSharedMemoryStatusResponse_RegionStatus{Name: known, Key: s.key, Offset: s.offset, ByteSize: s.size}
		}
	}
	return r, nil
}

func (a *api) SystemSharedMemoryRegister(_ context.Context, q *service.SystemSharedMemoryRegisterRequest) (*service.SystemSharedMemoryRegisterResponse, error) {
	return new(service.SystemSharedMemoryRegisterResponse), a.p.regions.register(q)
}

func (a *api) SystemSharedMemoryUnregister(_ context.Context, q *service.SystemSharedMemoryUnregisterRequest) (*service.SystemSharedMemoryUnregisterResponse, error) {
	a.p.regions.unregister(q.Name, false)
	return new(service.SystemSharedMemoryUnregisterResponse), nil
}

func (a *api) SystemSharedMemoryStatus(_ context.Context, q *service.SystemSharedMemoryStatusRequest) (*service.SystemSharedMemoryStatusResponse, error) {
	return a.p.regions.status(q.Name)
}
