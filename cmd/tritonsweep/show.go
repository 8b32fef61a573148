package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"tritonsweep/results"
	"tritonsweep/results/report"
	"tritonsweep/sweep"
)

func runsCommand() *cli.Command {
	return &cli.Command{
		Name:   "runs",
		Usage:  "list the runs in the results file",
		Flags:  []cli.Flag{dbFlag()},
		Action: listRuns,
	}
}

func listRuns(c *cli.Context) (err error) {
	store, err := openResults(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	runs, err := store.Runs(c.Context)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RUN\tSTARTED\tSWEEP\tMODELS\tPOINTS\tOUTCOME")
	for _, r := range runs {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%s\n", r.ID, r.Start.Local().Format(time.DateTime),
			r.Plan.Sweep, len(r.Plan.Models()), r.Plan.Points(), printable(r.Outcome))
	}
	return table.Flush()
}

func showCommand() *cli.Command {
	return &cli.Command{
		Name:      "show",
		Usage:     "show one run: its recommendation, its points, its footnotes",
		ArgsUsage: "[RUN]",
		Flags:     []cli.Flag{dbFlag(), formatFlag()},
		Action:    showRun,
	}
}

func reportCommand() *cli.Command {
	return &cli.Command{
		Name:      "report",
		Usage:     "write the reports of a run again: HTML, Markdown, JSON, CSV and the patch",
		ArgsUsage: "[RUN]",
		Flags:     []cli.Flag{dbFlag(), outputFlag(), formatFlag()},
		Action:    showRun,
	}
}

func showRun(c *cli.Context) (err error) {
	format, err := readFormat(c)
	if err != nil {
		return err
	}
	if c.NArg() > 1 {
		return usagef("name one run, not %d (hint: flags come before it)", c.NArg())
	}
	id := "latest"
	if c.NArg() == 1 {
		id = c.Args().First()
	}
	store, err := openResults(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return writeReport(c, store, id, format)
}

// views are what a report and a comparison can be shown as.
type views interface {
	Text(io.Writer, report.TextOptions) error
	JSON(io.Writer) error
	Markdown(io.Writer) error
	CSV(io.Writer) error
}

// print writes one view; the caller has refused formats that there are none for.
func print(w io.Writer, made views, format string) error {
	switch format {
	case "json":
		return made.JSON(w)
	case "markdown":
		return made.Markdown(w)
	case "csv":
		return made.CSV(w)
	case "html":
		if page, ok := made.(interface{ HTML(io.Writer) error }); ok {
			return page.HTML(w)
		}
	}
	return made.Text(w, report.TerminalOptions(w, os.Environ()))
}

// printMix writes the models of a mix one after another.
func printMix(w io.Writer, run results.Run, models []string, records []results.Record) error {
	for i, model := range models {
		of := slices.DeleteFunc(slices.Clone(records), func(r results.Record) bool { return r.Model != model })
		alone := run
		alone.Plan.Trials = slices.DeleteFunc(slices.Clone(run.Plan.Trials), func(t sweep.Trial) bool { return t.Model != model })
		bench, err := report.NewBench(alone, of)
		if err == nil && i > 0 {
			_, err = fmt.Fprintln(w)
		}
		if err == nil {
			err = bench.Text(w, report.TerminalOptions(w, os.Environ()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// printBench writes a run of one point. The formats that bench has no view of
// its own for show it as any other run.
func printBench(w io.Writer, run results.Run, records []results.Record, made *report.Report, format string) error {
	if models := run.Plan.Models(); len(models) > 1 && format == "text" {
		return printMix(w, run, models, records)
	} else if len(models) > 1 {
		return print(w, made, format)
	}
	bench, err := report.NewBench(run, records)
	if err != nil {
		return err
	}
	switch format {
	case "text":
		return bench.Text(w, report.TerminalOptions(w, os.Environ()))
	case "json":
		return bench.JSON(w)
	}
	return print(w, made, format)
}
