package tritonsim

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/internal/tritonpb/service"
)

// registerDevice maps memory of a GPU by its handle, where there is one.
func (g *regions) registerDevice(q *service.CudaSharedMemoryRegisterRequest, gpus int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.byID[q.Name] != nil {
		return status.Errorf(codes.AlreadyExists, "shared memory region '%s' already in manager", q.Name)
	}
	invalid := status.Error(codes.InvalidArgument, "failed to register shared memory region: invalid args")
	if g.open == nil || q.DeviceId < 0 || q.DeviceId >= int64(gpus) {
		return invalid
	}
	memory, err := g.open(q.RawHandle)
	if err != nil {
		return invalid
	}
	g.add(q.Name, &sharedRegion{device: q.DeviceId, size: q.ByteSize, memory: memory})
	return nil
}

func (g *regions) deviceStatus(name string) (*service.CudaSharedMemoryStatusResponse, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if r := g.byID[name]; name != "" && (r == nil || r.device == noDevice) {
		return nil, status.Errorf(codes.NotFound, "Unable to find cuda shared memory region: '%s'", name)
	}
	r := &service.CudaSharedMemoryStatusResponse{Regions: map[string]*service.CudaSharedMemoryStatusResponse_RegionStatus{}}
	for known, s := range g.byID {
		if (name == "" || name == known) && s.device != noDevice {
			r.Regions[known] = &service.CudaSharedMemoryStatusResponse_RegionStatus{Name: known, DeviceId: uint64(s.device), ByteSize: s.size}
		}
	}
	return r, nil
}

func (a *api) CudaSharedMemoryRegister(_ context.Context, q *service.CudaSharedMemoryRegisterRequest) (*service.CudaSharedMemoryRegisterResponse, error) {
	return new(service.CudaSharedMemoryRegisterResponse), a.p.regions.registerDevice(q, a.p.server.options.GPUs)
}

func (a *api) CudaSharedMemoryUnregister(_ context.Context, q *service.CudaSharedMemoryUnregisterRequest) (*service.CudaSharedMemoryUnregisterResponse, error) {
	a.p.regions.unregister(q.Name, true)
	return new(service.CudaSharedMemoryUnregisterResponse), nil
}

func (a *api) CudaSharedMemoryStatus(_ context.Context, q *service.CudaSharedMemoryStatusRequest) (*service.CudaSharedMemoryStatusResponse, error) {
	return a.p.regions.deviceStatus(q.Name)
}
