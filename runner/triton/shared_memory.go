package triton

import (
	"context"
	"errors"
	"slices"

	"tritonsweep/internal/tritonpb/service"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// RegisterRegion lets the server map a region of system shared memory under a
// name. Size is bytes. The key is that of shm_open: "/" and a file's name.
func (c *Client) RegisterRegion(ctx context.Context, name, key string, size int64) error {
	return c.region(ctx, "registering shared memory "+name, func(ctx context.Context) error {
		_, err := c.api.SystemSharedMemoryRegister(ctx, &service.SystemSharedMemoryRegisterRequest{Name: name, Key: key, ByteSize: uint64(size)}, limit())
		return err
	})
}

// UnregisterRegion lets the server unmap a region of system shared memory. A name
// that it does not know is no error.
func (c *Client) UnregisterRegion(ctx context.Context, name string) error {
	return c.region(ctx, "unregistering shared memory "+name, func(ctx context.Context) error {
		_, err := c.api.SystemSharedMemoryUnregister(ctx, &service.SystemSharedMemoryUnregisterRequest{Name: name}, limit())
		return err
	})
}

// Regions returns the names of the regions of system shared memory that the server
// has mapped, in order.
func (c *Client) Regions(ctx context.Context) (names []string, err error) {
	err = c.region(ctx, "asking for shared memory", func(ctx context.Context) error {
		answer, err := c.api.SystemSharedMemoryStatus(ctx, &service.SystemSharedMemoryStatusRequest{}, limit())
		for name := range answer.GetRegions() {
			names = append(names, name)
		}
		return err
	})
	slices.Sort(names)
	return names, err
}

// RegisterDeviceRegion lets the server map memory of a GPU under a name. The handle
// is what cudaIpcGetMemHandle returns, 64 bytes; the device is the GPU's number as
// the server counts them.
func (c *Client) RegisterDeviceRegion(ctx context.Context, name string, handle []byte, device int, size int64) error {
	return c.region(ctx, "registering CUDA shared memory "+name, func(ctx context.Context) error {
		_, err := c.api.CudaSharedMemoryRegister(ctx, &service.CudaSharedMemoryRegisterRequest{
			Name: name, RawHandle: handle, DeviceId: int64(device), ByteSize: uint64(size),
		}, limit())
		return err
	})
}

// UnregisterDeviceRegion is UnregisterRegion for the memory of a GPU.
func (c *Client) UnregisterDeviceRegion(ctx context.Context, name string) error {
	return c.region(ctx, "unregistering CUDA shared memory "+name, func(ctx context.Context) error {
		_, err := c.api.CudaSharedMemoryUnregister(ctx, &service.CudaSharedMemoryUnregisterRequest{Name: name}, limit())
		return err
	})
}

// DeviceRegions is Regions for the memory of GPUs. A server that was built without
// GPUs has none.
func (c *Client) DeviceRegions(ctx context.Context) (names []string, err error) {
	err = c.region(ctx, "asking for CUDA shared memory", func(ctx context.Context) error {
		answer, err := c.api.CudaSharedMemoryStatus(ctx, &service.CudaSharedMemoryStatusRequest{}, limit())
		for name := range answer.GetRegions() {
			names = append(names, name)
		}
		if status.Code(err) == codes.Unimplemented {
			return nil
		}
		return err
	})
	slices.Sort(names)
	return names, err
}

// Unmap lets the server unmap those of the named regions that it has mapped, of the
// system's memory and of GPUs'.
func (c *Client) Unmap(ctx context.Context, names []string) (err error) {
	for _, kind := range []struct {
		known      func(context.Context) ([]string, error)
		unregister func(context.Context, string) error
	}{{c.Regions, c.UnregisterRegion}, {c.DeviceRegions, c.UnregisterDeviceRegion}} {
		known, knownErr := kind.known(ctx)
		err = errors.Join(err, knownErr)
		for _, name := range known {
			if slices.Contains(names, name) {
				err = errors.Join(err, kind.unregister(ctx, name))
			}
		}
	}
	return err
}

// region does one call about shared memory.
func (c *Client) region(ctx context.Context, doing string, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.callTimeout)
	defer cancel()
	if err := call(ctx); err != nil {
		return c.fail(ctx, doing, "", err)
	}
	return nil
}
