package runner

import (
	"context"
	"fmt"

	"tritonsweep/sweep"
)

// Mode says how settings reach the server.
type Mode string

// The modes.
const (
	// Restart writes config.pbtxt and restarts the server: what an operator
	// would do by hand, and the measurement of record.
	Restart Mode = "restart"
	// Reload overrides the config through the server's model control API. It
	// needs --model-control-mode=explicit, leaves the disk alone and takes a
	// second or two where a restart takes many.
	Reload Mode = "reload"
	// None changes nothing: only loads vary.
	None Mode = "none"
)

// ParseMode reads a mode's name.
func ParseMode(name string) (Mode, error) {
	switch m := Mode(name); m {
	case Restart, Reload, None:
		return m, nil
	}
	return "", fmt.Errorf("unknown mode %q (hint: restart, reload or none)", name)
}

// applier brings the settings of a trial to the server.
type applier interface {
	// apply makes the server load the trial's settings, and only those. It
	// returns before the server is ready.
	apply(ctx context.Context, t sweep.Trial) error
	// revert makes the server load the original configs again.
	revert(ctx context.Context) error
}
