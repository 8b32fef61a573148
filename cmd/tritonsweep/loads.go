package main

import (
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"tritonsweep/runner/load"
	"tritonsweep/sweep"
)

// readLoads reads the loads to offer: the closed loops of --concurrency, unless
// only an open loop is asked for, and the open ones of --rate and --arrivals. It
// returns the intervals of recorded arrivals.
func (o *options) readLoads(c *cli.Context) (recorded []time.Duration, err error) {
	batches := []int{1} // of commands that know no batch
	if text := c.String("client-batch"); text != "" {
		if batches, err = sweep.ParseValues(text, 1); err != nil {
			return nil, usagef("--client-batch: %w", err)
		}
	}
	open := c.IsSet("rate") || c.IsSet("arrivals")
	if !open || c.IsSet("concurrency") {
		concurrencies, err := sweep.ParseValues(c.String("concurrency"), 1)
		if err != nil {
			return nil, usagef("--concurrency: %w", err)
		}
		o.loads = sweep.Closed(concurrencies, batches)
	}
	if n := c.Int("max-outstanding"); c.IsSet("max-outstanding") && (n < 1 || n > mostOutstanding) {
		return nil, usagef("--max-outstanding: %d is not between 1 and %d", n, mostOutstanding)
	}
	if !open {
		if c.IsSet("max-outstanding") {
			return nil, usagef("--max-outstanding is for an open loop (hint: --rate)")
		}
		return nil, nil
	}
	arrivals, trace, recorded, err := readArrivals(c.String("arrivals"))
	if err != nil {
		return nil, err
	}
	rates := []float64{load.MeanRate(recorded)}
	switch {
	case c.IsSet("rate"):
		if rates, err = sweep.ParseRates(c.String("rate")); err != nil {
			return nil, usagef("--rate: %w", err)
		}
	case recorded == nil:
		return nil, usagef("--arrivals %s needs a rate (hint: --rate 100)", arrivals)
	}
	o.loads = append(o.loads, sweep.Open(rates, batches, arrivals, trace)...)
	for _, l := range o.loads {
		if err := l.Validate(); err != nil {
			return nil, usagef("%w", err)
		}
	}
	return recorded, nil
}

// mostOutstanding bounds --max-outstanding: each is a goroutine.
const mostOutstanding = 1 << 16

// readArrivals reads --arrivals: a process, or the file of a recording.
func readArrivals(text string) (arrivals sweep.Arrivals, trace string, recorded []time.Duration, err error) {
	switch arrivals = sweep.Arrivals(text); arrivals {
	case sweep.Poisson, sweep.Constant:
		return arrivals, "", nil, nil
	}
	if _, err := os.Stat(text); err != nil {
		return "", "", nil, usagef("--arrivals: %w (hint: poisson, constant or a file)", err)
	}
	if recorded, err = load.ReadIntervals(text); err != nil {
		return "", "", nil, usagef("--arrivals: %w", err)
	}
	return sweep.Recorded, filepath.Base(text), recorded, nil
}
