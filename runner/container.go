package runner

import (
	"context"
	"fmt"
	"sync"
	"time"

	"tritonsweep/runner/docker"
	"tritonsweep/runner/triton"
)

// memoryEvery is how often a container's memory is sampled. The Engine needs
// about a millisecond for an answer.
const memoryEvery = 500 * time.Millisecond

// Container is the Server in a Docker container.
type Container struct {
	*docker.Container
	// Dial holds what to dial with; empty addresses are filled in from the
	// container's published ports.
	Dial triton.Options
	// StopTimeout is the time between the stop signal and the kill; 0 for the
	// container's own rules.
	StopTimeout time.Duration

	mu      sync.Mutex
	started docker.State // after the last start that we know of
}

var _ Server = (*Container)(nil)

// NewContainer returns the server that runs in c.
func NewContainer(ctx context.Context, c *docker.Container, dial triton.Options) (*Container, error) {
	state, err := c.Inspect(ctx)
	if err != nil {
		return nil, err
	}
	return &Container{Container: c, Dial: dial, started: state}, nil
}

// Restart implements Server.
func (c *Container) Restart(ctx context.Context) error {
	state, err := c.Container.Restart(ctx, c.StopTimeout)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started = state
	return nil
}

// Stopped implements Server.
func (c *Container) Stopped(ctx context.Context) error {
	now, err := c.Inspect(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Ended(c.started, now)
}

// Log implements Server.
func (c *Container) Log(ctx context.Context, since time.Time) (string, error) {
	log, err := c.Logs(ctx, since, docker.MaxLog)
	return string(log), err
}

// Connect implements Server.
func (c *Container) Connect(ctx context.Context) (*triton.Client, error) {
	state, err := c.Inspect(ctx)
	if err != nil {
		return nil, err
	}
	ends, dial := c.Endpoints(state), c.Dial
	if dial.GRPCAddr == "" {
		dial.GRPCAddr = ends.GRPC
	}
	if dial.MetricsURL == "" && ends.Metrics != "" {
		dial.MetricsURL = "http://" + ends.Metrics + "/metrics"
	}
	if dial.GRPCAddr == "" {
		return nil, fmt.Errorf("container %s publishes no gRPC port (hint: name its address with --grpc-url)", c.Name)
	}
	return triton.New(dial) // does not connect yet: the process may still be starting
}

// Identity implements Server.
func (c *Container) Identity(ctx context.Context) (Identity, error) {
	state, err := c.Inspect(ctx)
	if err != nil {
		return Identity{}, err
	}
	return Identity{
		ID: c.ID, Name: c.Name, Image: c.Image, ImageDigest: c.ImageDigest,
		StartedAt: state.StartedAt, Restarts: state.RestartCount, Pid: state.Pid, HTTP: c.Endpoints(state).HTTP,
	}, nil
}

// WatchMemory implements Server.
func (c *Container) WatchMemory(ctx context.Context) *int64 {
	peak, err := c.SampleMemory(ctx, memoryEvery)
	if err != nil && peak.Samples == 0 {
		return nil
	}
	return &peak.Used
}
