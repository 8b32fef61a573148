package tritonsim

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// timerfd is an alarm that is late by some tens of microseconds. A sleeping Go
// program is woken for its own timers by its poller, which counts whole
// milliseconds; but a descriptor that becomes ready wakes it at once.
type timerfd struct {
	file *os.File
	fd   int
	done chan struct{}
}

// newAlarm returns the most precise alarm that the system has.
func newAlarm(ring func()) (alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("creating a timer: %w", err)
	}
	a := &timerfd{file: os.NewFile(uintptr(fd), "timerfd"), fd: fd, done: make(chan struct{})}
	go a.listen(ring)
	return a, nil
}

func (a *timerfd) listen(ring func()) {
	defer close(a.done)
	var count [8]byte
	for {
		if _, err := a.file.Read(count[:]); err != nil {
			if !errors.Is(err, os.ErrClosed) {
				panic(fmt.Sprintf("tritonsim: reading a timer: %v", err)) // no such error is documented
			}
			return
		}
		ring()
	}
}

// set must not be called after close: the descriptor may be another file's then.
func (a *timerfd) set(after time.Duration) {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(max(after, 1)))} // zero would disarm
	unix.TimerfdSettime(a.fd, 0, &spec, nil)                                  // fails only for a wrong descriptor
}

func (a *timerfd) close() {
	a.file.Close()
	<-a.done
}
