package main

import (
	"github.com/urfave/cli/v2"

	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// axis turns the flags of a sweep into the settings to try for one model.
type axis func(c *cli.Context, file *tritonconfig.File) ([]tritonconfig.Settings, error)

func queueDelayCommand() *cli.Command {
	return sweepCommand(&cli.Command{
		Name:  "queue-delay",
		Usage: "find the best max_queue_delay_microseconds of a model",
		Description: "Measures the model at every queue delay and load, beside its untouched config,\n" +
			"and recommends the fastest one that meets the limit. The config file is put back.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "delays", EnvVars: env("DELAYS"), Value: "0,1000..10000/1000", Usage: "microseconds: `LIST` or range from..to/step"},
		},
	}, "1,8,32", delayAxis)
}

func delayAxis(c *cli.Context, _ *tritonconfig.File) ([]tritonconfig.Settings, error) {
	delays, err := sweep.ParseValues(c.String("delays"), 0)
	if err != nil {
		return nil, usagef("--delays: %w", err)
	}
	return sweep.Delays(delays), nil
}

func batchSizeCommand() *cli.Command {
	return sweepCommand(&cli.Command{
		Name:  "batch-size",
		Usage: "find the best preferred_batch_size of a model, and where batching saturates",
		Description: "Measures the model at every set of preferred batch sizes, none included, with\n" +
			"every client batch. In mode none only the client batches vary.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "preferred", EnvVars: env("PREFERRED"), Usage: "`SETS` of sizes, divided by semicolons: none;4,8;8,16,32 (default: from max_batch_size)"},
		},
	}, "1,8,32", preferredAxis)
}

func preferredAxis(c *cli.Context, file *tritonconfig.File) ([]tritonconfig.Settings, error) {
	if c.IsSet("preferred") {
		sets, err := sweep.ParseSets(c.String("preferred"))
		if err != nil {
			return nil, usagef("--preferred: %w", err)
		}
		return sweep.PreferredSets(sets), nil
	}
	maxBatch := 0
	if file != nil {
		if m := file.Settings().MaxBatchSize; m != nil {
			maxBatch = *m
		}
	}
	return sweep.PreferredSets(sweep.DefaultSets(maxBatch)), nil
}

func instancesCommand() *cli.Command {
	return sweepCommand(&cli.Command{
		Name:  "instances",
		Usage: "find the best instance_group count of a model, and what an instance costs in memory",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "counts", EnvVars: env("COUNTS"), Value: "1,2,4", Usage: "instances: `LIST` or range"},
			&cli.StringFlag{Name: "group", EnvVars: env("GROUP"), Usage: "`NAME` or #INDEX of the instance group, where the model has several"},
		},
	}, "1,8,32", countAxis)
}

func countAxis(c *cli.Context, _ *tritonconfig.File) ([]tritonconfig.Settings, error) {
	counts, err := sweep.ParseValues(c.String("counts"), 1)
	if err != nil {
		return nil, usagef("--counts: %w", err)
	}
	return sweep.Counts(counts, c.String("group")), nil
}

func concurrencyCommand() *cli.Command {
	return sweepCommand(&cli.Command{
		Name:        "concurrency",
		Usage:       "measure throughput and latency of a model as it is, from one client to many",
		Description: "Changes no config. With --mode none the server is not even restarted.",
	}, "1,4,8,16,32,64", untouched)
}

// sweepCommand completes a command with the flags and the action that all
// sweeps share.
func sweepCommand(c *cli.Command, concurrency string, settings axis) *cli.Command {
	c.Flags = join(c.Flags, targetFlags(), loadFlags(concurrency), planFlags(), metricsFlags(), []cli.Flag{pipelineLoadFlag()})
	c.Action = func(c *cli.Context) error { return runSweep(c, settings) }
	return c
}
