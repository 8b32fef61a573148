package batcher

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Table is a time by batch size: given points, straight lines between them,
// the first value below and the last slope beyond them (never below 0).
type Table struct {
	points []tablePoint // by size
}

type tablePoint struct {
	size int
	ns   float64
}

// NewTable returns the table of the given points. Sizes must be at least 1,
// times finite and not negative.
func NewTable(points map[int]time.Duration) (Table, error) {
	var t Table
	for size, d := range points {
		if err := t.add(size, float64(d)); err != nil {
			return Table{}, err
		}
	}
	t.sort()
	return t, nil
}

// Constant returns a table that is d for every size.
func Constant(d time.Duration) Table {
	return Table{points: []tablePoint{{1, max(0, float64(d))}}}
}

// Linear returns the table base + each*b.
func Linear(base, each time.Duration) Table {
	return Table{points: []tablePoint{{1, max(0, float64(base+each))}, {2, max(0, float64(base+2*each))}}}
}

// add appends a point; the caller sorts once at the end.
func (t *Table) add(size int, ns float64) error {
	switch {
	case size < 1:
		return fmt.Errorf("%w: batch size %d", ErrConfig, size)
	case math.IsNaN(ns) || math.IsInf(ns, 0):
		return fmt.Errorf("%w: the time of batch size %d is not a number", ErrConfig, size)
	case ns < 0:
		return fmt.Errorf("%w: the time of batch size %d is negative", ErrConfig, size)
	case ns > float64(maxServiceTime):
		return fmt.Errorf("%w: the time of batch size %d is above %v", ErrConfig, size, maxServiceTime)
	}
	t.points = append(t.points, tablePoint{size, ns})
	return nil
}

// maxServiceTime keeps sums of virtual times far from overflow.
const maxServiceTime = 24 * time.Hour

func (t *Table) sort() {
	slices.SortFunc(t.points, func(a, b tablePoint) int { return a.size - b.size })
}

// IsZero reports whether t has no points: its time is 0 for every size.
func (t Table) IsZero() bool { return len(t.points) == 0 }

// Sizes returns the batch sizes that were given, ascending.
func (t Table) Sizes() []int {
	sizes := make([]int, len(t.points))
	for i, p := range t.points {
		sizes[i] = p.size
	}
	return sizes
}

// Has reports whether the time of size was given.
func (t Table) Has(size int) bool {
	return slices.ContainsFunc(t.points, func(p tablePoint) bool { return p.size == size })
}

// At returns the time of a batch of size items.
func (t Table) At(size int) time.Duration { return time.Duration(math.Round(t.at(size))) }

func (t Table) at(size int) float64 {
	n := len(t.points)
	if n == 0 {
		return 0
	}
	if n == 1 || size <= t.points[0].size {
		return t.points[0].ns
	}
	upper := n - 1
	for i, p := range t.points {
		if p.size >= size {
			upper = i
			break
		}
	}
	a, b := t.points[upper-1], t.points[upper]
	ns := a.ns + (b.ns-a.ns)*float64(size-a.size)/float64(b.size-a.size)
	return min(max(0, ns), float64(maxServiceTime))
}

// Scaled returns t with every time multiplied by factor, which must not be negative.
func (t Table) Scaled(factor float64) Table {
	points := slices.Clone(t.points)
	for i := range points {
		points[i].ns *= factor
	}
	return Table{points: points}
}

// expand writes the times of sizes 0..largest to buf: what a simulation looks
// up for every batch.
func (t Table) expand(buf []Time, largest int) []Time {
	buf = slices.Grow(buf[:0], largest+1)[:largest+1]
	for size := range buf {
		buf[size] = Time(math.Round(t.at(size)))
	}
	return buf
}
