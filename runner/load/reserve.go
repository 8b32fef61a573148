package load

import (
	"runtime"
	"runtime/debug"
)

// mostGarbage is how much garbage may lie about while a point is measured, bytes.
const mostGarbage = 4 << 20

// collectorPercent is the collector's percentage by which about that much may. The
// default doubles the heap before it collects, and the encoded requests are a large
// one: a client with little garbage would seem to grow for minutes. Less would make
// one with a small heap and many requests collect all the time.
func collectorPercent() int {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(min(max(100*mostGarbage/max(m.HeapAlloc, 1), 10), 100))
}

// reserve sets the collector's percentage, returns what it was, and takes the memory
// that garbage will lie in from the system: it makes some, for three cycles. Left to itself the heap fills up to its first
// cycles, a minute or more where requests are few, and looks as if it grew without
// end. A forced collection would not do: what is free after one goes back to the
// system, as the runtime keeps about as much as the last cycle ended with.
//
// The parts are small, since the runtime keeps account of every page of small ones,
// and that takes memory too. And it is a tenth more than will be needed on average,
// which the runtime keeps: cycles differ in what they find in use.
func reserve(percent int) (before int) {
	before = debug.SetGCPercent(percent + (100+percent)/10)
	const part = 1000
	for i := range 3 * (mostGarbage + mostGarbage/2) / part {
		garbage := make([]byte, part+i%8) // of one constant size it would lie on the stack
		garbage[0] = 1                    // or there would be no memory behind it
		runtime.KeepAlive(garbage)
	}
	debug.SetGCPercent(percent)
	return before
}
