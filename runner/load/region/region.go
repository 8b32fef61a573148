// Package region makes regions of POSIX shared memory: memory that another process
// of this machine, or a container that shares it, maps by its name.
//
// A region is a file in /dev/shm, and files outlive processes. So that nothing
// stays behind whatever happens, the owner holds a lock on its file: the kernel
// frees that lock however the owner ends, and Reap removes the regions whose lock
// is free. No process identifier is compared, so one that was given anew does no
// harm.
package region

import (
	"errors"
	"fmt"
)

// Dir is where the system keeps shared memory.
const Dir = "/dev/shm"

// Prefix begins the names of all regions of this program.
const Prefix = "tritonsweep-region-"

// ErrUnsupported says that this system has no such memory.
var ErrUnsupported = errors.New("system shared memory needs Linux")

// SpaceError says that a region does not fit. Sizes are bytes.
type SpaceError struct {
	Dir        string
	Want, Free int64
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("a region of %d bytes does not fit into %s, where %d are free (hint: fewer callers, or a larger %s)", e.Want, e.Dir, e.Free, e.Dir)
}

// Memory is what tensors lie in, of this machine or of a GPU. Positions and sizes
// are bytes.
type Memory interface {
	Write(at int64, data []byte) error
	// View returns a part as it is now: the memory itself, or a copy.
	View(at, size int64) ([]byte, error)
	Fill(at, size int64, value byte) error
	// Close frees the memory; twice is no error.
	Close() error
}

// Device makes memory that another process maps by a handle. A GPU is one.
type Device interface {
	Number() int
	Free() (int64, error)
	Allocate(size int64) (memory Memory, handle []byte, err error)
}
