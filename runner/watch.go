package runner

import (
	"slices"
	"sync"

	"tritonsweep/results"
	"tritonsweep/runner/load"
)

// windowWatch looks at the machine over a window: its clocks, and what else uses it.
// It is one for all models that are measured in the window, which are no neighbours
// of each other, since they share the server.
type windowWatch struct {
	mu     sync.Mutex // the models come to the ends of the window each by itself
	clocks *clockWatch
	others *neighbourWatch
}

// watchWindow returns the watch of a server's window. stop must be called.
func (r *run) watchWindow(server Identity) *windowWatch {
	return &windowWatch{clocks: &clockWatch{read: r.clocks}, others: r.neighbours(server)}
}

// boundary is called at the ends of each model's window. They begin, and end, at the
// same time; the last one counts, as where a window begins anew.
func (w *windowWatch) boundary(at load.Phase) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clocks.boundary(at)
	w.others.boundary(at)
}

func (w *windowWatch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clocks.stop()
}

// judge holds a record to all rules: those of its load, those of its server, those
// of the machine, and that its figures can be.
func (w *windowWatch) judge(record *results.Record, result load.Result, server []results.Check) {
	w.mu.Lock()
	defer w.mu.Unlock()
	record.Checks = slices.Concat(result.Checks(), server, w.clocks.checks(), []results.Check{w.others.check(), figures(record)})
	record.Verdict, record.Reasons = judge(result, record.Checks)
}
