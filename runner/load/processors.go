package load

import (
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// Go wakes an idle processor for every goroutine that becomes ready, and that
// processor looks for work for a while. A load generator's goroutines become
// ready one answer at a time, so on all processors it spends 1.5 to 2 times the
// CPU a request that it needs on one, and takes it from a server on the same
// machine. So a run begins on one processor and takes more only while they are
// needed.
type processors struct {
	before int // what to go back to; 0 when this run leaves them alone
	gc     int // the garbage collector's percentage, the same
	last   usage
	at     time.Time
}

// busyShare is the share of its processors above which a client gets more; it
// leaves room below the limit of the client-bound check.
const busyShare = 0.5

// lagShare is the mean wait of a ready goroutine, as a share of the mean latency,
// above which it gets more: half of what the client-bound check allows. On a
// machine that others use too, short waits come from them, and more processors
// would not help.
const lagShare = mostMeanLag / 2

// owner lets only one run at a time change the processors of the process.
var owner sync.Mutex

// mostGarbage is how much garbage may lie about while a point is measured, bytes.
const mostGarbage = 8 << 20

// collectorPercent is the collector's percentage by which about that much may. The
// default doubles the heap before it collects, and the encoded requests are a large
// one: a client with little garbage would seem to grow for minutes. Less would make
// one with a small heap and many requests collect all the time.
func collectorPercent() int {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(min(max(100*mostGarbage/max(m.HeapAlloc, 1), 10), 100))
}

// claimProcessors takes the process down to one processor, unless another run
// already decides about them, or a server in this process needs them too.
func claimProcessors(now usage, shared bool) *processors {
	p := &processors{last: now, at: time.Now()}
	if !shared && owner.TryLock() {
		p.before = runtime.GOMAXPROCS(1)
		percent := collectorPercent()
		p.gc = debug.SetGCPercent(percent)
		reserve(percent)
	}
	return p
}

// reserve takes the memory that garbage will lie in from the system: it makes some,
// for three cycles of the collector. Left to itself the heap fills up to its first
// cycles, a minute or more where requests are few, and looks as if it grew without
// end. A forced collection would not do: what is free after one goes back to the
// system, as the runtime keeps about as much as the last cycle ended with.
//
// The parts are small, since the runtime keeps account of every page of small ones,
// and that takes memory too. And it is a tenth more than will be needed on average,
// which the runtime keeps: cycles differ in what they find in use.
func reserve(percent int) {
	debug.SetGCPercent(percent + (100+percent)/10)
	const part = 1 << 10
	for range 3 * (mostGarbage + mostGarbage/2) / part {
		garbage := make([]byte, part)
		garbage[0] = 1 // or there would be no memory behind it
		reservation = garbage
	}
	reservation = nil
	debug.SetGCPercent(percent)
}

// reservation keeps the compiler from leaving reserve's garbage out.
var reservation []byte

// adapt doubles the processors when the last stretch used them too much or kept
// answers waiting, and reports whether it did.
func (p *processors) adapt(now usage, latency time.Duration) bool {
	elapsed := time.Since(p.at)
	if p.before == 0 || elapsed <= 0 {
		return false
	}
	e := now.since(p.last, elapsed)
	p.last, p.at = now, time.Now()
	n := runtime.GOMAXPROCS(0)
	if n >= p.before || e.share <= busyShare && e.meanLag <= max(time.Duration(lagShare*float64(latency)), leastLag) {
		return false
	}
	runtime.GOMAXPROCS(min(2*n, p.before))
	return true
}

// release gives the processors back.
func (p *processors) release() {
	if p.before == 0 {
		return
	}
	runtime.GOMAXPROCS(p.before)
	debug.SetGCPercent(p.gc)
	p.before = 0
	owner.Unlock()
}
