package docker

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
)

// Container is one container, pinned by its full ID. It is safe for concurrent
// use. What may change is asked for each time; what cannot is in the embedded
// Definition.
type Container struct {
	ID   string // 64 hexadecimal digits
	Name string // as it was when found; a rename does not matter
	// Image is the reference the container was made from, ImageDigest the
	// content address of that image in this Engine ("sha256:...").
	Image       string
	ImageDigest string
	Definition

	engine *Engine
}

// Definition is what an ID keeps for its life.
type Definition struct {
	Mounts []Mount
	// StopTimeout is the container's own, 0 where it has none (Docker's
	// default is then 10 s).
	StopTimeout time.Duration
	// TTY tells that standard output and error are one stream.
	TTY bool
	// HostNetwork tells that the container's ports are the host's.
	HostNetwork bool

	// The command line may hold credentials, so it stays in here.
	command    commandLine
	workingDir string
}

// Mount is a directory or file of the host, or a volume, in the container.
type Mount struct {
	Type        string // "bind", "volume", "tmpfs"
	Name        string // of a volume
	Source      string // path on the host; empty for tmpfs
	Destination string // path in the container
	RW          bool   // writable from inside the container
}

// State is what an inspection finds at one moment.
type State struct {
	Running    bool
	Paused     bool
	Restarting bool   // between two starts by the restart policy
	Status     string // "created", "running", "paused", "restarting", "removing", "exited" or "dead"
	StartedAt  time.Time
	FinishedAt time.Time // zero before the first end
	ExitCode   int       // of the last end; 0 while it runs
	OOMKilled  bool
	// RestartCount counts the starts by the restart policy, not by people.
	RestartCount int
	Health       string // "healthy", "unhealthy", "starting"; empty without a health check
	Pid          int    // on the host, 0 when it does not run
	// Error is the Engine's reason for a failed start, cleaned.
	Error string

	Ports []Port
	// IP is the container's address in its first network, empty in the host's.
	IP string
	// RestartPolicy is "no", "always", "unless-stopped" or "on-failure".
	RestartPolicy string
	// MemoryLimit is in bytes, 0 without one.
	MemoryLimit int64
}

// Port is one published TCP port.
type Port struct {
	Container int    // inside
	HostIP    string // the address it is bound to, "" or "0.0.0.0" for all
	Host      int    // on the host; Docker may choose another one at each start
}

// pin drops everything of an inspection that is not needed, first of all the
// environment.
func (e *Engine) pin(found container.InspectResponse) *Container {
	c := &Container{engine: e}
	if base := found.ContainerJSONBase; base != nil {
		c.ID, c.Name, c.ImageDigest = base.ID, strings.TrimPrefix(base.Name, "/"), base.Image
		if base.HostConfig != nil {
			c.HostNetwork = base.HostConfig.NetworkMode.IsHost()
		}
	}
	if config := found.Config; config != nil {
		c.Image, c.TTY, c.workingDir = config.Image, config.Tty, config.WorkingDir
		c.command = parseCommand(append(slices.Clone(config.Entrypoint), config.Cmd...))
		if config.StopTimeout != nil && *config.StopTimeout > 0 {
			c.StopTimeout = time.Duration(*config.StopTimeout) * time.Second
		}
	}
	for _, m := range found.Mounts {
		c.Mounts = append(c.Mounts, Mount{
			Type: string(m.Type), Name: m.Name, Source: m.Source, Destination: m.Destination, RW: m.RW,
		})
	}
	return c
}

// Engine returns the Engine that the container runs on.
func (c *Container) Engine() *Engine { return c.engine }

// Inspect returns the container's state now. It wraps ErrGone when the ID no
// longer exists.
func (c *Container) Inspect(ctx context.Context) (State, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found, err := c.engine.api.ContainerInspect(ctx, c.ID)
	if err != nil {
		return State{}, c.fail("inspecting", err)
	}
	return stateOf(found), nil
}

func stateOf(found container.InspectResponse) State {
	var s State
	if base := found.ContainerJSONBase; base != nil {
		s.RestartCount = base.RestartCount
		if host := base.HostConfig; host != nil {
			s.RestartPolicy, s.MemoryLimit = string(host.RestartPolicy.Name), host.Memory
		}
		if st := base.State; st != nil {
			s.Running, s.Paused, s.Restarting, s.Status = st.Running, st.Paused, st.Restarting, st.Status
			s.ExitCode, s.OOMKilled, s.Pid = st.ExitCode, st.OOMKilled, st.Pid
			s.StartedAt, s.FinishedAt = parseTime(st.StartedAt), parseTime(st.FinishedAt)
			s.Error = string(redact([]byte(clean(st.Error))))
			if st.Health != nil && st.Health.Status != container.NoHealthcheck {
				s.Health = st.Health.Status
			}
		}
	}
	if network := found.NetworkSettings; network != nil {
		for port, bindings := range network.Ports {
			if port.Proto() != "tcp" {
				continue
			}
			for _, b := range bindings {
				if host, err := strconv.Atoi(b.HostPort); err == nil {
					s.Ports = append(s.Ports, Port{Container: port.Int(), HostIP: b.HostIP, Host: host})
				}
			}
		}
		slices.SortFunc(s.Ports, comparePorts)
		s.IP = firstAddress(network)
	}
	return s
}

// comparePorts puts IPv4 before IPv6: Docker lists both for one port.
func comparePorts(a, b Port) int {
	if a.Container != b.Container {
		return a.Container - b.Container
	}
	if six := strings.Count(a.HostIP, ":") - strings.Count(b.HostIP, ":"); six != 0 {
		return six
	}
	return a.Host - b.Host
}

func firstAddress(network *container.NetworkSettings) string {
	var addresses []string
	for _, n := range network.Networks {
		if n != nil && n.IPAddress != "" {
			addresses = append(addresses, n.IPAddress)
		}
	}
	slices.Sort(addresses) // a map's order changes
	if len(addresses) == 0 {
		return ""
	}
	return addresses[0]
}

// parseTime maps Docker's "0001-01-01T00:00:00Z", and nonsense, to the zero time.
func parseTime(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return t
}

// Endpoints are host:port addresses of Triton's three services as seen from
// the Engine's host; empty where a service cannot be reached from there.
type Endpoints struct {
	HTTP, GRPC, Metrics string
}

// Endpoints maps Triton's ports, taken from its command line, through the
// published ports of s. Published ports may change at each start, so s must be
// fresh.
func (c *Container) Endpoints(s State) Endpoints {
	return Endpoints{
		HTTP:    c.endpoint(s, c.httpPort()),
		GRPC:    c.endpoint(s, c.grpcPort()),
		Metrics: c.endpoint(s, c.metricsPort()),
	}
}

func (c *Container) endpoint(s State, port int) string {
	if c.HostNetwork {
		return net.JoinHostPort(c.engine.address, strconv.Itoa(port))
	}
	for _, p := range s.Ports {
		if p.Container != port {
			continue
		}
		host := p.HostIP
		if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() || ip.IsLoopback() {
			host = c.engine.address
		}
		return net.JoinHostPort(host, strconv.Itoa(p.Host))
	}
	// Not published: on the Engine's own machine the container's address works.
	if s.IP != "" && c.engine.address == loopback {
		return net.JoinHostPort(s.IP, strconv.Itoa(port))
	}
	return ""
}
