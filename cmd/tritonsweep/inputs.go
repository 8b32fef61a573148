package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"tritonsweep/runner/load"
	"tritonsweep/sweep"
)

// inputName is the flag that says what requests hold.
const inputName = "input"

func inputFlags() []cli.Flag {
	return []cli.Flag{
		listFlag(inputName, "INPUT", "`[[MODEL/]INPUT=]SOURCE` of request data: zeros, random[:LOW..HIGH], or a file or folder (raw, .npy, picture[:LOW..HIGH], .txt, perf_analyzer's .json); repeatable, several for one input in rotation (default: random)"),
		&cli.IntFlag{Name: "distinct", EnvVars: env("DISTINCT"), Value: distinctItems, Usage: "how many different random items are sent in rotation"},
	}
}

// inputRule says what some inputs hold: those of a model, or of every model where
// model is empty; one input of it, or those that no other rule names.
type inputRule struct {
	model, input string
	feed         load.Feed
}

// readInputs reads --input. A model's other inputs are meant by MODEL/=SOURCE.
func readInputs(c *cli.Context) ([]inputRule, error) {
	var rules []inputRule
	for _, text := range listOf(c, inputName) {
		var r inputRule
		source := text
		if selector, rest, found := strings.Cut(text, "="); found && !exists(text) {
			source = rest
			if model, input, named := strings.Cut(selector, "/"); named {
				r.model, r.input = model, input
			} else {
				r.input = selector
			}
			if r.model == "" && r.input == "" {
				return nil, usagef("--input: %q names no input (hint: --input INPUT=SOURCE or MODEL/INPUT=SOURCE)", text)
			}
		}
		var err error
		if r.feed, err = load.ParseFeed(source); err != nil {
			return nil, usagef("--input: %w", err)
		}
		if r.input == "" && slices.ContainsFunc(rules, func(other inputRule) bool { return other.model == r.model && other.input == "" }) {
			return nil, usagef("--input: %q and another source are for the same inputs (hint: INPUT=SOURCE, which may be repeated)", text)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// inputs settles what each model's inputs hold, and says what it assumed.
func (t *target) inputs(c *cli.Context, o options) (map[string]load.Data, error) {
	out := map[string]load.Data{}
	used := make([]bool, len(o.inputs))
	for _, model := range t.models {
		described, err := t.description(c, model)
		if err != nil {
			return nil, err
		}
		data := dataFor(described, o, used)
		var assumed []string
		data.Shapes, assumed = o.shapes.resolve(described, data)
		for _, text := range assumed {
			fmt.Fprintf(c.App.ErrWriter, "note: an input has dimensions that vary; measured as --shape %s\n", printable(text))
		}
		out[model] = data
	}
	for i, r := range o.inputs {
		switch {
		case used[i]:
		case r.model != "" && !slices.Contains(t.models, r.model):
			return nil, usagef("--input: %q is not a model of this command%s", r.model, didYouMean(r.model, t.models))
		default:
			return nil, usagef("--input: no model has an input %q (hint: tritonsweep init shows the models)", r.input)
		}
	}
	return out, nil
}

// dataFor gathers the rules for a model, and marks those that it uses.
func dataFor(m load.Model, o options, used []bool) load.Data {
	data := o.spec.Data
	data.Inputs = map[string][]load.Feed{}
	for _, model := range []string{"", m.Name} { // the model's own rules win
		own := map[string][]load.Feed{}
		for i, r := range o.inputs {
			known := slices.ContainsFunc(m.Inputs, func(t load.Tensor) bool { return t.Name == r.input })
			switch {
			case r.model != model || r.input != "" && !known && model == "":
			case r.input == "":
				data.Source, data.Path, data.Range, used[i] = r.feed.Source, r.feed.Path, r.feed.Range, true
			default: // one that the model does not have will be refused by name
				own[r.input], used[i] = append(own[r.input], r.feed), true
			}
		}
		maps.Copy(data.Inputs, own)
	}
	if len(data.Inputs) == 0 {
		data.Inputs = nil
	}
	return data
}

// shaped reports whether an input's data come with their own shape.
func shaped(d load.Data, input string) bool {
	feeds := d.Inputs[input]
	if feeds == nil {
		feeds = []load.Feed{{Path: d.Path}}
	}
	return slices.ContainsFunc(feeds, func(f load.Feed) bool {
		return slices.Contains([]string{".npy", ".json"}, strings.ToLower(filepath.Ext(f.Path)))
	})
}

// sizes are the bytes of a model's requests and answers, by client batch.
type sizes map[int][2]int64

// sizesOf refuses what no request can be made of, before anything is sent. It
// returns the sizes of the loads' batches, and that of one item.
func (t *target) sizesOf(c *cli.Context, model string, data load.Data, loads []sweep.Load) (sizes, error) {
	described, err := t.description(c, model)
	if err != nil {
		return nil, err
	}
	out := sizes{}
	for _, l := range append([]sweep.Load{{BatchSize: 1}}, loads...) {
		batch := max(l.BatchSize, 1)
		if _, known := out[batch]; known {
			continue
		}
		request, answer, err := load.Size(described, data, batch)
		if err != nil {
			return nil, withCode(exitUsage, err)
		}
		out[batch] = [2]int64{request, answer}
	}
	return out, nil
}
