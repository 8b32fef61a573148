package load

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"tritonsweep/sweep"
)

// MemoryError refuses a load whose messages in flight could take more memory
// than allowed. Nothing was sent, or single requests at most.
type MemoryError struct {
	What    string // "model NAME"
	Callers int
	Batch   int
	Rate    float64 // of an open loop; 0 in a closed one
	Request int64   // bytes of one encoded request
	Answer  int64   // bytes of one encoded answer, and of its outputs in shared memory
	Once    int64   // bytes of the inputs in shared memory, which all callers share
	Limit   int64
}

// Bytes is what may be in flight.
func (e *MemoryError) Bytes() int64 { return e.Once + int64(e.Callers)*(e.Request+e.Answer) }

func (e *MemoryError) Error() string {
	once := ""
	if e.Once > 0 {
		once = size(e.Once) + " inputs in shared memory + "
	}
	return fmt.Sprintf("%s at %s and batch %d can have %s%d x (%s request + %s answer) = %s in flight, above the memory limit of %s (hint: fewer callers, a smaller batch, or a higher limit)",
		e.What, e.offered(), e.Batch, once, e.Callers, size(e.Request), size(e.Answer), size(e.Bytes()), size(e.Limit))
}

func (e *MemoryError) offered() string {
	if e.Rate > 0 {
		return sweep.RateText(e.Rate) + " requests a second"
	}
	return fmt.Sprintf("concurrency %d", e.Callers)
}

// Fits refuses a load above the memory limit, with a MemoryError; answer 0 means
// that its size is not known. Sizes are bytes.
func (s Spec) Fits(what string, request, answer int64) error {
	s = s.withDefaults()
	return s.fits(what, request, answer)
}

// fits is Fits on a spec with its defaults. The callers of an open loop that
// nobody chose become as few as fit.
func (s *Spec) fits(what string, request, answer int64) error {
	return s.fitsBeside(what, 0, request, answer)
}

// fitsBeside is fits where so many bytes are there once.
func (s *Spec) fitsBeside(what string, once, request, answer int64) error {
	limit := s.memoryLimit()
	e := &MemoryError{
		What: what, Callers: s.Callers(), Batch: s.Load.BatchSize, Rate: s.Load.Rate,
		Request: request, Answer: answer, Once: once, Limit: limit,
	}
	if s.Load.Open() && s.ownBound {
		e.Callers = int(max(1, min(int64(e.Callers), (limit-once)/max(e.Request+e.Answer, 1))))
	}
	if e.Bytes() > limit {
		return e
	}
	s.Outstanding = e.Callers
	return nil
}

// memoryLimit is the limit in force, in bytes.
func (s *Spec) memoryLimit() int64 {
	if s.MemoryLimit > 0 {
		return s.MemoryLimit
	}
	return DefaultMemoryLimit()
}

// fallbackMemory is the limit where the system does not say what is free.
const fallbackMemory = 1 << 30

// DefaultMemoryLimit is a quarter of the memory that is available now, in bytes.
func DefaultMemoryLimit() int64 {
	if kib, ok := procField("/proc/meminfo", "MemAvailable:"); ok {
		return kib << 10 / 4
	}
	return fallbackMemory
}

// peakMemory is the largest resident set since resetPeak, in bytes; 0 where the
// system does not say.
func peakMemory() int64 {
	kib, _ := procField("/proc/self/status", "VmHWM:")
	return kib << 10
}

// resetPeak makes the kernel forget the peak, so that it belongs to one point.
func resetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o200) }

// procField reads a number of KiB from a file of "Name: value kB" lines.
func procField(path, name string) (int64, bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == name {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// size writes bytes for people, in decimal units as networks and disks have them.
func size(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}
