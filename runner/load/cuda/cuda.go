// Package cuda makes memory on an NVIDIA GPU that another process of this machine
// maps by a handle (NVIDIA, "CUDA Driver API", chapter on memory management:
// cuIpcGetMemHandle).
//
// It calls the driver's library, which only a dynamically linked program can load.
// So it is part of programs that are built with -tags cuda, and of no other; those
// stay one static file.
package cuda

import (
	"errors"
	"fmt"
)

// ErrUnsupported says that this program cannot use a GPU's memory.
var ErrUnsupported = errors.New("this program was built without CUDA (hint: go build -tags cuda, on Linux)")

// SpaceError says that the GPU has not enough memory left. Sizes are bytes.
type SpaceError struct {
	Device     int
	Want, Free int64
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("%d bytes do not fit into the memory of GPU %d, where %d are free (hint: fewer callers, or --cuda-device)", e.Want, e.Device, e.Free)
}
