//go:build cuda

package cuda

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// result is a CUresult: 0 is success.
type result int32

// calls are the driver's functions that are needed, under the names of its library.
// What ends in _v2 there has a macro of the plain name in cuda.h.
type calls struct {
	init         func(flags uint32) result
	deviceCount  func(count *int32) result
	device       func(device *int32, number int32) result
	retain       func(context *uintptr, device int32) result
	release      func(device int32) result
	setCurrent   func(context uintptr) result
	synchronize  func() result
	memoryInfo   func(free, total *uint64) result
	allocate     func(address *uint64, size uint64) result
	free         func(address uint64) result
	handle       func(handle *[64]byte, address uint64) result
	toDevice     func(to uint64, from unsafe.Pointer, size uint64) result
	fromDevice   func(to unsafe.Pointer, from uint64, size uint64) result
	fill         func(to uint64, value uint8, size uint64) result
	errorName    func(code result, name **byte) result
	errorMeaning func(code result, text **byte) result
}

// driver loads the library once.
var driver = sync.OnceValues(func() (*calls, error) {
	library, err := purego.Dlopen("libcuda.so.1", purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("loading NVIDIA's driver library: %w (hint: it comes with the GPU's driver; in a container with --gpus)", err)
	}
	c := new(calls)
	for name, function := range map[string]any{
		"cuInit": &c.init, "cuDeviceGetCount": &c.deviceCount, "cuDeviceGet": &c.device,
		"cuDevicePrimaryCtxRetain": &c.retain, "cuDevicePrimaryCtxRelease_v2": &c.release,
		"cuCtxSetCurrent": &c.setCurrent, "cuCtxSynchronize": &c.synchronize, "cuMemGetInfo_v2": &c.memoryInfo,
		"cuMemAlloc_v2": &c.allocate, "cuMemFree_v2": &c.free, "cuIpcGetMemHandle": &c.handle,
		"cuMemcpyHtoD_v2": &c.toDevice, "cuMemcpyDtoH_v2": &c.fromDevice, "cuMemsetD8_v2": &c.fill,
		"cuGetErrorName": &c.errorName, "cuGetErrorString": &c.errorMeaning,
	} {
		address, err := purego.Dlsym(library, name)
		if err != nil {
			return nil, fmt.Errorf("NVIDIA's driver library is too old: %w", err)
		}
		purego.RegisterFunc(function, address)
	}
	if err := c.check(c.init(0), "starting CUDA"); err != nil {
		return nil, err
	}
	return c, nil
})

// check makes an error of a result that is none.
func (c *calls) check(r result, doing string) error {
	if r == 0 {
		return nil
	}
	var name, text *byte
	if c.errorName(r, &name) != 0 || c.errorMeaning(r, &text) != 0 {
		return fmt.Errorf("%s: CUDA error %d", doing, r)
	}
	return fmt.Errorf("%s: %s (%s)", doing, goString(text), goString(name))
}

// goString copies a string that ends in a zero.
func goString(text *byte) string {
	if text == nil {
		return ""
	}
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(text), n)) != 0 {
		n++
	}
	return string(unsafe.Slice(text, n))
}
