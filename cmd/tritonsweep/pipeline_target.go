package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"tritonsweep/runner/pipeline"
)

// pipelineTargetFlags say what is measured: a spec, or one target.
func pipelineTargetFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "spec", Aliases: []string{"f"}, Usage: "`FILE` of targets (YAML); an example is examples/pipeline/pipelines.yaml"},
		&cli.StringSliceFlag{Name: "target", Usage: "`NAME` of a target of the spec; repeatable (default: all)"},
		&cli.StringFlag{Name: "base-url", Usage: "`URL` that the spec's relative ones continue, instead of its own base"},
		&cli.StringFlag{Name: "url", Usage: "`URL` of a single target, instead of a spec"},
		&cli.StringFlag{Name: "method", Usage: "`METHOD` of the single target (default: POST with --files, else GET)"},
		&cli.StringFlag{Name: "files", Usage: "`PATTERN` of the files it is sent, in rotation"},
		&cli.StringFlag{Name: "field", Usage: "`NAME` of the multipart field for them (default: the raw file is the body)"},
		&cli.StringSliceFlag{Name: "header", Usage: "`NAME=VALUE`, NAME=env:VARIABLE or NAME=file:PATH; repeatable"},
		&cli.StringFlag{Name: "success", Usage: "`PATH=VALUE` or PATH of the answer's JSON that a success has"},
		&cli.StringFlag{Name: "stages", Usage: "where answers tell their stages: server-timing, or a `PATH` of milliseconds in the JSON"},
		&cli.Float64Flag{Name: "goal", Usage: "throughput `X` to reach, in requests a second"},
	}
}

// singleFlags belong to a target without a spec.
var singleFlags = []string{"method", "files", "field", "header", "success", "stages", "goal"}

// readTargets reads the spec or the flags. The folder is what the targets' files
// are relative to.
func readTargets(c *cli.Context) (targets []*pipeline.Target, folder string, err error) {
	switch {
	case c.IsSet("spec") == c.IsSet("url"):
		return nil, "", usagef("what to measure? (hint: either --spec FILE or --url URL)")
	case c.IsSet("url"):
		t, err := readTarget(c)
		return []*pipeline.Target{t}, ".", err
	}
	for _, name := range singleFlags {
		if c.IsSet(name) {
			return nil, "", usagef("--%s is for a single target, and with --spec the file says it (hint: --url)", name)
		}
	}
	return specTargets(c, c.StringSlice("target"))
}

// specTargets reads the spec and returns the targets that are named, or all.
func specTargets(c *cli.Context, asked []string) (targets []*pipeline.Target, folder string, err error) {
	spec, err := readSpecFile(c.String("spec"))
	if err != nil {
		return nil, "", usagef("--spec: %w", err)
	}
	if err := spec.Resolve(c.String("base-url")); err != nil {
		return nil, "", usagef("%s: %w", c.String("spec"), err)
	}
	names := spec.Names()
	if len(asked) > 0 {
		for _, name := range asked {
			if !slices.Contains(names, name) {
				return nil, "", usagef("--target: %s has no target %q%s", c.String("spec"), name, didYouMean(name, names))
			}
		}
		names = asked
	}
	for _, name := range names {
		targets = append(targets, spec.Targets[name])
	}
	return targets, filepath.Dir(c.String("spec")), nil
}

// maxSpecFile bounds a spec: it holds no pictures.
const maxSpecFile = 1 << 20

func readSpecFile(name string) (pipeline.Spec, error) {
	data, err := readSmall(name, maxSpecFile)
	if err != nil {
		return pipeline.Spec{}, err
	}
	spec, err := pipeline.Parse(data)
	if err != nil {
		return spec, fmt.Errorf("%s: %w", name, err)
	}
	return spec, nil
}

// readTarget makes a target from the flags.
func readTarget(c *cli.Context) (*pipeline.Target, error) {
	t := &pipeline.Target{URL: c.String("url"), Method: strings.ToUpper(c.String("method")), Goal: c.Float64("goal")}
	switch files, field := c.String("files"), c.String("field"); {
	case files == "" && field != "":
		return nil, usagef("--field: no --files to send in it")
	case field != "":
		t.Multipart = []pipeline.Part{{Field: field, Files: files}}
	case files != "":
		t.Raw = &pipeline.Raw{Files: files}
	}
	if text := c.String("success"); text != "" {
		path, value, given := strings.Cut(text, "=")
		t.Success.JSON = path
		if given {
			t.Success.Equals = scalar(value)
		}
	}
	switch stages := c.String("stages"); stages {
	case "":
	case "server-timing":
		t.Stages.ServerTiming = true
	default:
		t.Stages.JSON = stages
	}
	var err error
	if t.Headers, err = readHeaders(c.StringSlice("header")); err != nil {
		return nil, err
	}
	spec := pipeline.Spec{Targets: map[string]*pipeline.Target{"target": t}}
	if err := spec.Resolve(c.String("base-url")); err != nil {
		return nil, usagef("--%s", strings.TrimPrefix(err.Error(), "targets.target."))
	}
	return t, nil
}

// scalar reads a value of JSON; what is none is a text.
func scalar(text string) any {
	switch text {
	case "true":
		return true
	case "false":
		return false
	}
	var number float64
	if _, err := fmt.Sscanf(text+"\n", "%g\n", &number); err == nil {
		return number
	}
	return text
}

func readHeaders(list []string) (map[string]pipeline.Secret, error) {
	headers := map[string]pipeline.Secret{}
	for _, text := range list {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, usagef("--header: %q is not NAME=VALUE", name)
		}
		headers[name] = headerSecret(value)
	}
	return headers, nil
}
