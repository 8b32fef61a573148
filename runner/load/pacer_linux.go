package load

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// newPacer uses a timer that is a file: what becomes readable wakes Go's poller
// at once, within some tens of microseconds. It ends with stop, which also ends a
// wait that is under way.
func newPacer() *pacer {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return &pacer{close: func() {}} // no more descriptors: Go's timers must do
	}
	file := os.NewFile(uintptr(fd), "timerfd")
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return &pacer{close: func() {}}
	}
	var rung [8]byte
	return &pacer{
		alarm: func(after time.Duration) error {
			spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(max(after, 1)))} // zero would disarm
			var set error
			if err := raw.Control(func(fd uintptr) { set = unix.TimerfdSettime(int(fd), 0, &spec, nil) }); err != nil {
				return err
			}
			if set != nil {
				return set
			}
			_, err := file.Read(rung[:])
			return err
		},
		close: func() { file.Close() },
	}
}
