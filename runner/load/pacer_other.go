//go:build !linux

package load

// newPacer waits by Go's timers.
func newPacer() *pacer { return &pacer{close: func() {}} }
