package main

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tritonsweep/results"
	"tritonsweep/runner"
	"tritonsweep/runner/load"
)

// distinctItems is how many different random items are sent in rotation, so that
// a cache or a lucky branch in the model does not make it look fast.
const distinctItems = 4

// mostDistinct bounds --distinct: each item is kept in memory.
const mostDistinct = 1024

// tailDuration is the longest a point is measured by default when its p99 has
// to be known: a tail needs many more requests than a median.
const tailDuration = 10 * time.Second

// readSpec turns the load's flags into what runner/load measures by.
func readSpec(c *cli.Context, seed uint64) (load.Spec, error) {
	spec := load.Spec{
		Timeout: c.Duration("request-timeout"), Warmup: c.Duration("warmup"),
		MaxDuration: c.Duration("duration"), MinDuration: min(c.Duration("duration"), shortestWindow),
		Precision: c.Float64("precision"), Outstanding: c.Int("max-outstanding"),
	}
	if c.IsSet("max-p99") {
		spec.Quantile = 0.99
		if !c.IsSet("duration") {
			spec.MaxDuration = tailDuration
		}
	}
	var err error
	if spec.Via, err = readTransport(c); err != nil {
		return spec, err
	}
	if n := c.Int("distinct"); n < 1 || n > mostDistinct {
		return spec, usagef("--distinct: %d is not between 1 and %d", n, mostDistinct)
	}
	if spec.Regions, err = readRegions(c); err != nil {
		return spec, err
	}
	spec.Data = load.Data{Source: load.Random, Seed: seed, Distinct: c.Int("distinct")}
	if text := c.String("memory-limit"); text != "" {
		if spec.MemoryLimit, err = parseBytes(text); err != nil {
			return spec, usagef("--memory-limit: %w", err)
		}
	}
	return spec, nil
}

var byteUnits = map[string]float64{
	"": 1, "B": 1, "K": 1 << 10, "KIB": 1 << 10, "M": 1 << 20, "MIB": 1 << 20, "G": 1 << 30, "GIB": 1 << 30,
	"KB": 1e3, "MB": 1e6, "GB": 1e9,
}

// parseBytes reads a size such as 512MiB or 2G.
func parseBytes(text string) (int64, error) {
	digits := strings.TrimRight(text, "bBkKmMgGiI ")
	unit, known := byteUnits[strings.ToUpper(strings.TrimSpace(text[len(digits):]))]
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !known || n <= 0 || n*unit > math.MaxInt64/2 {
		return 0, usagef("%q is not a size (hint: 512MiB or 2GiB)", text)
	}
	return int64(n * unit), nil
}

// config puts together what the runner needs.
func (t *target) config(c *cli.Context, run results.Run, o options) runner.Config {
	config := runner.Config{
		Run: run.ID, Plan: run.Plan, Mode: t.mode, Client: t.client,
		Repository: t.repository, State: t.state, Lock: t.lock, Files: t.files,
		Load: o.spec, Data: o.data, Pipeline: o.pipeline, MaxContainerMemory: o.memory,
		ReadyTimeout: c.Duration("ready-timeout"), Hurry: hurry(c.Context),
		Guard: t.startGuardian(c), Scratch: t.scratch, Address: c.String("grpc-url"), Base: t.base(o),
	}
	if t.server != nil {
		config.Server = t.server
	}
	if t.original != nil { // nobody needs a copy's config back, and the addresses given are the original's
		config.Guard, config.Address, config.Production = nil, "", t.production
	}
	return config
}

// base is what is known of every record's origin without asking anybody.
func (t *target) base(o options) results.Environment {
	return results.Environment{
		Tool: version, Server: t.serverName, Transport: transportName(o.spec), InputSource: o.spec.Data.String(),
	}
}
