package runner

import (
	"time"

	"golang.org/x/sys/unix"
)

// readInstants reads the kernel's clocks.
func readInstants() instants {
	read := func(clock int32) time.Duration {
		var ts unix.Timespec
		if err := unix.ClockGettime(clock, &ts); err != nil {
			return 0 // at both ends: the rule sees no difference
		}
		return time.Duration(ts.Nano())
	}
	return instants{wall: read(unix.CLOCK_REALTIME), monotonic: read(unix.CLOCK_MONOTONIC), boot: read(unix.CLOCK_BOOTTIME)}
}
