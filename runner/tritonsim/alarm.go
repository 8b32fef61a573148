package tritonsim

import "time"

// alarm calls its function at a time, once for every setting or a little more
// often, and perhaps a little early.
type alarm interface {
	// set replaces what was set before.
	set(after time.Duration)
	// close ends it. A call that has begun may still be running.
	close()
}

// goAlarm is one of Go's own timers. A sleeping program is woken by them to the
// next whole millisecond only.
type goAlarm struct{ timer *time.Timer }

func newGoAlarm(ring func()) (alarm, error) {
	return goAlarm{time.AfterFunc(time.Hour, ring)}, nil
}

func (a goAlarm) set(after time.Duration) { a.timer.Reset(max(after, 1)) }

func (a goAlarm) close() { a.timer.Stop() }
