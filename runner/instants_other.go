//go:build !linux

package runner

import "time"

var started = time.Now()

// readInstants reads what Go knows: the wall clock and its monotonic one.
func readInstants() instants {
	now := time.Now()
	since := now.Sub(started)
	return instants{wall: time.Duration(now.UnixNano()), monotonic: since, boot: since}
}
