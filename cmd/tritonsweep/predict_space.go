package main

import (
	"github.com/urfave/cli/v2"

	"tritonsweep/sweep"
	"tritonsweep/sweep/batcher"
	"tritonsweep/tritonconfig"
)

// predictedLoads is the closed loops, the open ones, or both.
func predictedLoads(c *cli.Context, base batcher.Config) (loads []sweep.Load, err error) {
	batches, err := sweep.ParseValues(c.String("client-batch"), 1)
	if err != nil {
		return nil, usagef("--client-batch: %w", err)
	}
	if most := max(1, base.MaxBatch); batches[0] > most {
		return nil, usagef("--client-batch: %d is above max_batch_size %d", batches[0], most)
	}
	if !c.IsSet("rate") || c.IsSet("concurrency") {
		concurrencies, err := sweep.ParseValues(c.String("concurrency"), 1)
		if err != nil {
			return nil, usagef("--concurrency: %w", err)
		}
		loads = sweep.Closed(concurrencies, batches)
	}
	arrivals := sweep.Arrivals(c.String("arrivals"))
	switch {
	case arrivals != sweep.Poisson && arrivals != sweep.Constant:
		return nil, usagef("--arrivals: %q is not predicted (hint: poisson or constant)", c.String("arrivals"))
	case !c.IsSet("rate") && c.IsSet("arrivals"):
		return nil, usagef("--arrivals %s needs a rate (hint: --rate 100)", arrivals)
	case !c.IsSet("rate"):
		return loads, nil
	}
	rates, err := sweep.ParseRates(c.String("rate"))
	if err != nil {
		return nil, usagef("--rate: %w", err)
	}
	loads = append(loads, sweep.Open(rates, batches, arrivals, "")...)
	for _, l := range loads {
		if err := l.Validate(); err != nil {
			return nil, usagef("%w", err)
		}
	}
	return loads, nil
}

// predictedSettings is every combination of the axes, after the config as it is.
func predictedSettings(c *cli.Context, base batcher.Config) ([]tritonconfig.Settings, error) {
	delays, err := sweep.ParseValues(c.String("delays"), 0)
	if err != nil {
		return nil, usagef("--delays: %w", err)
	}
	counts, err := sweep.ParseValues(c.String("counts"), 1)
	if err != nil {
		return nil, usagef("--counts: %w", err)
	}
	sets := sweep.DefaultSets(base.MaxBatch)
	if c.IsSet("preferred") {
		if sets, err = sweep.ParseSets(c.String("preferred")); err != nil {
			return nil, usagef("--preferred: %w", err)
		}
	}
	if base.MaxBatch < 1 {
		return nil, usagef("the model does not batch (max_batch_size %d): delays and preferred sizes cannot matter", base.MaxBatch)
	}
	all := []tritonconfig.Settings{{}}
	for _, s := range sweep.Counts(counts, c.String("group")) {
		for _, set := range sets {
			for _, delay := range delays {
				s.MaxQueueDelay, s.PreferredBatchSizes = tritonconfig.Ptr(uint64(delay)), set
				if config := base.With(s); config.Validate() != nil {
					return nil, usagef("--preferred: %w", config.Validate())
				}
				all = append(all, s)
			}
		}
	}
	return all, nil
}
