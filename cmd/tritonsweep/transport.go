package main

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/urfave/cli/v2"

	"tritonsweep/runner/load"
	"tritonsweep/runner/load/cuda"
)

// readTransport reads how requests travel. Where no --http-url is given, the
// container's port is known later: see target.httpService.
func readTransport(c *cli.Context) (load.Options, error) {
	via := load.Options{Protocol: load.Protocol(c.String("transport")), URL: c.String("http-url")}
	secure, err := secureOptions(c)
	if err != nil {
		return via, err
	}
	via.TLS, via.Headers, via.Insecure = secure.TLS, secure.Headers, secure.Insecure
	if via.Compression = c.String("compression"); via.Compression == "none" {
		via.Compression = ""
	}
	switch {
	case via.Protocol != load.HTTP && c.IsSet("http-url"):
		return via, usagef("--http-url is for --transport %s", load.HTTP)
	case via.URL != "" && c.Bool("sim"):
		return via, usagef("--http-url: the simulated server has an address of its own (hint: leave it out)")
	case via.URL != "" && c.Bool("isolate"):
		return via, usagef("--http-url: a copy made by --isolate has another address (hint: leave it out)")
	}
	checked := via
	checked.Address, checked.Callers = "localhost:0", 1 // the address is known later
	if checked.URL == "" {
		checked.URL = "http://localhost"
	}
	checked.Compression = ""
	if err := checked.Validate(); err != nil {
		return via, usagef("--transport: %w", err)
	}
	if checked.Compression = via.Compression; checked.Validate() != nil {
		return via, usagef("--compression: unknown compression %q (hint: gzip or none)", via.Compression)
	}
	return via, nil
}

// transportName names how requests travel, for records.
func transportName(s load.Spec) string {
	name := cmp.Or(string(s.Via.Protocol), string(load.GRPC))
	if s.Regions != nil {
		name += ", " + s.Regions.Kind()
	}
	return name
}

// readRegions reads where tensors travel beside the messages; nil for nowhere.
func readRegions(c *cli.Context) (*load.Regions, error) {
	kind := c.String("shared-memory")
	if kind != "cuda" && c.IsSet("cuda-device") {
		return nil, usagef("--cuda-device is for --shared-memory cuda")
	}
	switch kind {
	case "none", "":
		return nil, nil
	case "system":
		return new(load.Regions), nil
	case "cuda":
		device, err := cuda.Open(c.Int("cuda-device"))
		if err != nil {
			return nil, usagef("--shared-memory cuda: %w", err)
		}
		return &load.Regions{Device: device}, nil
	}
	return nil, usagef("--shared-memory: unknown kind %q (hint: none, system or cuda)", kind)
}

// tryRegions makes sure that the server can map this machine's shared memory.
func (t *target) tryRegions(c *cli.Context, s load.Spec) error {
	if s.Regions == nil {
		return nil
	}
	regions := *s.Regions
	regions.Server = t.client
	return withCode(exitUsage, regions.Try(c.Context))
}

// unmapDead lets the server unmap the regions that a killed run left and this start
// removed. Only names that lay in this machine's memory are ours for certain.
func (t *target) unmapDead(ctx context.Context, dead []string) {
	if len(dead) == 0 {
		return
	}
	if err := t.client.Unmap(ctx, dead); err != nil {
		slog.Warn("shared memory of a killed run may still be mapped by the server, until it restarts", "error", err)
	}
}

// httpService makes sure that there is an address for --transport http.
func (t *target) httpService(c *cli.Context) error {
	if load.Protocol(c.String("transport")) != load.HTTP || c.String("http-url") != "" {
		return nil
	}
	address := ""
	if t.server != nil {
		identity, err := t.server.Identity(c.Context)
		if err != nil {
			return err
		}
		address = identity.HTTP
	}
	if address == "" {
		return usagef("--transport http needs --http-url, since no container is known that publishes an HTTP port (hint: --http-url http://127.0.0.1:8000)")
	}
	return nil
}
