package runner

import "fmt"

// RefusedError says that the server would not load a config. It is a result of
// its trial, not the end of the sweep.
type RefusedError struct {
	Model  string
	Reason string // in the server's words
	// Crashed tells that the server, or a process of its backend, was ended by a
	// signal while it started, which need not be the config's fault.
	Crashed bool
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s: the server refuses the config: %s", e.Model, e.Reason)
}

// NotRestoredError says that a config is not the original. Nothing is worse.
type NotRestoredError struct {
	Err     error
	Journal string
}

func (e *NotRestoredError) Error() string {
	return fmt.Sprintf("NOT RESTORED: %v (hint: run tritonsweep restore; the originals are in %s)", e.Err, e.Journal)
}

func (e *NotRestoredError) Unwrap() error { return e.Err }

// NotVerifiedError says that the files are back, but not whether the server
// runs them.
type NotVerifiedError struct{ Err error }

func (e *NotVerifiedError) Error() string {
	return fmt.Sprintf("the config files are restored, but the server was not verified: %v (hint: run tritonsweep restore when the server can be reached)", e.Err)
}

func (e *NotVerifiedError) Unwrap() error { return e.Err }

// RecordError says that a result could not be stored.
type RecordError struct{ Err error }

func (e *RecordError) Error() string { return fmt.Sprintf("storing the result: %v", e.Err) }

func (e *RecordError) Unwrap() error { return e.Err }

// UnverifiedConfigError says that the server does not run what was asked for.
type UnverifiedConfigError struct {
	Model       string
	Differences []string
	Err         error // why the server does not tell; nil where it does
}

func (e *UnverifiedConfigError) Unwrap() error { return e.Err }

func (e *UnverifiedConfigError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: reading the config in force: %v", e.Model, e.Err)
	}
	return fmt.Sprintf("%s: the server runs another config than asked for: %v", e.Model, e.Differences)
}
