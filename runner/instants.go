package runner

import (
	"fmt"
	"sync"
	"time"

	"tritonsweep/results"
	"tritonsweep/runner/load"
)

// instants are three clocks at one moment: the wall clock, which somebody may
// set; the monotonic one, which only goes on; and the boot clock, which goes on
// while the machine sleeps too. Where a system has no boot clock it is the
// monotonic one.
type instants struct{ wall, monotonic, boot time.Duration }

// Limits of the rules about clocks.
const (
	mostStep   = 100 * time.Millisecond // of the wall clock against the monotonic one
	mostAsleep = 10 * time.Millisecond  // of the boot clock against the same
	mostGap    = time.Second            // in which a ticker did not tick
	tickEvery  = 100 * time.Millisecond
)

// clockWatch looks at the clocks over a window. All durations are monotonic, so
// a step of the wall clock spoils no figure, only the times beside it; a machine
// that slept, or a client that was stopped, spoils them all.
type clockWatch struct {
	read func() instants

	mu         sync.Mutex
	start, end instants
	last       time.Duration // monotonic, of the latest tick
	gap        time.Duration // the longest between ticks
	quit       chan struct{}
	ticking    sync.WaitGroup
}

// boundary begins and ends the watch at the ends of the window.
func (w *clockWatch) boundary(at load.Phase) {
	w.stop()
	now := w.read()
	if at != load.WindowStart {
		w.tick(now)
		w.end = now
		return
	}
	w.start, w.end, w.last, w.gap = now, instants{}, now.monotonic, 0
	w.quit = make(chan struct{})
	w.ticking.Go(func() { w.watch(w.quit) })
}

func (w *clockWatch) watch(quit <-chan struct{}) {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			w.tick(w.read())
		case <-quit:
			return
		}
	}
}

func (w *clockWatch) tick(now instants) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gap = max(w.gap, now.monotonic-w.last)
	w.last = now.monotonic
}

// stop ends the watch; it may be called at any time.
func (w *clockWatch) stop() {
	if w.quit != nil {
		close(w.quit)
		w.ticking.Wait()
		w.quit = nil
	}
}

// checks are the rules about clocks, once the window has ended.
func (w *clockWatch) checks() []results.Check {
	elapsed := w.end.monotonic - w.start.monotonic
	step := (w.end.wall - w.start.wall) - elapsed
	asleep := (w.end.boot - w.start.boot) - elapsed
	clock := results.Check{
		Name: "clock", Passed: true, Suspect: step.Abs() > mostStep,
		Detail: fmt.Sprintf("the wall clock moved by %s against the monotonic one (at most %s), by which all durations are measured", micro(step), mostStep),
	}
	sleep := results.Check{
		Name: "sleep", Passed: asleep <= mostAsleep && w.gap <= mostGap,
		Detail: fmt.Sprintf("asleep for %s (at most %s), longest pause of this process %s (at most %s)", micro(asleep), mostAsleep, micro(w.gap), mostGap),
	}
	return []results.Check{clock, sleep}
}

func micro(d time.Duration) time.Duration { return d.Round(time.Microsecond) }
