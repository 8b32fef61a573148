package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"tritonsweep/results"
	"tritonsweep/results/interference"
	"tritonsweep/runner"
	"tritonsweep/sweep"
)

func interferenceCommand() *cli.Command {
	return &cli.Command{
		Name:  "interference",
		Usage: "measure models alone and together: what they cost each other on one server",
		Description: "In every round each model is measured alone, and all at the same time under the same\n" +
			"loads, in a shuffled order. Changes no config and restarts nothing.",
		Flags: join(
			[]cli.Flag{
				&cli.StringSliceFlag{Name: "at", EnvVars: env("AT"), Usage: "`MODEL=CALLERS[xBATCH]`: another load than --concurrency for one model; repeatable"},
				&cli.IntFlag{Name: "rounds", EnvVars: env("ROUNDS"), Value: 3, Usage: "how often everything is measured"},
				seedFlag(), dryRunFlag(), dbFlag(), outputFlag(), formatFlag(),
			},
			withDefault(targetFlags(), "mode", "none"), loadFlags("8"), metricsFlags(),
		),
		Action: interfere,
	}
}

func interfere(c *cli.Context) (err error) {
	if n := c.Int("rounds"); n < 1 {
		return usagef("--rounds: %d is not at least 1", n)
	}
	o, err := readOptions(c)
	if err != nil {
		return err
	}
	if o.mode != runner.None {
		return usagef("--mode: interference changes no config (hint: --mode none)")
	}
	if len(o.loads) != 1 || o.loads[0].Open() {
		return usagef("interference wants one closed load for all models (hint: --concurrency 8, and --at MODEL=CALLERS for another)")
	}
	t, err := openTarget(c, o.mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if len(t.models) < 2 {
		return usagef("interference needs at least two models (hint: --model A --model B)")
	}
	loads, err := readAt(c, t, o.loads[0])
	if err != nil {
		return err
	}
	o.together, o.verdict = true, interferenceVerdict
	return perform(c, t, sweep.NewTogether(interference.Name, t.models, loads, o.rounds, o.seed), o)
}

// interferenceVerdict tells by the exit code whether every model was compared.
// Rounds that could not be used cost precision, not the comparison.
func interferenceVerdict(_ runner.Outcome, _ results.Run, records []results.Record) error {
	made := interference.Analyze(records)
	if slices.ContainsFunc(made.Models, func(e interference.Effect) bool { return e.Throughput == nil }) {
		return withCode(exitSome, fmt.Errorf("some models could not be compared in any round (hint: the report says why)"))
	}
	return nil
}

// readAt returns each model's load.
func readAt(c *cli.Context, t *target, common sweep.Load) (map[string]sweep.Load, error) {
	loads := map[string]sweep.Load{}
	for _, model := range t.models {
		loads[model] = common
	}
	for _, text := range c.StringSlice("at") {
		model, rest, ok := strings.Cut(text, "=")
		if !ok || loads[model] == (sweep.Load{}) {
			return nil, usagef("--at: %q does not name a model of the command and a load (hint: --at %s=16, or =16x8 for client batches of 8)", text, t.models[0])
		}
		callers, batch, hasBatch := strings.Cut(rest, "x")
		l := common
		var err error
		if l.Concurrency, err = strconv.Atoi(callers); err == nil && hasBatch {
			l.BatchSize, err = strconv.Atoi(batch)
		}
		if err == nil {
			err = l.Validate()
		}
		if err != nil {
			return nil, usagef("--at: %q is not a load (hint: %s=16, or %s=16x8)", text, model, model)
		}
		loads[model] = l
	}
	for model, l := range loads {
		if len(t.fitting(model, []sweep.Load{l})) == 0 {
			return nil, usagef("client batch %d is above max_batch_size %d of %s", l.BatchSize, t.configs[model].GetMaxBatchSize(), model)
		}
	}
	return loads, nil
}
