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

// area is where a tensor lies in a region.
type area struct {
	region       string
	offset, size uint64
}

// The parameters of a tensor in shared memory.
const (
	regionParameter = "shared_memory_region"
	sizeParameter   = "shared_memory_byte_size"
	offsetParameter = "shared_memory_offset"
)

// areaOf reads a tensor's parameters; ok is false where it lies in none.
func areaOf(parameters map[string]*service.InferParameter) (a area, ok bool) {
	p, ok := parameters[regionParameter]
	if !ok {
		return a, false
	}
	number := func(name string) uint64 {
		v := parameters[name]
		return max(v.GetUint64Param(), uint64(max(0, v.GetInt64Param())))
	}
	return area{p.GetStringParam(), number(offsetParameter), number(sizeParameter)}, true
}

// use calls do with the memory and the position of an area, while nobody forgets it.
func (g *regions) use(a area, do func(memory SharedMemory, at int64) error) error {
	g.mu.RLock()
	defer g.mu.RUnlock()
	r := g.byID[a.region]
	switch {
	case r == nil:
		return status.Errorf(codes.NotFound, "Unable to find shared memory region: '%s'", a.region)
	case a.offset > r.size:
		return status.Errorf(codes.InvalidArgument, "Invalid offset for shared memory region: '%s'", a.region)
	case a.size > r.size-a.offset:
		return status.Errorf(codes.InvalidArgument, "Invalid offset + byte size for shared memory region: '%s'", a.region)
	}
	return do(r.memory, int64(r.offset+a.offset))
}

// fetch gives a request what its inputs in shared memory hold. Its other tensors
// lie in r.raws in the order of their inputs.
func (g *regions) fetch(r *request) error {
	var raws []rawInput
	for _, in := range r.head.Inputs {
		a, shared := areaOf(in.Parameters)
		if !shared {
			if len(r.raws) > 0 {
				raws, r.raws = append(raws, r.raws[0]), r.raws[1:]
			}
			continue
		}
		raw, err := g.read(a, in.Shape)
		if err != nil {
			return err
		}
		raws = append(raws, raw)
	}
	r.raws = append(raws, r.raws...)
	return nil
}

func (g *regions) read(a area, shape []int64) (raw rawInput, err error) {
	items, stride := divide(int64(a.size), leading(shape))
	raw = rawInput{size: int(a.size), firsts: make([]first, items)}
	err = g.use(a, func(memory SharedMemory, at int64) error {
		for i := range raw.firsts {
			n := min(stride, int64(len(first{})))
			if _, err := memory.ReadAt(raw.firsts[i][:n], at+int64(i)*stride); err != nil {
				return status.Errorf(codes.Internal, "reading shared memory: %v", err)
			}
		}
		return nil
	})
	return raw, err
}

// places finds the outputs that go to shared memory, and refuses those that do not
// fit before anything is executed.
func (g *regions) places(r *request, outputs []output) error {
	for _, wanted := range r.head.Outputs {
		a, shared := areaOf(wanted.Parameters)
		if !shared {
			continue
		}
		if err := g.use(a, func(SharedMemory, int64) error { return nil }); err != nil {
			return err
		}
		for i := range outputs {
			if o := &outputs[i]; o.name == wanted.Name {
				o.area = &a
			}
		}
	}
	return nil
}

// store writes the outputs that go to shared memory.
func (g *regions) store(outputs []output) error {
	for _, o := range outputs {
		if o.area == nil {
			continue
		}
		if need := uint64(o.size()); o.area.size < need {
			return status.Errorf(codes.Internal, "shared memory size specified with the request for output '%s' (%d bytes) should be at least %d bytes to hold the results",
				o.name, o.area.size, need)
		}
		var encoded response
		encoded.tensor(o)
		encoded.flush()
		err := g.use(*o.area, func(memory SharedMemory, at int64) error {
			for _, part := range encoded.parts {
				n, err := memory.WriteAt(part.ReadOnlyData(), at)
				if err != nil {
					return status.Errorf(codes.Internal, "writing shared memory: %v", err)
				}
				at += int64(n)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
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

// readArea reads from JSON where a tensor lies in shared memory.
func readArea(parameters object) (map[string]*service.InferParameter, error) {
	name, err := get[string](parameters, regionParameter, noString)
	if err != nil {
		return nil, err
	}
	size, err := get[uint64](parameters, sizeParameter, noUnsigned)
	if err != nil {
		return nil, err
	}
	offset, err := optional[uint64](parameters, offsetParameter, noUnsigned)
	if err != nil {
		return nil, err
	}
	return map[string]*service.InferParameter{
		regionParameter: {ParameterChoice: &service.InferParameter_StringParam{StringParam: name}},
		sizeParameter:   unsigned(size), offsetParameter: unsigned(offset),
	}, nil
}
