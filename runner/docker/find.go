package docker

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
)

// Query says which container is meant. The first field that is set decides; an
// empty Query means the only running container that looks like Triton.
type Query struct {
	// Name is a container's name, or at least six digits of its ID.
	Name string
	// Port is a TCP port of the host, as in the URL that clients use.
	Port int
	// Host is the host part of that URL. It tells apart containers that
	// publish the same port on different addresses, and finds one by its own
	// address in a Docker network. May be empty.
	Host string
}

// Find returns the container that q means, pinned by its ID. It wraps
// ErrNotFound or ErrAmbiguous, with the names of the candidates.
func (e *Engine) Find(ctx context.Context, q Query) (*Container, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	switch {
	case q.Name != "":
		return e.findByName(ctx, strings.TrimPrefix(q.Name, "/"))
	case q.Port != 0:
		return e.findByPort(ctx, q)
	}
	return e.findOnly(ctx)
}

var (
	nameRule = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)
	idRule   = regexp.MustCompile(`^[0-9a-f]{6,64}$`)
)

func (e *Engine) findByName(ctx context.Context, name string) (*Container, error) {
	// Names go into the path of a request: anything else never leaves here.
	if !nameRule.MatchString(name) {
		return nil, fmt.Errorf("%w: %q cannot be a container's name", ErrNotFound, name)
	}
	found, err := e.api.ContainerInspect(ctx, name)
	if errdefs.IsNotFound(err) {
		return nil, e.notFound(ctx, fmt.Sprintf("nothing is named %q", name))
	}
	if err != nil {
		return nil, e.fail("inspecting "+name, err)
	}
	c := e.pin(found)
	// The Engine also takes one digit of an ID for a name: too little to restart by.
	if c.Name != name && !(strings.HasPrefix(c.ID, name) && idRule.MatchString(name)) {
		return nil, e.notFound(ctx, fmt.Sprintf("nothing is named %q", name))
	}
	return c, nil
}

func (e *Engine) findByPort(ctx context.Context, q Query) (*Container, error) {
	all, err := e.api.ContainerList(ctx, container.ListOptions{})
	if err != nil {
		return nil, e.fail("listing containers", err)
	}
	fits := slices.DeleteFunc(slices.Clone(all), func(s container.Summary) bool { return !publishes(s, q) })
	if len(fits) == 0 {
		// A container in the host's network publishes nothing: its flags tell.
		return e.findInHostNetwork(ctx, all, q)
	}
	return e.single(ctx, fits, fmt.Sprintf("with port %d", q.Port))
}

// publishes reports whether s answers at q's address: by a published port, or
// by its own address in a Docker network.
func publishes(s container.Summary, q Query) bool {
	for _, p := range s.Ports {
		if p.Type != "tcp" {
			continue
		}
		if int(p.PublicPort) == q.Port && reaches(p.IP, q.Host) {
			return true
		}
		if int(p.PrivatePort) == q.Port && hasAddress(s, q.Host) {
			return true
		}
	}
	return false
}

// reaches reports whether a port bound to the address bound answers a client
// that asks for host. A host name that is no address may be any.
func reaches(bound, host string) bool {
	ip, at := net.ParseIP(host), net.ParseIP(bound)
	switch {
	case at == nil || at.IsUnspecified() || host == "" || ip == nil && host != "localhost":
		return true
	case host == "localhost":
		return at.IsLoopback()
	}
	return at.Equal(ip)
}

func hasAddress(s container.Summary, host string) bool {
	if host == "" || s.NetworkSettings == nil {
		return false
	}
	for _, n := range s.NetworkSettings.Networks {
		if n != nil && n.IPAddress == host {
			return true
		}
	}
	return false
}

func (e *Engine) findInHostNetwork(ctx context.Context, all []container.Summary, q Query) (*Container, error) {
	var fits []container.Summary
	for _, s := range all {
		if s.HostConfig.NetworkMode != "host" || !looksLikeTriton(s) {
			continue
		}
		found, err := e.api.ContainerInspect(ctx, s.ID)
		if err != nil {
			continue // gone since the list was made
		}
		if d := e.pin(found).Definition; slices.Contains([]int{d.httpPort(), d.grpcPort(), d.metricsPort()}, q.Port) {
			fits = append(fits, s)
		}
	}
	return e.single(ctx, fits, fmt.Sprintf("with port %d", q.Port))
}

func (e *Engine) findOnly(ctx context.Context) (*Container, error) {
	all, err := e.api.ContainerList(ctx, container.ListOptions{})
	if err != nil {
		return nil, e.fail("listing containers", err)
	}
	fits := slices.DeleteFunc(all, func(s container.Summary) bool { return !looksLikeTriton(s) })
	return e.single(ctx, fits, "that looks like Triton")
}

func (e *Engine) single(ctx context.Context, fits []container.Summary, what string) (*Container, error) {
	switch len(fits) {
	case 0:
		return nil, e.notFound(ctx, "none is running "+what)
	case 1:
		found, err := e.api.ContainerInspect(ctx, fits[0].ID)
		if err != nil {
			return nil, e.fail("inspecting "+nameOf(fits[0]), err)
		}
		return e.pin(found), nil
	}
	return nil, fmt.Errorf("%w: %s are running %s; choose one by name", ErrAmbiguous, join(fits), what)
}

// notFound names what is there instead: Triton containers if any, else all.
func (e *Engine) notFound(ctx context.Context, why string) error {
	all, err := e.api.ContainerList(ctx, container.ListOptions{All: true})
	switch {
	case err != nil:
		return fmt.Errorf("%w: %s", ErrNotFound, why) // a proxy may forbid the list
	case len(all) == 0:
		return fmt.Errorf("%w: %s (hint: there is no container at %s)", ErrNotFound, why, e.host)
	}
	if likely := slices.DeleteFunc(slices.Clone(all), func(s container.Summary) bool { return !looksLikeTriton(s) }); len(likely) > 0 {
		all = likely
	}
	return fmt.Errorf("%w: %s (hint: there is %s)", ErrNotFound, why, join(all))
}

// looksLikeTriton goes by the command and the image. NVIDIA's client image, with
// perf_analyzer in it, is called tritonserver too: its tag ends in "sdk".
func looksLikeTriton(s container.Summary) bool {
	if strings.Contains(s.Command, "tritonserver") {
		return true
	}
	image := strings.ToLower(s.Image)
	return strings.Contains(image, "triton") && !strings.HasSuffix(image, "sdk")
}

// join lists names, with the state of those that do not run.
func join(list []container.Summary) string {
	const most = 8
	var names []string
	for _, s := range list {
		name := nameOf(s)
		if s.State != container.StateRunning {
			name += " (" + s.State + ")"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) > most {
		names = append(names[:most], fmt.Sprintf("and %d more", len(names)-most))
	}
	return strings.Join(names, ", ")
}

func nameOf(s container.Summary) string {
	for _, n := range s.Names {
		// A legacy link shows as /other/alias.
		if n = strings.TrimPrefix(n, "/"); !strings.Contains(n, "/") {
			return n
		}
	}
	return fmt.Sprintf("%.12s", s.ID)
}
