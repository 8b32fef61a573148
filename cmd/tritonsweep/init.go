package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/runner"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

func initCommand() *cli.Command {
	return &cli.Command{
		Name:  "init",
		Usage: "write a spec for tritonsweep sweep from a running server",
		Description: "Reads the models' configs from the server and writes a commented spec with values\n" +
			"worth trying for each, to standard output or to a file that does not exist yet.\n" +
			"Nothing on the server is touched.",
		Flags: join([]cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "`FILE` to write, which must not exist (default: standard output)"},
		}, targetFlags()),
		Action: initSpec,
	}
}

func initSpec(c *cli.Context) (err error) {
	if len(c.StringSlice("model")) == 0 {
		if err := c.Set("model", "all"); err != nil {
			return err
		}
	}
	t, err := openTarget(c, runner.None)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	text := specText(t)
	name := c.String("output")
	if name == "" {
		_, err = io.WriteString(c.App.Writer, text)
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return usagef("--output: %s exists and is kept (hint: name another file)", name)
	}
	if err != nil {
		return withCode(exitPermission, fmt.Errorf("--output: %w", err))
	}
	_, err = io.WriteString(f, text)
	if err = errors.Join(err, f.Close()); err != nil {
		return withCode(exitPermission, fmt.Errorf("--output: %w", err))
	}
	fmt.Fprintf(c.App.ErrWriter, "wrote %s: read it, then tritonsweep sweep -f %s --dry-run\n", name, name)
	return nil
}

const specHead = `# What tritonsweep sweep tries. Print the plan: tritonsweep sweep -f FILE --dry-run
# Lists may be written as [1, 4, 8] or "0,1000..10000/1000".

# loads: every concurrency (callers of a closed loop), and every rate (arrivals a
# second, whether or not the server keeps up), with every client batch.
loads:
  concurrency: [1, 4, 8, 16, 32, 64]
  client_batch: [1]
  # rate: [50, 100, 200]

# Any other field of a config can vary too, by its path: set, below each model.

# each: the values of one setting after another, all else as configured.
# joint: every combination.
combine: each

# What you can afford; without limits throughput is weighed against latency.
# limits: {p99: 20ms, gpu_memory: 20GiB}
# objective: p95

# Every setting is measured in this many rounds, each after a fresh start.
rounds: 3

# budget: {time: 2h, points: 2000}
# measure: {duration: 4s, warmup: 1s, precision: 0.05, input: random}

models:
`

// specText writes the spec of a server's models.
func specText(t *target) string {
	var out strings.Builder
	out.WriteString(specHead)
	for _, model := range t.models {
		writeModel(&out, model, t.configs[model])
	}
	return out.String()
}

func writeModel(out *strings.Builder, model string, config *tritonpb.ModelConfig) {
	line := func(format string, args ...any) { fmt.Fprintf(out, "    "+format+"\n", args...) }
	fmt.Fprintf(out, "  - name: %s\n", yamlText(model))
	line("# now: %s", tritonconfig.Effective(config))
	if names := varying(config); len(names) > 0 {
		line("# sizes of the inputs that vary: write those of your requests")
		line("shapes: {%s}", strings.Join(names, ", "))
	}
	if config.GetEnsembleScheduling() != nil || config.GetSequenceBatching() != nil {
		line("# an ensemble, or batched by sequences: only the load varies")
		return
	}
	line("settings:")
	if most := int(config.GetMaxBatchSize()); most > 0 {
		line("  delay: \"0,1000..10000/1000,25000,50000\" # microseconds")
		line("  preferred: [%s]", strings.Join(setTexts(sweep.DefaultSets(most)), ", "))
		line("  # max_batch: [%d]", most)
	}
	line("  count: [1, 2, 4]")
	if groups := config.GetInstanceGroup(); len(groups) > 1 {
		line("  group: %s # of %d", yamlText("#0"), len(groups))
	}
	line("  # set: {optimization.cuda.graphs: [false, true]}")
}

func setTexts(sets [][]int) []string {
	var out []string
	for _, set := range sets {
		if len(set) == 0 {
			out = append(out, "none")
			continue
		}
		out = append(out, strings.ReplaceAll(fmt.Sprint(set), " ", ", "))
	}
	return out
}

// varying names the inputs with dimensions that vary, with assumed ones.
func varying(config *tritonpb.ModelConfig) []string {
	var out []string
	for _, in := range config.GetInput() {
		if dims, varies := fill(in.GetDims()); varies {
			out = append(out, yamlText(in.GetName())+": "+dimensions(dims))
		}
	}
	return out
}

// yamlText writes a text from a server so that YAML reads it as a text.
func yamlText(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == "" && strings.Trim(s, "0123456789_eE") != "" &&
		!strings.Contains("|true|false|yes|no|on|off|null|y|n|nan|inf|", "|"+strings.ToLower(s)+"|") {
		return s
	}
	return fmt.Sprintf("%q", s)
}
