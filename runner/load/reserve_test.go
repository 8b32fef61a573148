package load

import (
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

// TestReserve: afterwards the heap has room for the garbage that may lie about, and the
// collector the percentage that was asked for.
func TestReserve(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	debug.FreeOSMemory()
	allocated := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(allocated)
	start := allocated[0].Value.Uint64()
	percent := collectorPercent()
	reserve(percent)
	metrics.Read(allocated)
	if made := allocated[0].Value.Uint64() - start; made < 3*mostGarbage {
		t.Errorf("%d bytes of garbage were made, want at least %d", made, 3*mostGarbage)
	}
	if now := debug.SetGCPercent(percent); now != percent {
		t.Errorf("the collector's percentage is %d, want %d", now, percent)
	}
}
