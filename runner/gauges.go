package runner

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"tritonsweep/results"
	"tritonsweep/runner/triton"
)

// gpuEvery is how often the metrics page is read. Triton renews its GPU figures
// every two seconds unless told otherwise.
const gpuEvery = time.Second

// watch samples the server's memory and devices, and who else uses them, until the
// returned function is called, which returns what was seen. What is not reported
// stays nil.
func (r *run) watch(ctx context.Context, others *neighbourWatch) func() results.Resources {
	ctx, cancel := context.WithCancel(ctx)
	var seen results.Resources
	var group sync.WaitGroup
	if r.Server != nil {
		group.Go(func() { seen.ContainerMemory = r.Server.WatchMemory(ctx) })
	}
	group.Go(func() {
		// A server without metrics page, or without GPU, has none to show.
		windows, err := r.client.SampleGPUs(ctx, gpuEvery)
		if err == nil {
			seen.GPUs = devices(windows, "")
		}
	})
	var driver []triton.GPUWindow
	if _, local := r.Server.(*Container); local {
		group.Go(func() { driver = sampleSMI(ctx, gpuEvery, readSMI) })
		group.Go(func() { others.watchDevices(ctx, askDriver) })
	}
	return func() results.Resources {
		cancel()
		group.Wait()
		if len(seen.GPUs) == 0 {
			seen.GPUs = devices(driver, "nvidia-smi")
		}
		return seen
	}
}

// ownResources is a copy for one of several records: figures that cannot be are taken
// out of each.
func ownResources(r results.Resources) results.Resources {
	r.ContainerMemory = own(r.ContainerMemory)
	r.GPUs = slices.Clone(r.GPUs)
	for i := range r.GPUs {
		g := &r.GPUs[i]
		g.MemoryUsed, g.MemoryTotal, g.Utilization, g.Power = own(g.MemoryUsed), own(g.MemoryTotal), own(g.Utilization), own(g.Power)
	}
	return r
}

func own[T any](v *T) *T {
	if v == nil {
		return nil
	}
	return new(*v)
}

func devices(windows []triton.GPUWindow, source string) []results.GPU {
	var out []results.GPU
	for _, w := range windows {
		out = append(out, results.GPU{
			UUID: w.UUID, MemoryUsed: whole(w.MemoryUsed), MemoryTotal: whole(w.MemoryTotal),
			Utilization: w.Utilization, Power: w.Power, Source: source,
		})
	}
	return out
}

// whole rounds a gauge in bytes, which the metrics page writes as a float.
func whole(v *float64) *int64 {
	if v == nil {
		return nil
	}
	n := int64(math.Round(*v))
	return &n
}
