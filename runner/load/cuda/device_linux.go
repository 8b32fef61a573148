//go:build cuda

package cuda

import (
	"errors"
	"fmt"
	"runtime"

	"tritonsweep/runner/load/region"
)

// gpu is one of this machine's GPUs.
type gpu struct {
	driver *calls
	number int
	id     int32 // as the driver names it
}

// Open finds a GPU by its number as CUDA counts them, from 0.
func Open(number int) (region.Device, error) {
	d, err := driver()
	if err != nil {
		return nil, err
	}
	var count int32
	if err := d.check(d.deviceCount(&count), "counting GPUs"); err != nil {
		return nil, err
	}
	if number < 0 || number >= int(count) {
		return nil, fmt.Errorf("there is no GPU %d: CUDA finds %d here", number, count)
	}
	g := &gpu{driver: d, number: number}
	if err := d.check(d.device(&g.id, int32(number)), "opening a GPU"); err != nil {
		return nil, err
	}
	return g, nil
}

// Number is the GPU's.
func (g *gpu) Number() int { return g.number }

// Free returns how many bytes of the GPU's memory nobody has.
func (g *gpu) Free() (free int64, err error) {
	context, err := g.enter()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, g.leave()) }()
	return g.room(context)
}

// enter makes the GPU's primary context, which all parts of a process share, or
// keeps it for longer. It takes some hundred megabytes of the GPU, until leave.
func (g *gpu) enter() (context uintptr, err error) {
	return context, g.driver.check(g.driver.retain(&context, g.id), "making a context on a GPU")
}

func (g *gpu) leave() error {
	return g.driver.check(g.driver.release(g.id), "leaving a GPU")
}

// do calls the driver in a context. That is a property of threads, on which
// goroutines wander.
func (g *gpu) do(context uintptr, doing string, call func() result) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := g.driver.check(g.driver.setCurrent(context), "entering a context of a GPU"); err != nil {
		return err
	}
	return g.driver.check(call(), doing)
}

func (g *gpu) room(context uintptr) (int64, error) {
	var free, total uint64
	err := g.do(context, "asking for a GPU's memory", func() result { return g.driver.memoryInfo(&free, &total) })
	return int64(free), err
}
