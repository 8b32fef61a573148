package batcher

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Profile says what a model costs: the profile.json beside a config.pbtxt. The
// stand-in models of examples/models take their times from it, and so do the
// simulated server and predictions.
type Profile struct {
	// Compute is the time of one execution by batch size, on the device.
	Compute Table
	// InputCopy and OutputCopy are spent by an instance before and after it
	// holds the device: instances of one device overlap their copies.
	InputCopy  Table
	OutputCopy Table
	// Device names what executions share: profiles with equal names compute
	// one at a time. Empty: every instance computes by itself.
	Device string
	// ReferenceElements is the size of an item that the times hold for, in
	// input elements; 0 where all items are equal. Times grow in proportion.
	ReferenceElements float64
	// LoadTime is how long an instance takes to load.
	LoadTime time.Duration
	// Source says where the figures come from.
	Source string

	memory []memoryPoint // by instances; one point for 1 means: so much each
}

type memoryPoint struct {
	instances int
	mib       float64
}

// Memory returns what count instances take together, in MiB: count times the
// given figure, or, where profile.json gives several, read between them.
func (p *Profile) Memory(count int) float64 {
	switch {
	case len(p.memory) == 0 || count < 1:
		return 0
	case len(p.memory) == 1:
		first := p.memory[0]
		return first.mib / float64(first.instances) * float64(count)
	}
	last := len(p.memory) - 1
	upper := 1
	for upper < last && p.memory[upper].instances < count {
		upper++
	}
	a, b := p.memory[upper-1], p.memory[upper]
	slope := (b.mib - a.mib) / float64(b.instances-a.instances)
	return max(0, a.mib+slope*float64(count-a.instances))
}

// Scale returns by how much the times of an item of that many elements differ
// from the profile's.
func (p *Profile) Scale(elements float64) float64 {
	if p.ReferenceElements <= 0 || elements <= 0 {
		return 1
	}
	return elements / p.ReferenceElements
}

// Slower returns p with all execution times multiplied by factor, which must
// be a positive number. Memory and load time stay.
func (p *Profile) Slower(factor float64) (*Profile, error) {
	if !(factor > 0) || math.IsInf(factor, 0) {
		return nil, fmt.Errorf("%w: time factor %v", ErrConfig, factor)
	}
	scaled := *p
	scaled.Compute = p.Compute.Scaled(factor)
	scaled.InputCopy = p.InputCopy.Scaled(factor)
	scaled.OutputCopy = p.OutputCopy.Scaled(factor)
	return &scaled, nil
}

// Interpolated returns the batch sizes up to largest whose compute time is not
// given: those between given sizes, and those beyond them, which follow the
// last slope (or, below the first, its value) and deserve less trust.
func (p *Profile) Interpolated(largest int) (between, beyond []int) {
	sizes := p.Compute.Sizes()
	if len(sizes) == 0 {
		return nil, nil
	}
	for size := 1; size <= largest; size++ {
		switch {
		case p.Compute.Has(size):
		case size < sizes[0] || size > sizes[len(sizes)-1]:
			beyond = append(beyond, size)
		default:
			between = append(between, size)
		}
	}
	return between, beyond
}

// Note says in words which compute times are not given, or "" when all are:
// "compute times of batch sizes 2-7 interpolated, 9-16 extrapolated".
func (p *Profile) Note(largest int) string {
	between, beyond := p.Interpolated(largest)
	var parts []string
	if len(between) > 0 {
		parts = append(parts, ranges(between)+" interpolated")
	}
	if len(beyond) > 0 {
		parts = append(parts, ranges(beyond)+" extrapolated")
	}
	if len(parts) == 0 {
		return ""
	}
	return "compute times of batch sizes " + strings.Join(parts, ", ")
}

// ranges prints ascending numbers with runs drawn together: "2-7, 9".
func ranges(sizes []int) string {
	var parts []string
	for i := 0; i < len(sizes); {
		j := i
		for j+1 < len(sizes) && sizes[j+1] == sizes[j]+1 {
			j++
		}
		if i == j {
			parts = append(parts, fmt.Sprint(sizes[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", sizes[i], sizes[j]))
		}
		i = j + 1
	}
	return strings.Join(parts, ", ")
}
