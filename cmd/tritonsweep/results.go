package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tritonsweep/internal/atomicfile"
	"tritonsweep/results"
	"tritonsweep/results/report"
	"tritonsweep/runner"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// formats are the names that --format takes.
var formats = []string{"text", "json", "markdown", "csv", "html"}

func readFormat(c *cli.Context) (string, error) {
	format := c.String("format")
	if !slices.Contains(formats, format) {
		return "", usagef("--format: unknown format %q%s", format, didYouMean(format, formats))
	}
	return format, nil
}

// newRun describes the run that begins now.
func newRun(c *cli.Context, t *target, plan sweep.Plan, o options) results.Run {
	start := time.Now().UTC()
	run := results.Run{
		ID:        start.Format("20060102-150405-") + strings.ToLower(rand.Text()[:4]),
		Start:     start,
		Command:   commandLine(c),
		Plan:      plan,
		Limit:     o.limit,
		Objective: o.objective,
		Force:     c.Bool(forceName),
		Outcome:   "running",
		Originals: map[string]results.Original{},
	}
	for model, file := range t.files {
		run.Originals[model] = results.Original{
			Path: t.paths[model], SHA256: atomicfile.Sum(file.Bytes()), Text: file.Bytes(),
		}
	}
	return run
}

// commandLine returns what was asked for, without the headers, which may be
// secrets, and without names and passwords in addresses.
func commandLine(c *cli.Context) []string {
	line := []string{"tritonsweep", c.Command.Name}
	for _, flag := range c.Command.Flags {
		name := flag.Names()[0] // once, whatever aliases it has
		switch _, list := c.Generic(name).(*textList); {
		case name == headerName || !c.IsSet(name):
		case list:
			for _, text := range listOf(c, name) {
				line = append(line, recordable(fmt.Sprintf("--%s=%s", name, text)))
			}
		default:
			line = append(line, recordable(fmt.Sprintf("--%s=%v", name, flagValue(c, name))))
		}
	}
	return line
}

func flagValue(c *cli.Context, name string) any {
	if list, ok := c.Value(name).(cli.StringSlice); ok {
		return strings.Join(list.Value(), ",")
	}
	return c.Value(name)
}

// createRun opens the results file and stores a run that begins.
func createRun(ctx context.Context, name string, run results.Run) (*results.Store, error) {
	store, err := results.Open(ctx, name)
	if err != nil {
		return nil, withCode(exitPermission, err)
	}
	if err := store.CreateRun(ctx, run); err != nil {
		return nil, errors.Join(withCode(exitPermission, err), store.Close())
	}
	return store, nil
}

// endRun stores how a run ended, also after an interruption, and returns err with
// what that brought.
func endRun(ctx context.Context, store *results.Store, run results.Run, err error) error {
	finish(&run, err, exitCodeFor(ctx, err))
	if stored := store.FinishRun(context.WithoutCancel(ctx), run); stored != nil {
		return errors.Join(err, &runner.RecordError{Err: stored})
	}
	return err
}

func finish(run *results.Run, err error, code int) {
	end := time.Now().UTC()
	run.End, run.ExitCode = &end, &code
	switch {
	case err == nil:
		run.Outcome = "done"
	case errors.Is(err, context.Canceled):
		run.Outcome = "interrupted"
	case code == exitSome, code == exitLimit:
		run.Outcome = "done: " + err.Error()
	default:
		run.Outcome = "failed: " + err.Error()
	}
}

// exitCodeFor is the program's exit code: a signal that ended ctx counts for more
// than what it made fail.
func exitCodeFor(ctx context.Context, err error) int {
	code := exitCode(err)
	if n := signalOf(ctx); n != 0 && code < exitNotRestored {
		return 128 + n
	}
	return code
}

// openResults opens the results file of a command that only reads.
func openResults(c *cli.Context) (*results.Store, error) {
	name := c.String("db")
	if _, err := os.Stat(name); err != nil {
		return nil, usagef("--db: %w (hint: name the results file of your sweeps)", err)
	}
	return results.OpenReadOnly(c.Context, name)
}

// analyze reads a run, "latest" or by the beginning of its ID, and what came
// out. Of a damaged file the whole rows are used, with a warning.
func analyze(ctx context.Context, store *results.Store, id string) (*report.Report, error) {
	run, records, err := readRun(ctx, store, id)
	if err != nil {
		return nil, err
	}
	return report.Analyze(run, records), nil
}

func findRun(ctx context.Context, store *results.Store, id string) (results.Run, error) {
	run, err := store.Run(ctx, id)
	if err != nil {
		return run, usagef("%v", err) // which run is asked for is the caller's doing
	}
	return run, nil
}

func readRun(ctx context.Context, store *results.Store, id string) (results.Run, []results.Record, error) {
	run, err := findRun(ctx, store, id)
	if err != nil {
		return run, nil, err
	}
	records, err := store.Records(ctx, run.ID)
	if errors.Is(err, results.ErrCorrupt) {
		slog.Warn("the results file is damaged; the report is made from what is whole", "error", err)
	} else if err != nil {
		return run, nil, err
	}
	return run, records, nil
}

// writeReport prints a run in the format asked for and, with --output, leaves
// every format in a directory.
func writeReport(c *cli.Context, store *results.Store, id, format string) error {
	run, records, err := readRun(context.WithoutCancel(c.Context), store, id)
	if err != nil {
		return err
	}
	made := report.Analyze(run, records)
	if dir := c.String("output"); dir != "" {
		if err := writeFiles(dir, made); err != nil {
			return err
		}
		fmt.Fprintf(c.App.ErrWriter, "reports: %s\n", dir)
	}
	if run.Plan.Sweep == benchName && len(records) > 0 {
		return printBench(c.App.Writer, run, records, made, format)
	}
	return print(c.App.Writer, made, format)
}

// writePlan prints a plan to standard output, for --dry-run.
func writePlan(c *cli.Context, plan sweep.Plan) error {
	if c.String("format") == "json" {
		encoder := json.NewEncoder(c.App.Writer)
		encoder.SetIndent("", "  ")
		return encoder.Encode(plan)
	}
	for _, t := range plan.Trials {
		settings := t.Settings.String()
		if t.Control {
			settings = "control (as configured)"
		}
		where := loadTexts(t.Loads)
		if t.Together {
			where += " together"
		}
		if _, err := fmt.Fprintf(c.App.Writer, "%3d  round %d  %s  %s  %s\n", t.Index+1, t.Round, t.Model, settings, where); err != nil {
			return err
		}
	}
	describeFinals(c.App.Writer, plan)
	return writeSkipped(c, plan)
}

func loadTexts(loads []sweep.Load) string {
	texts := make([]string, len(loads))
	for i, l := range loads {
		texts[i] = l.String()
	}
	return strings.Join(texts, ", ")
}

// writeSkipped lists what the plan leaves out.
func writeSkipped(c *cli.Context, plan sweep.Plan) error {
	for _, s := range plan.Skipped {
		where := "every load"
		if len(s.Loads) > 0 {
			where = loadTexts(s.Loads)
		}
		if _, err := fmt.Fprintf(c.App.Writer, "skip  %s  %s  %s: %s\n", s.Model, s.Settings, where, printable(s.Reason)); err != nil {
			return err
		}
	}
	return nil
}

// recommended returns the one model and the settings that a report recommends.
func recommended(made *report.Report, models []string) (string, tritonconfig.Settings, error) {
	var model string
	var settings tritonconfig.Settings
	for _, m := range made.Models {
		if len(models) > 0 && !slices.Contains(models, m.Name) || m.Recommendation.Settings == nil {
			continue
		}
		if model != "" {
			return "", settings, usagef("the run recommends settings for several models (hint: name one with --model)")
		}
		model, settings = m.Name, *m.Recommendation.Settings
	}
	if model == "" {
		return "", settings, usagef("run %s recommends no change", made.Run.ID)
	}
	return model, settings, nil
}
