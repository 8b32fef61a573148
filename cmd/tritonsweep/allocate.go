package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"tritonsweep/results"
	"tritonsweep/results/allocate"
	"tritonsweep/results/report"
)

func allocateCommand() *cli.Command {
	return &cli.Command{
		Name:      "allocate",
		Usage:     "divide a memory budget among the instances of several models, from their measured curves",
		ArgsUsage: "[RUN...]",
		Description: "Takes the instance counts that the runs measured (tritonsweep instances, or sweep), and\n" +
			"finds the counts with which the model furthest from its demand comes nearest to it.\n" +
			"The memory is that of the GPUs where they were seen, else the container's. Exact for the\n" +
			"curves as measured, one model at a time; tritonsweep interference tells how far models\n" +
			"slow each other down.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "max-memory", EnvVars: env("MAX_MEMORY"), Usage: "the budget for all instances, e.g. `8GiB`"},
			&cli.StringSliceFlag{Name: "demand", EnvVars: env("DEMAND"), Usage: "`MODEL=RATE`: the throughput wanted, items a second (default: what the current count reaches); repeatable"},
			dbFlag(), formatsFlag("text", "json"),
		},
		Action: allocateInstances,
	}
}

func allocateInstances(c *cli.Context) error {
	if format := c.String("format"); format != "text" && format != "json" {
		return usagef("--format: unknown format %q (hint: text or json)", format)
	}
	if c.String("max-memory") == "" {
		return usagef("no budget is named (hint: --max-memory 8GiB)")
	}
	budget, err := parseBytes(c.String("max-memory"))
	if err != nil {
		return usagef("--max-memory: %w", err)
	}
	reports, err := reportsOf(c)
	if err != nil {
		return err
	}
	models, kind := curves(reports)
	if len(models) == 0 {
		return usagef("%s: no run holds several instance counts of a model with the memory of each (hint: tritonsweep instances --model all)", c.String("db"))
	}
	if err := readDemands(c, models); err != nil {
		return err
	}
	made, err := allocate.Solve(models, float64(budget))
	if err != nil {
		return usagef("%w (hint: a larger --max-memory)", err)
	}
	if c.String("format") == "json" {
		encoder := json.NewEncoder(c.App.Writer)
		encoder.SetIndent("", "  ")
		return encoder.Encode(made)
	}
	return writeAllocation(c.App.Writer, made, kind)
}

// curves returns the models whose instance counts were measured, with the memory
// that all of them know: GPU memory, or else the container's.
func curves(reports []*report.Report) (models []allocate.Model, kind string) {
	kind = "GPU"
	for _, r := range reports {
		for _, m := range r.Models {
			if m.InstanceMemory != nil && m.InstanceMemory.GPU == nil {
				kind = "container"
			}
		}
	}
	for _, r := range reports {
		for _, m := range r.Models {
			got, ok := instanceCurve(m, kind)
			if !ok {
				continue
			}
			same := func(o allocate.Model) bool { return o.Name == got.Name }
			if i := slices.IndexFunc(models, same); i >= 0 {
				models[i] = got // of two runs the later one counts
			} else {
				models = append(models, got)
			}
		}
	}
	return models, kind
}

func instanceCurve(m report.Model, kind string) (allocate.Model, bool) {
	out := allocate.Model{Name: m.Name}
	if m.InstanceMemory == nil {
		return out, false
	}
	each := m.InstanceMemory.GPU
	if kind == "container" {
		each = m.InstanceMemory.Container
	}
	throughput := m.InstanceThroughput()
	if each == nil || len(throughput) < 2 {
		return out, false
	}
	out.Each = max(0, each.Value)
	if n := m.Current.InstanceCount; n != nil {
		out.Now = *n
		out.Demand = throughput[*n].Value
	}
	for count, x := range throughput {
		out.Options = append(out.Options, allocate.Option{Count: count, Throughput: x})
	}
	if out.Demand == 0 {
		for _, x := range throughput {
			out.Demand = max(out.Demand, x.Value)
		}
	}
	return out, true
}

func readDemands(c *cli.Context, models []allocate.Model) error {
	var names []string
	for _, m := range models {
		names = append(names, m.Name)
	}
	for _, text := range c.StringSlice("demand") {
		name, rate, _ := strings.Cut(text, "=")
		i := slices.Index(names, name)
		if i < 0 {
			return usagef("--demand: no curve of %q%s", name, didYouMean(name, names))
		}
		v, err := strconv.ParseFloat(rate, 64)
		if err != nil || !(v > 0) {
			return usagef("--demand: %q is not MODEL=RATE (hint: %s=400)", text, name)
		}
		models[i].Demand = v
	}
	return nil
}

func writeAllocation(w io.Writer, r allocate.Result, kind string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "MODEL\tNOW\tINSTANCES\t%s MEMORY\tTHROUGHPUT\tOF DEMAND\n", strings.ToUpper(kind))
	for _, c := range r.Choices {
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%s\t%.0f%% [%.0f%%, %.0f%%]\n", printable(c.Model), c.Now, c.Count,
			bytesText(int64(c.Memory)), rateText(c.Throughput), 100*c.Share.Value, 100*c.Share.Low, 100*c.Share.High)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s of %s; the model furthest from its demand reaches %.0f%% of it.\n",
		bytesText(int64(r.Memory)), bytesText(int64(r.Budget)), 100*r.Least)
	return err
}

func rateText(e results.Estimate) string { return fmt.Sprintf("%.4g/s", e.Value) }
