package main

import (
	"github.com/urfave/cli/v2"

	"tritonsweep/runner/load"
)

// readTransport reads how requests travel.
func readTransport(c *cli.Context) (load.Options, error) {
	via := load.Options{Protocol: load.Protocol(c.String("transport")), URL: c.String("http-url")}
	switch {
	case via.Protocol != load.HTTP && c.IsSet("http-url"):
		return via, usagef("--http-url is for --transport %s", load.HTTP)
	case via.Protocol == load.HTTP && c.Bool("sim"):
		return via, usagef("--transport http: the simulated server takes inference over gRPC only (hint: --transport %s or %s)", load.GRPC, load.Stream)
	case via.Protocol == load.HTTP && c.Bool("isolate"):
		return via, usagef("--transport http: a copy made by --isolate has another address than --http-url (hint: --transport %s)", load.GRPC)
	case via.Protocol == load.HTTP && via.URL == "":
		return via, usagef("--transport http needs --http-url (hint: --http-url http://127.0.0.1:8000)")
	}
	checked := via
	checked.Address, checked.Callers = "known:later", 1
	if err := checked.Validate(); err != nil {
		return via, usagef("--transport: %w", err)
	}
	return via, nil
}
