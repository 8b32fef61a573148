package main

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"tritonsweep/results"
	"tritonsweep/runner"
	"tritonsweep/runner/docker"
	"tritonsweep/runner/triton"
	"tritonsweep/runner/undo"
	"tritonsweep/tritonconfig"
)

// The exit codes; docs/exit-codes.md explains them to people. A run that ends
// in several ways exits with the most severe.
const (
	exitOK          = 0
	exitFailed      = 1  // failed; the original config is verified in place
	exitSome        = 3  // done, but some points are not ok
	exitLimit       = 4  // a regression, or a limit was missed
	exitUsage       = 10 // nothing was touched
	exitHeld        = 11 // another run holds the target; nothing was touched
	exitConflict    = 12 // somebody else's change or a stale plan; theirs is kept
	exitUnreachable = 14 // nothing was touched
	exitPermission  = 15 // permission or space; nothing was touched
	exitNotRestored = 20
	exitNotVerified = 21
	exitNotRecorded = 22
)

// codedError is an error with its exit code.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }

func (e *codedError) Unwrap() error { return e.err }

func withCode(code int, err error) error {
	if err == nil {
		return nil
	}
	return &codedError{code, err}
}

// usagef returns a usage error: the command line or a file asks for something
// that cannot be.
func usagef(format string, args ...any) error {
	return withCode(exitUsage, fmt.Errorf(format, args...))
}

// exitCode returns the code of the most severe part of err.
func exitCode(err error) int {
	switch {
	case err == nil:
		return exitOK
	case is[*runner.NotRestoredError](err):
		return exitNotRestored
	case is[*runner.NotVerifiedError](err):
		return exitNotVerified
	case is[*runner.RecordError](err), is[*results.StoreError](err):
		return exitNotRecorded
	case is[*undo.ConflictError](err), is[*runner.ForeignChangeError](err):
		return exitConflict
	}
	var coded *codedError
	if errors.As(err, &coded) {
		return coded.code
	}
	return preflightCode(err)
}

// preflightCode sorts the errors that the libraries report before anything was
// touched.
func preflightCode(err error) int {
	switch {
	case is[*undo.HeldError](err), is[*undo.SharedError](err):
		return exitHeld
	case is[*tritonconfig.Error](err), is[*tritonconfig.RuleError](err):
		return exitUsage
	case errors.Is(err, undo.ErrHardLinks), errors.Is(err, undo.ErrMounted):
		return exitUsage
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return exitPermission
	case errors.Is(err, docker.ErrNotFound), errors.Is(err, docker.ErrAmbiguous), errors.Is(err, triton.ErrUnknownModel):
		return exitUsage
	case errors.Is(err, docker.ErrUnreachable), errors.Is(err, triton.ErrUnavailable), errors.Is(err, triton.ErrRestricted), errors.Is(err, triton.ErrControlMode):
		return exitUnreachable
	}
	return exitFailed
}

func is[E error](err error) bool {
	var target E
	return errors.As(err, &target)
}
