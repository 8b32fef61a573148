package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"tritonsweep/results/report"
)

// compareName is the command, and the name of its plans.
const compareName = "compare"

func compareCommand() *cli.Command {
	return &cli.Command{
		Name:      compareName,
		Usage:     "compare two runs, or an API with a reference",
		ArgsUsage: "[RUN1 RUN2]",
		Description: "Two runs: the points they have in common, as ratios with intervals. Conditions that differ\n" +
			"make a model incomparable, unless --across names them as what is compared.\n" +
			"An API (--spec and --target) against --reference, another target of the spec or a URL: both are\n" +
			"measured in turns under the same loads. Or against --figure, a recorded number with its --source.\n" +
			"The exit code is 4 when a point is worse.",
		Flags: join([]cli.Flag{
			&cli.StringSliceFlag{Name: "across", Usage: "`PART` of the conditions that may differ: server, image, gpu, driver, model, config, host, ...; repeatable"},
			&cli.StringFlag{Name: "reference", Usage: "another target of the spec by its `NAME`, or a URL that takes the same requests"},
			&cli.StringFlag{Name: "figure", Usage: "a recorded `QUANTITY=VALUE`: throughput=820/s or p95=12ms"},
			&cli.StringFlag{Name: "source", Usage: "where the recorded figure comes from, in `WORDS`"},
		}, pipelineFlags(3)),
		Action: compare,
	}
}

func compare(c *cli.Context) error {
	format, err := readFormat(c)
	if err != nil {
		return err
	}
	if format == "html" {
		return usagef("--format: a comparison has no html view (hint: text, json, markdown or csv)")
	}
	measured := c.IsSet("spec") || c.IsSet("url")
	switch {
	case measured && c.NArg() > 0:
		return usagef("either two runs or an API (--spec, --url), not both")
	case measured:
		return compareAPI(c, format)
	case c.IsSet("reference") || c.IsSet("figure"):
		return usagef("--reference and --figure are for an API (hint: --spec FILE --target NAME, or --url)")
	case c.NArg() != 2:
		return usagef("name two runs, not %d (hint: tritonsweep runs lists them; flags come before)", c.NArg())
	}
	for _, part := range c.StringSlice("across") {
		if !slices.Contains(report.ProvenanceParts(), part) {
			return usagef("--across: unknown part %q%s", part, didYouMean(part, report.ProvenanceParts()))
		}
	}
	return compareRuns(c, format)
}

func compareRuns(c *cli.Context, format string) (err error) {
	store, err := openResults(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	var sides [2]report.Side
	for i := range sides {
		if sides[i].Run, sides[i].Records, err = readRun(c.Context, store, c.Args().Get(i)); err != nil {
			return err
		}
	}
	if sides[0].Run.ID == sides[1].Run.ID {
		return usagef("%s and %s are one run", c.Args().Get(0), c.Args().Get(1))
	}
	made := report.CompareRuns(sides[0], sides[1], c.StringSlice("across"))
	if err := printComparison(c, made, format); err != nil {
		return err
	}
	return comparisonVerdict(made)
}

// comparisonVerdict tells by the exit code what a script wants to know.
func comparisonVerdict(made *report.Comparison) error {
	switch worse := made.Worse(); {
	case worse > 0:
		return withCode(exitLimit, fmt.Errorf("%d of %d points are worse", worse, len(made.Pairs)))
	case len(made.Pairs)+len(made.Figures) == 0:
		return withCode(exitSome, errors.New("nothing could be compared (hint: the reasons stand above; --across allows a part to differ)"))
	}
	return nil
}

// printComparison prints one view and, with --output, leaves all in a directory.
func printComparison(c *cli.Context, made *report.Comparison, format string) error {
	if dir := c.String("output"); dir != "" {
		if err := writeViews(dir, map[string]func(io.Writer) error{
			"comparison.json": made.JSON, "comparison.md": made.Markdown, "comparison.csv": made.CSV,
			"comparison.txt": func(w io.Writer) error { return made.Text(w, report.TextOptions{}) },
		}); err != nil {
			return err
		}
	}
	return print(c.App.Writer, made, format)
}
