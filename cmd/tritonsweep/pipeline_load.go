package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"tritonsweep/runner/pipeline"
)

func pipelineLoadFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "pipeline", EnvVars: env("PIPELINE"),
		Usage: "`SPEC[:TARGET]` of an API in front of the server that takes the load: settings are judged by what its users feel",
	}
}

// readPipelineLoad reads --pipeline; nil where the models take the load.
func readPipelineLoad(c *cli.Context) (*pipeline.Request, error) {
	text := c.String("pipeline")
	if text == "" {
		return nil, nil
	}
	if c.Bool("sim") {
		return nil, usagef("--pipeline: an API is in front of another server than the one that --sim starts (hint: tritonsweep simulate --control-mode explicit, and --grpc-url with --mode reload)")
	}
	for _, name := range []string{"input", "shape", "client-batch", "shared-memory"} {
		if c.IsSet(name) {
			return nil, usagef("--%s: the pipeline decides what the models are sent (hint: leave it out, or --pipeline)", name)
		}
	}
	file, name := text, ""
	if _, err := os.Stat(text); err != nil {
		if i := strings.LastIndexByte(text, ':'); i > 0 {
			file, name = text[:i], text[i+1:]
		}
	}
	t, err := pipelineTarget(file, name)
	if err != nil {
		return nil, usagef("--pipeline: %w", err)
	}
	r, err := t.Encode(filepath.Dir(file))
	if err != nil {
		return nil, usagef("--pipeline: %w", err)
	}
	return r, nil
}

// pipelineTarget returns the target of a spec that is named, or the only one.
func pipelineTarget(file, name string) (*pipeline.Target, error) {
	spec, err := readSpecFile(file)
	if err != nil {
		return nil, err
	}
	if err := spec.Resolve(""); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	names := spec.Names()
	if name == "" && len(names) == 1 {
		name = names[0]
	}
	t := spec.Targets[name]
	switch {
	case name == "":
		return nil, fmt.Errorf("%s has several targets (hint: %s:%s)", file, file, names[0])
	case t == nil:
		return nil, fmt.Errorf("%s has no target %q%s", file, name, didYouMean(name, names))
	}
	return t, nil
}

// probePipeline asks once before anything is changed.
func probePipeline(c *cli.Context, t *target, o options) error {
	target := o.pipeline.Target()
	fmt.Fprintln(c.App.ErrWriter, printable(fmt.Sprintf("load: %s %s takes it, and so its users judge the settings", target.Method, target.Address())))
	if len(t.models) > 1 {
		fmt.Fprintln(c.App.ErrWriter, "warning: the models change in turns, each with the others as they are")
	}
	if c.Bool("dry-run") {
		return nil
	}
	return probe(c.Context, o.pipeline, o.spec.Timeout)
}
