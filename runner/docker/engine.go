package docker

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/client"

	"tritonsweep/runner/local"
)

// callTimeout bounds every question that the Engine answers at once. A host
// under full load may take seconds; one that takes longer is not usable.
const callTimeout = 20 * time.Second

// calls is all that this package can ask of an Engine. Whoever replaces the
// client module has these to write.
type calls interface {
	Ping(ctx context.Context) (types.Ping, error)
	ContainerList(ctx context.Context, options container.ListOptions) ([]container.Summary, error)
	ContainerInspect(ctx context.Context, id string) (container.InspectResponse, error)
	ContainerRestart(ctx context.Context, id string, options container.StopOptions) error
	ContainerStart(ctx context.Context, id string, options container.StartOptions) error
	ContainerLogs(ctx context.Context, id string, options container.LogsOptions) (io.ReadCloser, error)
	ContainerStatsOneShot(ctx context.Context, id string) (container.StatsResponseReader, error)
	ContainerCreate(ctx context.Context, config *container.Config, host *container.HostConfig, name string) (container.CreateResponse, error)
	ContainerRemove(ctx context.Context, id string, options container.RemoveOptions) error
	Events(ctx context.Context, options events.ListOptions) (<-chan events.Message, <-chan error)
	Close() error
}

// narrow is the client without the arguments that a copy on the same Engine has
// no use for.
type narrow struct{ *client.Client }

func (n narrow) ContainerCreate(ctx context.Context, config *container.Config, host *container.HostConfig, name string) (container.CreateResponse, error) {
	return n.Client.ContainerCreate(ctx, config, host, nil, nil, name)
}

// Engine is a connection to one Docker Engine. It is safe for concurrent use.
type Engine struct {
	api  calls
	host string
	// address is where the published ports of its containers are reached.
	address string
	// poll is the interval of looking for a changed start time, settle the
	// longest wait for it once a start was reported.
	poll, settle time.Duration
}

// Open connects to the Engine that DOCKER_HOST names, or to the default
// socket, or to a rootless daemon's socket where only that exists.
// DOCKER_CERT_PATH, DOCKER_TLS_VERIFY and DOCKER_API_VERSION mean what they
// mean to the docker command. A TCP address off loopback is refused
// (ErrInsecure) unless both TLS variables are set.
func Open(ctx context.Context) (*Engine, error) {
	host := hostFromEnvironment()
	address, err := checkHost(host)
	if err != nil {
		return nil, err
	}
	api, err := client.NewClientWithOpts(
		client.WithTLSClientConfigFromEnv(), // before the host: it replaces the transport
		client.WithHost(host),
		client.WithVersionFromEnv(),
		client.WithAPIVersionNegotiation(), // without it an Engine of 20.10 refuses every call
	)
	if err != nil {
		return nil, fmt.Errorf("opening Docker at %s: %w", host, err)
	}
	e := &Engine{api: narrow{api}, host: host, address: address, poll: 100 * time.Millisecond, settle: 20 * time.Second}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	ping, err := api.Ping(ctx)
	if err != nil {
		api.Close()
		return nil, e.fail("opening Docker", err)
	}
	api.NegotiateAPIVersionPing(ping)
	return e, nil
}

// Close drops the idle connections.
func (e *Engine) Close() error { return e.api.Close() }

// Host is the Engine's address, for messages.
func (e *Engine) Host() string { return e.host }

func hostFromEnvironment() string {
	if host := os.Getenv(client.EnvOverrideHost); host != "" {
		return host
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" && !exists(defaultSocket()) {
		if socket := filepath.Join(dir, "docker.sock"); exists(socket) {
			return "unix://" + socket
		}
	}
	return client.DefaultDockerHost
}

func defaultSocket() string { return strings.TrimPrefix(client.DefaultDockerHost, "unix://") }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// checkHost returns the address of the Engine's machine: commands to an Engine
// are worth root there, so that plain text stays on loopback.
func checkHost(host string) (string, error) {
	u, err := url.Parse(host)
	if err != nil {
		return "", fmt.Errorf("parsing DOCKER_HOST %q: %w", host, err)
	}
	switch u.Scheme {
	case "unix", "npipe":
		return loopback, nil
	case "ssh":
		return "", fmt.Errorf("DOCKER_HOST %q: ssh is not supported; forward the socket with "+
			"ssh -nNT -L ./docker.sock:/var/run/docker.sock HOST and set DOCKER_HOST=unix://$PWD/docker.sock", host)
	}
	name := u.Hostname()
	if local.Host(name) {
		return loopback, nil
	}
	if os.Getenv(client.EnvOverrideCertPath) == "" || os.Getenv(client.EnvTLSVerify) == "" {
		return "", fmt.Errorf("%w: %s is not loopback (hint: set DOCKER_CERT_PATH and DOCKER_TLS_VERIFY=1)", ErrInsecure, host)
	}
	return name, nil
}

const loopback = "127.0.0.1"
