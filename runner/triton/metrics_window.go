package triton

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Model returns the figures of the model's highest version, and whether the
// page has any.
func (m Metrics) Model(name string) (ModelMetrics, bool) {
	for _, candidate := range slices.Backward(m.Models) { // sorted by version
		if candidate.Model == name {
			return candidate, true
		}
	}
	return ModelMetrics{}, false
}

// Sub returns what was counted since the earlier reading; Pending is the later
// one's. A figure that is absent from either reading is absent from the
// result. It wraps ErrReset when a counter fell.
func (m ModelMetrics) Sub(earlier ModelMetrics) (ModelMetrics, error) {
	if m.Model != earlier.Model || m.Version != earlier.Version {
		return ModelMetrics{}, fmt.Errorf("%w: model %s version %s became %s version %s", ErrReset,
			quoteName(earlier.Model), earlier.Version, quoteName(m.Model), m.Version)
	}
	delta := ModelMetrics{Model: m.Model, Version: m.Version, Pending: m.Pending}
	for _, name := range slices.Sorted(maps.Keys(modelFigures)) {
		figure := modelFigures[name]
		now, before := *figure(&m), *figure(&earlier)
		if name == "nv_inference_pending_request_count" || now == nil || before == nil {
			continue
		}
		if *now < *before {
			return ModelMetrics{}, fell(name, m.Model, *before, *now)
		}
		difference := *now - *before
		*figure(&delta) = &difference
	}
	if m.Failure != nil && earlier.Failure != nil {
		delta.Failure = map[string]float64{}
		for reason, before := range earlier.Failure {
			if now := m.Failure[reason]; now < before {
				return ModelMetrics{}, fell("nv_inference_request_failure of reason "+reason, m.Model, before, now)
			}
		}
		// A reason that is new has counted from zero.
		for reason, now := range m.Failure {
			delta.Failure[reason] = now - earlier.Failure[reason]
		}
	}
	return delta, nil
}

func fell(name, model string, before, now float64) error {
	return fmt.Errorf("%w: %s of model %s fell from %g to %g", ErrReset, name, quoteName(model), before, now)
}

// GPUWindow is what one device did while it was sampled. A nil figure was in
// none of the samples.
type GPUWindow struct {
	UUID        string
	Samples     int      // pages that named the device
	Utilization *float64 // mean, 0 to 1
	MemoryUsed  *float64 // largest, bytes
	MemoryTotal *float64 // bytes
	Power       *float64 // mean, watts
}

// SampleGPUs reads the metrics page at once and then every interval until ctx
// ends, and returns a window for each device, none for a server without. The
// end of ctx is not an error; pages that cannot be read are left out, and
// without any the last error is returned. Triton refreshes its gauges about
// every 2 s, so that shorter intervals add nothing.
func (c *Client) SampleGPUs(ctx context.Context, every time.Duration) ([]GPUWindow, error) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	sums := map[string]*gpuSum{}
	pages := 0
	var last error
	for {
		m, err := c.Metrics(ctx)
		switch {
		case err == nil:
			pages++
			for _, g := range m.GPUs {
				if sums[g.UUID] == nil {
					sums[g.UUID] = &gpuSum{GPUWindow: GPUWindow{UUID: g.UUID}}
				}
				sums[g.UUID].add(g)
			}
		case ctx.Err() == nil:
			last = err
			if errors.Is(err, ErrNoMetrics) {
				return nil, err
			}
		}
		select {
		case <-ctx.Done():
			if pages == 0 {
				return nil, errors.Join(last, ctx.Err())
			}
			return windows(sums), nil
		case <-ticker.C:
		}
	}
}

// JoinGPUs makes the windows of readings that were taken one after another.
func JoinGPUs(readings [][]GPU) []GPUWindow {
	sums := map[string]*gpuSum{}
	for _, gpus := range readings {
		for _, g := range gpus {
			if sums[g.UUID] == nil {
				sums[g.UUID] = &gpuSum{GPUWindow: GPUWindow{UUID: g.UUID}}
			}
			sums[g.UUID].add(g)
		}
	}
	return windows(sums)
}

type gpuSum struct {
	GPUWindow
	utilization, power           float64
	utilizationCount, powerCount int
}

func (s *gpuSum) add(g GPU) {
	s.Samples++
	if g.Utilization != nil {
		s.utilization += *g.Utilization
		s.utilizationCount++
	}
	if g.Power != nil {
		s.power += *g.Power
		s.powerCount++
	}
	if g.MemoryUsed != nil && (s.MemoryUsed == nil || *g.MemoryUsed > *s.MemoryUsed) {
		s.MemoryUsed = g.MemoryUsed
	}
	if g.MemoryTotal != nil {
		s.MemoryTotal = g.MemoryTotal
	}
}

func windows(sums map[string]*gpuSum) []GPUWindow {
	var list []GPUWindow
	for _, s := range sums {
		s.Utilization = mean(s.utilization, s.utilizationCount)
		s.Power = mean(s.power, s.powerCount)
		list = append(list, s.GPUWindow)
	}
	slices.SortFunc(list, func(a, b GPUWindow) int { return strings.Compare(a.UUID, b.UUID) })
	return list
}

func mean(sum float64, count int) *float64 {
	if count == 0 {
		return nil
	}
	m := sum / float64(count)
	return &m
}
