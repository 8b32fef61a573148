package triton

import (
	"context"

	"tritonsweep/internal/tritonpb/service"
)

// RegisterRegion lets the server map a region of system shared memory under a
// name. Size is bytes. The key is that of shm_open: "/" and a file's name.
func (c *Client) RegisterRegion(ctx context.Context, name, key string, size int64) error {
	ctx, cancel := context.WithTimeout(ctx, c.callTimeout)
	defer cancel()
	_, err := c.api.SystemSharedMemoryRegister(ctx, &service.SystemSharedMemoryRegisterRequest{Name: name, Key: key, ByteSize: uint64(size)}, limit())
	if err != nil {
		return c.fail(ctx, "registering shared memory "+name, "", err)
	}
	return nil
}

// UnregisterRegion lets the server unmap a region. A name that it does not know is
// no error.
func (c *Client) UnregisterRegion(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, c.callTimeout)
	defer cancel()
	_, err := c.api.SystemSharedMemoryUnregister(ctx, &service.SystemSharedMemoryUnregisterRequest{Name: name}, limit())
	if err != nil {
		return c.fail(ctx, "unregistering shared memory "+name, "", err)
	}
	return nil
}

// Regions returns the keys of the regions that the server has mapped, by name.
func (c *Client) Regions(ctx context.Context) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.callTimeout)
	defer cancel()
	answer, err := c.api.SystemSharedMemoryStatus(ctx, &service.SystemSharedMemoryStatusRequest{}, limit())
	if err != nil {
		return nil, c.fail(ctx, "asking for shared memory", "", err)
	}
	keys := map[string]string{}
	for name, region := range answer.GetRegions() {
		keys[name] = region.GetKey()
	}
	return keys, nil
}
