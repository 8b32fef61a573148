//go:build !linux

package tritonsim

// newAlarm returns the most precise alarm that the system has.
func newAlarm(ring func()) (alarm, error) { return newGoAlarm(ring) }
