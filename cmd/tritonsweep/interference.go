package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"tritonsweep/results/interference"
	"tritonsweep/runner"
	"tritonsweep/runner/load"
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
				seedFlag(), dryRunFlag(), formatsFlag("text", "json"),
				&cli.StringFlag{Name: "output", Aliases: []string{"o"}, EnvVars: env("OUTPUT"), Usage: "`DIR` for interference.txt and interference.json"},
			},
			withDefault(targetFlags(), "mode", "none"), loadFlags("8"),
		),
		Action: interfere,
	}
}

func formatsFlag(formats ...string) cli.Flag {
	return &cli.StringFlag{Name: "format", EnvVars: env("FORMAT"), Value: formats[0], Usage: "of standard output: " + strings.Join(formats, " or ")}
}

func interfere(c *cli.Context) (err error) {
	if format := c.String("format"); format != "text" && format != "json" {
		return usagef("--format: unknown format %q (hint: text or json)", format)
	}
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
	if o.shapes, err = t.shapes(c, o); err != nil {
		return err
	}
	run := runner.Interference{Client: t.client, Rounds: c.Int("rounds"), Seed: o.seed}
	for _, model := range t.models {
		spec, err := t.together(c, model, loads[model], o)
		if err != nil {
			return err
		}
		run.Specs = append(run.Specs, spec)
		fmt.Fprintf(c.App.ErrWriter, "plan: %s at %s, alone and together, %d rounds of %s (seed %d)\n", printable(model), loads[model], run.Rounds, spec.MaxDuration, o.seed)
	}
	fmt.Fprintf(c.App.ErrWriter, "on:   %s\n", printable(t.describe()))
	if c.Bool("dry-run") {
		return nil
	}
	return t.interfere(c, run)
}

// interfere measures and reports.
func (t *target) interfere(c *cli.Context, run runner.Interference) error {
	run.Record = func(s interference.Sample) { fmt.Fprintln(c.App.ErrWriter, printable(sampleLine(s))) }
	samples, runErr := run.Run(c.Context)
	made := interference.Analyze(samples)
	made.Server, made.Simulated, made.Seed = t.serverName, t.simulated, run.Seed
	if runErr != nil {
		return runErr
	}
	if dir := c.String("output"); dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return withCode(exitFailed, fmt.Errorf("--output: %w", err))
		}
		for name, view := range map[string]func(io.Writer) error{"interference.txt": made.Text, "interference.json": made.JSON} {
			if err := writeFile(filepath.Join(dir, name), view); err != nil {
				return withCode(exitFailed, fmt.Errorf("--output: %w", err))
			}
		}
	}
	view := made.Text
	if c.String("format") == "json" {
		view = made.JSON
	}
	if err := view(c.App.Writer); err != nil {
		return err
	}
	if slices.ContainsFunc(made.Models, func(e interference.Effect) bool { return e.Throughput == nil }) {
		return withCode(exitSome, fmt.Errorf("some models could not be compared in any round (hint: the report says why)"))
	}
	return nil
}

func sampleLine(s interference.Sample) string {
	how := "alone"
	if s.Together {
		how = "together"
	}
	line := fmt.Sprintf("round %d %s %s %s: ", s.Round, how, s.Model, s.Load)
	if t := s.Client.Throughput; t != nil && s.Verdict.Usable() {
		return line + fmt.Sprintf("%.4g/s", t.Value)
	}
	return line + string(s.Verdict) + ": " + strings.Join(s.Reasons, "; ")
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

// together returns what one model is offered: a window of fixed length, since
// the others are to be loaded as long.
func (t *target) together(c *cli.Context, model string, l sweep.Load, o options) (load.Spec, error) {
	spec := o.spec
	spec.Load, spec.Shared, spec.Seed = l, t.simulated, o.seed
	spec.MinDuration = spec.MaxDuration
	spec.Data.Shapes = o.shapes[model]
	var err error
	spec.Model, err = runner.Describe(c.Context, t.client, model, t.configs[model])
	return spec, err
}
