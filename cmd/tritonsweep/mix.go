package main

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"tritonsweep/results"
	"tritonsweep/runner"
	"tritonsweep/sweep"
)

// mostWeight bounds a weight of a mix: a turn of the deck holds them all.
const mostWeight = 1000

// readMix reads --mix: the weight of each model.
func readMix(text string) (map[string]int, error) {
	weights := map[string]int{}
	for part := range strings.SplitSeq(text, ",") {
		model, number, found := strings.Cut(strings.TrimSpace(part), "=")
		weight, err := strconv.Atoi(number)
		if !found || model == "" || err != nil || weight < 1 || weight > mostWeight {
			return nil, usagef("--mix: %q is not MODEL=WEIGHT (hint: --mix a=3,b=1; weights from 1 to %d)", part, mostWeight)
		}
		if weights[model] > 0 {
			return nil, usagef("--mix: %s is there twice", model)
		}
		weights[model] = weight
	}
	if len(weights) < 2 {
		return nil, usagef("--mix: one model is no mix (hint: --mix a=3,b=1)")
	}
	return weights, nil
}

// benchMix measures several models under one load that they share.
func benchMix(c *cli.Context, o options) (err error) {
	weights, err := readMix(c.String("mix"))
	if err != nil {
		return err
	}
	models := slices.Sorted(maps.Keys(weights))
	switch {
	case c.IsSet("model") && !slices.Equal(slices.Sorted(slices.Values(c.StringSlice("model"))), models):
		return usagef("--mix names the models (hint: leave --model out)")
	case c.IsSet("hdr-log"):
		return usagef("--hdr-log: the latencies of several models do not go into one log (hint: leave it out)")
	case o.mode != runner.None:
		return usagef("--mode: a mix changes no config (hint: --mode none)")
	case o.loads[0].Arrivals == sweep.Recorded:
		return usagef("--arrivals: recorded intervals do not say which model is meant (hint: poisson or constant)")
	}
	if !c.IsSet("model") {
		for _, model := range models {
			if err := c.Set("model", model); err != nil {
				return err
			}
		}
	}
	t, err := openTarget(c, o.mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	loads := mixedLoads(o.loads[0], weights)
	for model, l := range loads {
		if len(t.fitting(model, []sweep.Load{l})) == 0 {
			return usagef("--client-batch: %d is above max_batch_size %d of %s", l.BatchSize, t.configs[model].GetMaxBatchSize(), model)
		}
	}
	o.together, o.weights = true, weights
	o.verdict = func(outcome runner.Outcome, run results.Run, records []results.Record) error {
		errs := []error{verdictOf(outcome, nil)}
		for _, r := range records {
			errs = append(errs, benchVerdict(run, []results.Record{r}))
		}
		return errors.Join(errs...)
	}
	return perform(c, t, sweep.NewMix(benchName, models, loads, o.seed), o)
}

// mixedLoads parts a load among models.
func mixedLoads(whole sweep.Load, weights map[string]int) map[string]sweep.Load {
	total := 0
	for _, w := range weights {
		total += w
	}
	loads := map[string]sweep.Load{}
	for model, w := range weights {
		l, share := whole, float64(w)/float64(total)
		if l.Open() {
			l.Rate *= share
		} else {
			l.Share = share
		}
		loads[model] = l
	}
	return loads
}
