// Package docker reaches the one container that runs Triton, through the
// Docker Engine (20.10, API 1.41, and later), and nothing else of Docker.
//
// A sweep needs five things of a container: which host directory it serves as
// model repository, a restart that is known to have happened, the reason when
// the server does not come back, the memory it uses, and the certainty that it
// is still the same container. So the package has two types: an Engine, which
// finds, and a Container, which is pinned by its full ID. When that ID is gone
// every method says ErrGone; a new container of the same name is never touched.
//
// # What it asks of the Engine
//
// Access to the Docker socket is as good as root on its host, so the package
// keeps to this list, which a proxy in front of the socket can enforce and a
// test holds:
//
//	HEAD /_ping (GET where HEAD is refused)
//	GET  /containers/json            only to find a container, or to name candidates
//	GET  /containers/{id}/json
//	POST /containers/{id}/restart
//	POST /containers/{id}/start
//	GET  /containers/{id}/logs
//	GET  /containers/{id}/stats
//	GET  /events                     filtered by the container's ID
//
// With --isolate, and only then, it also makes and removes a labelled copy of
// the container, so that the container itself is not even restarted:
//
//	POST   /containers/create        the copy, by the image's ID
//	DELETE /containers/{id}          only of a container with our label
//	GET    /containers/json          with the label as filter
//
// It never executes, copies or pulls anything.
//
// # What a restart proves
//
// A restart that Docker reports as done proves little: the process may exit a
// second later because Triton refuses its config, a daemon that shuts down
// says OK and leaves the container stopped, and published ports that Docker
// chose itself have changed. Restart therefore returns the State after a
// changed start time, with the ports read again; whether Triton serves is for
// the package runner/triton to find out, with State.Ended as the reason to
// stop waiting.
//
// # Secrets
//
// The environment of a container is dropped where the Engine's answer is
// decoded: no type of this package can hold it. Command line arguments stay
// unexported. Logs are capped, stripped of control characters, and what looks
// like a credential is replaced.
package docker
