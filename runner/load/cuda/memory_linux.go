//go:build cuda

package cuda

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"tritonsweep/runner/load/region"
)

// page is what the driver hands out to other processes, bytes. Smaller allocations
// share one, and whoever has the handle of one could read the others.
const page = 2 << 20

func pages(size int64) int64 { return (max(size, 1) + page - 1) / page * page }

// memory is an allocation. The device's primary context is kept as long: what was
// allocated in a context ends with it.
type memory struct {
	*gpu
	context uintptr
	address uint64 // 0 once it is freed
	size    int64
}

// Allocate makes memory on the GPU. The handle is what another process needs to map
// it. That process must let go of it before Close.
func (g *gpu) Allocate(size int64) (_ region.Memory, handle []byte, err error) {
	m := &memory{gpu: g, size: size}
	if m.context, err = g.enter(); err != nil {
		return nil, nil, err
	}
	if handle, err = m.take(); err != nil {
		return nil, nil, errors.Join(err, m.Close())
	}
	return m, handle, nil
}

func (m *memory) take() ([]byte, error) {
	want := pages(m.size)
	switch free, err := m.room(m.context); {
	case err != nil:
		return nil, err
	case want > free:
		return nil, &SpaceError{m.number, want, free}
	}
	d, handle := m.driver, new([64]byte)
	err := m.do(m.context, "allocating a GPU's memory", func() result { return d.allocate(&m.address, uint64(want)) })
	if err == nil {
		err = m.do(m.context, "making a handle of a GPU's memory", func() result { return d.handle(handle, m.address) })
	}
	return handle[:], err
}

// within guards against a position outside, which the driver does not notice where
// another allocation follows.
func (m *memory) within(at, size int64) error {
	if m.address == 0 || at < 0 || size < 0 || at > m.size-size {
		return fmt.Errorf("bytes %d to %d lie outside a GPU's memory of %d bytes", at, at+size, m.size)
	}
	return nil
}

// Write copies data to the GPU.
func (m *memory) Write(at int64, data []byte) error {
	if err := m.within(at, int64(len(data))); err != nil || len(data) == 0 {
		return err
	}
	defer runtime.KeepAlive(data)
	return m.do(m.context, "writing to a GPU's memory", func() result {
		if r := m.driver.toDevice(m.address+uint64(at), unsafe.Pointer(unsafe.SliceData(data)), uint64(len(data))); r != 0 {
			return r
		}
		return m.driver.synchronize()
	})
}

// View returns a copy of a part.
func (m *memory) View(at, size int64) ([]byte, error) {
	if err := m.within(at, size); err != nil || size == 0 {
		return nil, err
	}
	data := make([]byte, size)
	err := m.do(m.context, "reading a GPU's memory", func() result {
		return m.driver.fromDevice(unsafe.Pointer(unsafe.SliceData(data)), m.address+uint64(at), uint64(size))
	})
	return data, err
}

// Fill sets every byte of a part, and returns when it is done: the driver itself
// does not wait.
func (m *memory) Fill(at, size int64, value byte) error {
	if err := m.within(at, size); err != nil || size == 0 {
		return err
	}
	return m.do(m.context, "filling a GPU's memory", func() result {
		if r := m.driver.fill(m.address+uint64(at), value, uint64(size)); r != 0 {
			return r
		}
		return m.driver.synchronize()
	})
}

// Close frees the memory.
func (m *memory) Close() error {
	if m.context == 0 {
		return nil
	}
	var err error
	if m.address != 0 {
		err = m.do(m.context, "freeing a GPU's memory", func() result { return m.driver.free(m.address) })
	}
	m.address, m.context = 0, 0
	return errors.Join(err, m.leave())
}
