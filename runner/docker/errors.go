package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"
)

// Reasons that a caller decides on, to be tested with errors.Is. The errors
// that wrap them carry the names and the hint.
var (
	// ErrUnreachable: no Docker Engine answers. A daemon that restarts does
	// this for some seconds, so a caller may try again.
	ErrUnreachable = errors.New("cannot reach the Docker Engine")
	// ErrInsecure: the Engine's address would send root-equivalent commands in
	// plain text over a network.
	ErrInsecure = errors.New("refusing an unprotected Docker address")
	// ErrNotFound: no container fits the Query.
	ErrNotFound = errors.New("container not found")
	// ErrAmbiguous: several containers fit the Query.
	ErrAmbiguous = errors.New("more than one container fits")
	// ErrGone: the pinned container was removed.
	ErrGone = errors.New("the container was removed")
	// ErrNotRunning: the container has no process to ask about.
	ErrNotRunning = errors.New("the container is not running")
	// ErrNotRestarted: Docker reported success, but no new start was seen.
	ErrNotRestarted = errors.New("the container did not start again")

	// ErrRepositoryUnknown: the command line does not say where the models are.
	ErrRepositoryUnknown = errors.New("cannot tell the model repository from the container's command")
	// ErrRepositoryRemote: the models are in an object store.
	ErrRepositoryRemote = errors.New("the model repository is in an object store")
	// ErrNotMounted: the models lie inside the container, not on the host.
	ErrNotMounted = errors.New("the model repository is not mounted from the host")
	// ErrOtherRepository: the directory given is not the one that is mounted.
	ErrOtherRepository = errors.New("not the repository that the container serves")
	// ErrConfigMounted: the config, or its model, is a mount of its own.
	ErrConfigMounted = errors.New("mounted on its own")
)

// fail wraps an error of the Docker client so that it names what was being
// done, and so that an Engine that cannot be reached is recognised.
func (e *Engine) fail(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: Docker did not answer in time: %w", doing, err)
	case client.IsErrConnectionFailed(err):
		return fmt.Errorf("%s: %w at %s: %s", doing, ErrUnreachable, e.host, reachHint(err))
	case errdefs.IsPermissionDenied(err):
		return fmt.Errorf("%s: the Docker socket's proxy forbids this call: %w", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// fail is Engine.fail for a pinned container: "no such container" means that
// the ID is gone, since it existed when it was pinned. A start also answers
// "not found" for a missing network or image, so the words decide.
func (c *Container) fail(doing string, err error) error {
	doing += " " + c.Name
	if errdefs.IsNotFound(err) && strings.Contains(strings.ToLower(err.Error()), "no such container") {
		return fmt.Errorf("%s: %w (ID %.12s); a new one of that name is not touched", doing, ErrGone, c.ID)
	}
	return c.engine.fail(doing, err)
}

// reachHint explains a failed connection. The client hides the cause of most,
// so the words decide.
func reachHint(err error) string {
	text := strings.ToLower(err.Error())
	switch {
	case errors.Is(err, os.ErrPermission) || strings.Contains(text, "permission denied"):
		return "permission denied; run this as a user who may use the Docker socket, or with sudo"
	case strings.Contains(text, "tls") || strings.Contains(text, "certificate"):
		return clean(err.Error()) + "; check DOCKER_CERT_PATH and DOCKER_TLS_VERIFY"
	}
	return "is the Docker daemon running? DOCKER_HOST names another one"
}
