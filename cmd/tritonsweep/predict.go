package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"tritonsweep/results"
	"tritonsweep/results/forecast"
	"tritonsweep/sweep"
	"tritonsweep/sweep/batcher"
	"tritonsweep/sweep/calibration"
)

func predictCommand() *cli.Command {
	return &cli.Command{
		Name:  "predict",
		Usage: "predict settings and loads that were not measured, from a run that was",
		Description: "Learns from the points of one run how long the model works on a batch, what a request\n" +
			"needs on its way and what instances do to each other, and simulates a whole space with it\n" +
			"in seconds. Nothing is measured, and no server is asked: confirm what you mean to use.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "model", Aliases: []string{"m"}, EnvVars: env("MODEL"), Usage: "`NAME` of the model"},
			&cli.StringFlag{Name: "from", Usage: "`RUN` to learn from: its identifier, the beginning of one, or latest"},
			dbFlag(),
			&cli.StringFlag{Name: "delays", EnvVars: env("DELAYS"), Value: "0,1000..10000/1000", Usage: "queue delays in microseconds: `LIST` or range"},
			&cli.StringFlag{Name: "preferred", EnvVars: env("PREFERRED"), Usage: "`SETS` of preferred sizes: none;4,8;8,16,32 (default: from max_batch_size)"},
			&cli.StringFlag{Name: "counts", EnvVars: env("COUNTS"), Value: "1,2,4", Usage: "instances: `LIST` or range"},
			&cli.StringFlag{Name: "group", EnvVars: env("GROUP"), Usage: "`NAME` or #INDEX of the instance group that the counts are for"},
			&cli.StringFlag{Name: "concurrency", Aliases: []string{"c"}, EnvVars: env("CONCURRENCY"), Value: "1,4,8,16,32,64", Usage: "callers of the closed loop: `LIST` or range"},
			&cli.StringFlag{Name: "rate", EnvVars: env("RATE"), Usage: "arrivals of an open loop, requests a second: `LIST` or range (instead of --concurrency, or beside it when both are given)"},
			&cli.StringFlag{Name: "arrivals", EnvVars: env("ARRIVALS"), Value: string(sweep.Poisson), Usage: "how they arrive: poisson or constant"},
			&cli.StringFlag{Name: "client-batch", EnvVars: env("CLIENT_BATCH"), Value: "1", Usage: "items in one request: `LIST` or range"},
			&cli.StringFlag{Name: "max-p99", EnvVars: env("MAX_P99"), Usage: "show only settings below this p99 latency, e.g. `20ms`"},
			&cli.StringFlag{Name: "max-p95", EnvVars: env("MAX_P95"), Usage: "show only settings below this p95 latency"},
			&cli.IntFlag{Name: "top", Value: 5, Usage: "how many settings of each load the text shows (JSON and CSV have all)"},
			&cli.Uint64Flag{Name: "seed", EnvVars: env("SEED"), Value: 1, Usage: "of the simulation"},
			&cli.StringFlag{Name: "format", EnvVars: env("FORMAT"), Value: "text", Usage: "of standard output: text, json or csv"},
		},
		Action: predict,
	}
}

var predictFormats = []string{"text", "json", "csv"}

func predict(c *cli.Context) error {
	for name, hint := range map[string]string{"model": "the model to predict", "from": "the run to learn from; tritonsweep runs lists them"} {
		if c.String(name) == "" {
			return usagef("--%s is missing (hint: %s)", name, hint)
		}
	}
	limit, err := readLimit(c)
	if err != nil {
		return err
	}
	if f := c.String("format"); !slices.Contains(predictFormats, f) {
		return usagef("--format: unknown format %q%s", f, didYouMean(f, predictFormats))
	}
	if c.Int("top") < 1 {
		return usagef("--top: %d is not at least 1", c.Int("top"))
	}
	run, records, err := readRecords(c)
	if err != nil {
		return err
	}
	asked, err := askedOf(c, run, records)
	if err != nil {
		return err
	}
	begin := time.Now()
	learned, err := calibrate(c, run, records)
	if err != nil {
		return err
	}
	made, err := forecast.Make(c.Context, learned, asked)
	if err != nil {
		return err
	}
	made.Seconds = time.Since(begin).Seconds()
	switch c.String("format") {
	case "json":
		return made.JSON(c.App.Writer)
	case "csv":
		return made.CSV(c.App.Writer)
	}
	return made.Text(c.App.Writer, forecast.TextOptions{Most: c.Int("top"), P95: limit.P95, P99: limit.P99})
}

// readRecords returns the run that --from names, and its records.
func readRecords(c *cli.Context) (run results.Run, records []results.Record, err error) {
	store, err := openResults(c)
	if err != nil {
		return run, nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if run, err = store.Run(c.Context, c.String("from")); err != nil {
		return run, nil, usagef("--from: %v", err) // not wrapped: a store that was only read lost nothing
	}
	if records, err = store.Records(c.Context, run.ID); err != nil {
		return run, nil, err
	}
	if models := run.Plan.Models(); !slices.Contains(models, c.String("model")) {
		return run, nil, usagef("--model: run %s did not measure %s%s", run.ID, c.String("model"), didYouMean(c.String("model"), models))
	}
	return run, records, nil
}

// calibrate learns from the run, and says on standard error what it could not use.
func calibrate(c *cli.Context, run results.Run, records []results.Record) (*calibration.Calibration, error) {
	runs, skipped := forecast.Runs(records, c.String("model"))
	for _, text := range skipped {
		fmt.Fprintln(c.App.ErrWriter, "not used:", printable(text))
	}
	if len(runs) == 0 {
		return nil, usagef("--from: run %s has no point of %s to learn from (hint: a sweep of it whose points are usable)", run.ID, c.String("model"))
	}
	learned, err := calibration.Fit(runs, c.Uint64("seed"))
	return learned, withCode(exitUsage, err)
}

// askedOf returns the space to predict. The config that settings change is the
// one in force at an untouched point, or, where every point was changed, at the
// first.
func askedOf(c *cli.Context, run results.Run, records []results.Record) (forecast.Asked, error) {
	asked := forecast.Asked{Model: c.String("model"), Run: run.ID, Seed: c.Uint64("seed")}
	base, err := baseOf(records, asked.Model)
	if err != nil {
		return asked, usagef("--from: run %s: %w", run.ID, err)
	}
	asked.Base = base
	if asked.Settings, err = predictedSettings(c, base); err != nil {
		return asked, err
	}
	if asked.Loads, err = predictedLoads(c, base); err != nil {
		return asked, err
	}
	if n := len(asked.Settings) * len(asked.Loads); n > mostPredicted {
		return asked, usagef("the space has %d points, at most %d are predicted at once (hint: fewer values)", n, mostPredicted)
	}
	return asked, nil
}

// mostPredicted bounds a space: a minute on two processors.
const mostPredicted = 50_000

func baseOf(records []results.Record, model string) (batcher.Config, error) {
	var first *results.Record
	for i := range records {
		r := &records[i]
		if r.Model != model || len(r.Config) == 0 {
			continue
		}
		if r.Settings.IsZero() {
			return forecast.Config(r)
		}
		if first == nil {
			first = r
		}
	}
	if first == nil {
		return batcher.Config{}, fmt.Errorf("no point of %s tells the config in force", model)
	}
	return forecast.Config(first)
}
