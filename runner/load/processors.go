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

// claimProcessors takes the process down to one processor, unless another run
// already decides about them, or a server in this process needs them too.
func claimProcessors(now usage, shared bool) *processors {
	p := &processors{last: now, at: time.Now()}
	if !shared && owner.TryLock() {
		p.before = runtime.GOMAXPROCS(1)
		prefault()
		p.gc = reserve(collectorPercent())
	}
	return p
}

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
