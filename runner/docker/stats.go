package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/container"
)

// Memory is what the container uses, in bytes.
type Memory struct {
	// Used is without the page cache that the kernel would give back at once,
	// the figure that the stats command of Docker shows.
	Used int64
	// Limit is the container's limit, or the host's memory where it has none.
	Limit int64
}

// Stats returns the memory in use now. It wraps ErrNotRunning, ErrGone or
// ErrUnreachable. Engine 20.10 has a new figure once a second and answers a
// second question in that time only when it has one.
func (c *Container) Stats(ctx context.Context) (Memory, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := c.engine.api.ContainerStatsOneShot(ctx, c.ID)
	if err != nil {
		return Memory{}, c.fail("reading the memory of", err)
	}
	defer answer.Body.Close()
	var stats container.StatsResponse
	if err := json.NewDecoder(answer.Body).Decode(&stats); err != nil {
		return Memory{}, c.fail("reading the memory of", err)
	}
	// For a stopped container the Engine answers with an empty document.
	if stats.MemoryStats.Usage == 0 {
		return Memory{}, fmt.Errorf("reading the memory of %s: %w", c.Name, ErrNotRunning)
	}
	return memoryOf(stats.MemoryStats), nil
}

// memoryOf subtracts the inactive file pages, whose name differs between the
// two versions of control groups.
func memoryOf(m container.MemoryStats) Memory {
	used := m.Usage
	for _, name := range []string{"total_inactive_file", "inactive_file"} { // v1, v2
		if cache, ok := m.Stats[name]; ok {
			if cache < used {
				used -= cache
			}
			break
		}
	}
	return Memory{Used: int64(used), Limit: int64(m.Limit)}
}

// Peak is the largest memory seen by a number of samples.
type Peak struct {
	Memory
	Samples int
}

// SampleMemory reads the memory at once and then every interval (or as often as
// the Engine has a new figure: about once a second) until ctx ends, and returns
// the peak. The end of ctx is not an error. Samples that fail are
// left out; without any the last error is returned, and when the container is
// gone or stopped the peak so far comes with that error.
func (c *Container) SampleMemory(ctx context.Context, every time.Duration) (Peak, error) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var (
		peak Peak
		last error
	)
	for {
		m, err := c.Stats(ctx)
		switch {
		case err == nil:
			peak.Samples++
			if m.Used > peak.Used {
				peak.Memory = m
			}
		case ctx.Err() == nil:
			last = err
			if errors.Is(err, ErrGone) || errors.Is(err, ErrNotRunning) {
				return peak, err
			}
		}
		select {
		case <-ctx.Done():
			if peak.Samples == 0 {
				if last == nil {
					last = ctx.Err()
				}
				return peak, last
			}
			return peak, nil
		case <-ticker.C:
		}
	}
}
