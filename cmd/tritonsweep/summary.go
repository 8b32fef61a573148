package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"tritonsweep/results"
	"tritonsweep/results/report"
)

func summaryCommand() *cli.Command {
	return &cli.Command{
		Name:      "summary",
		Usage:     "one page about several runs: for each model a recommendation and what each setting did",
		ArgsUsage: "[RUN...]",
		Description: "Without arguments all finished runs of the results file are taken, a resumed one with what\n" +
			"it continues; of two that swept the same setting of a model the later one counts. With --output every run's own report lies\n" +
			"beside the summary, which links to it.",
		Flags:  []cli.Flag{dbFlag(), outputFlag(), summaryFormatFlag()},
		Action: showSummary,
	}
}

func summaryFormatFlag() cli.Flag {
	return &cli.StringFlag{Name: "format", EnvVars: env("FORMAT"), Value: "text", Usage: "of standard output: text, json, markdown or html"}
}

func showSummary(c *cli.Context) (err error) {
	format, err := readFormat(c)
	if err != nil {
		return err
	}
	if format == "csv" {
		return usagef("--format: a summary has no CSV view (hint: text, json, markdown or html; reports have one)")
	}
	reports, err := reportsOf(c)
	if err != nil {
		return err
	}
	summary := report.Summarize(reports)
	if dir := c.String("output"); dir != "" {
		if err := writeSummary(dir, summary, reports); err != nil {
			return err
		}
		fmt.Fprintf(c.App.ErrWriter, "summary: %s\n", filepath.Join(dir, "summary.html"))
	}
	switch format {
	case "json":
		return summary.JSON(c.App.Writer)
	case "markdown":
		return summary.Markdown(c.App.Writer)
	case "html":
		return summary.HTML(c.App.Writer, nil)
	}
	return summary.Text(c.App.Writer, report.TerminalOptions(c.App.Writer, os.Environ()))
}

// reportsOf analyses the runs that the arguments name, or all that ended.
func reportsOf(c *cli.Context) (_ []*report.Report, err error) {
	store, err := openResults(c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	ids := c.Args().Slice()
	if len(ids) == 0 {
		runs, err := store.Runs(c.Context)
		if err != nil {
			return nil, err
		}
		for _, r := range runs {
			goesOn := func(later results.Run) bool { return later.Resumes == r.ID && later.End != nil }
			if r.End != nil && !slices.ContainsFunc(runs, goesOn) { // what is kept of it is in the later one
				ids = append(ids, r.ID)
			}
		}
	}
	if len(ids) == 0 {
		return nil, usagef("%s: no run has ended (hint: tritonsweep runs)", c.String("db"))
	}
	var reports []*report.Report
	for _, id := range ids {
		made, err := analyze(c.Context, store, id)
		if err != nil {
			return nil, err
		}
		reports = append(reports, made)
	}
	return reports, nil
}

// writeSummary leaves the summary in dir, and each run's report below it.
func writeSummary(dir string, summary *report.Summary, reports []*report.Report) error {
	links := map[string]string{}
	for _, r := range reports {
		if err := writeFiles(filepath.Join(dir, r.Run.ID), r); err != nil {
			return err
		}
		links[r.Run.ID] = r.Run.ID + "/report.html"
	}
	return writeViews(dir, map[string]func(io.Writer) error{
		"summary.html": func(w io.Writer) error { return summary.HTML(w, links) },
		"summary.md":   summary.Markdown, "summary.json": summary.JSON,
	})
}
