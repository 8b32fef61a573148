package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tritonsweep/results"
	"tritonsweep/sweep"
)

// MemoryCap is how much memory the server's container may use while it is under
// load: a share of its limit (of the host's memory where it has none), or bytes.
// The zero value watches nothing.
type MemoryCap struct {
	Share float64 // 0..1
	Bytes int64
}

// memoryReader is a Server that can tell its memory at any time: the memory in
// use, and the limit of the container or else the memory of the host, in bytes.
type memoryReader interface {
	MemoryNow(ctx context.Context) (used, limit int64, err error)
}

var _ memoryReader = (*Container)(nil)

// MemoryNow returns the container's memory in use and its limit.
func (c *Container) MemoryNow(ctx context.Context) (used, limit int64, err error) {
	m, err := c.Stats(ctx)
	return m.Used, m.Limit, err
}

// MemoryStopError ends a point because the server's container came too close to
// its limit. The load was stopped at once; the server goes on.
type MemoryStopError struct{ Used, Cap, Limit int64 }

func (e *MemoryStopError) Error() string {
	return fmt.Sprintf("stopped: the container uses %s of %s, more than the %s allowed (hint: fewer callers, a smaller batch, or a higher --max-container-memory)",
		mebibytes(e.Used), mebibytes(e.Limit), mebibytes(e.Cap))
}

func mebibytes(n int64) string { return fmt.Sprintf("%.4g MiB", float64(n)/(1<<20)) }

// guardEvery is how often the memory is compared with the cap: several times
// while a runaway load doubles, and still next to nothing for the Engine.
const guardEvery = 250 * time.Millisecond

// guard returns a context that ends with a MemoryStopError when the container
// uses more than the cap allows. stop must be called.
func (r *run) guard(ctx context.Context) (guarded context.Context, stop func()) {
	reader, ok := r.Server.(memoryReader)
	if !ok || r.MaxContainerMemory == (MemoryCap{}) {
		return ctx, func() {}
	}
	guarded, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(guardEvery)
		defer ticker.Stop()
		for {
			if stop := r.over(guarded, reader); stop != nil {
				cancel(stop)
			}
			select {
			case <-guarded.Done():
				return
			case <-ticker.C:
			}
		}
	}()
	return guarded, func() { cancel(nil); <-done }
}

// over compares the memory now with the cap. A reading that fails proves
// nothing: the next one counts.
func (r *run) over(ctx context.Context, reader memoryReader) error {
	used, limit, err := reader.MemoryNow(ctx)
	if err != nil {
		return nil
	}
	most := r.MaxContainerMemory.Bytes
	if most == 0 {
		most = int64(r.MaxContainerMemory.Share * float64(limit))
	}
	if most > 0 && used > most {
		return &MemoryStopError{Used: used, Cap: most, Limit: limit}
	}
	return nil
}

// tooMuch tells a point that the guard stopped.
func tooMuch(err error) bool {
	_, ok := errors.AsType[*MemoryStopError](err)
	return ok
}

// heavier reports whether a load has at least as much on the way as one that was
// stopped.
func heavier(l, stopped sweep.Load) bool {
	if l.Open() != stopped.Open() {
		return false
	}
	if l.Open() {
		return l.BatchSize >= stopped.BatchSize && l.Rate >= stopped.Rate
	}
	return l.Concurrency*l.BatchSize >= stopped.Concurrency*stopped.BatchSize
}

// spare is the record of a load that is not offered, since a lighter one was
// stopped.
func (r *run) spare(t sweep.Trial, l, stopped sweep.Load) results.Record {
	return r.untried(t, l, results.Failed, fmt.Sprintf("not tried: %s was stopped for the container's memory", stopped))
}
