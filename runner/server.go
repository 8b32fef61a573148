package runner

import (
	"context"
	"time"

	"tritonsweep/runner/triton"
)

// Server is the process that serves the models, as far as a sweep needs it.
// A Docker container is one, the embedded simulator another.
type Server interface {
	// Restart stops the process if it runs and starts it again. It returns when
	// a new process was started, which says nothing about its readiness.
	Restart(ctx context.Context) error
	// Stopped returns nil while the process runs, else why it does not, with
	// the last lines of its log.
	Stopped(ctx context.Context) error
	// Log returns what the process printed since a time, capped.
	Log(ctx context.Context, since time.Time) (string, error)
	// Connect dials the process. Ports are read anew, since a restart may
	// change them.
	Connect(ctx context.Context) (*triton.Client, error)
	// Identity tells one process from its successor.
	Identity(ctx context.Context) (Identity, error)
	// WatchMemory samples the memory of the process until ctx ends and returns
	// the peak in bytes, or nil where it cannot be known.
	WatchMemory(ctx context.Context) *int64
}

// Identity says which process serves, and where it comes from.
type Identity struct {
	ID          string // of the container
	Name        string
	Image       string
	ImageDigest string
	StartedAt   time.Time
	Restarts    int // by the restart policy
	Simulated   bool
	Pid         int // of its first process on this machine; 0 where that is not known
	// HTTP is HOST:PORT of its HTTP service, empty where it has none.
	HTTP string
}
