package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"tritonsweep/runner/load"
)

// assumedDim stands for a dimension that varies and that nobody named. It is a
// multiple of 32, as most vision networks want it.
const assumedDim = 320

// shapes holds the shape of one item of each input, by model.
type shapes map[string]map[string][]int64

// readShapes reads --shape: [MODEL/]INPUT:DIMS, for example x:3x48x320. Without a
// model the shape is for every model of the command (key "").
func readShapes(c *cli.Context) (shapes, error) {
	out := shapes{}
	for _, text := range c.StringSlice("shape") {
		name, dims, found := strings.Cut(text, ":")
		if !found {
			return nil, usagef("--shape: %q is not INPUT:DIMS (hint: --shape x:3x48x320)", text)
		}
		model, input, found := strings.Cut(name, "/")
		if !found {
			model, input = "", name
		}
		if out[model] == nil {
			out[model] = map[string][]int64{}
		}
		for d := range strings.SplitSeq(dims, "x") {
			n, err := strconv.ParseInt(d, 10, 32)
			if err != nil || n < 1 {
				return nil, usagef("--shape: %q is not a dimension (hint: --shape x:3x48x320)", d)
			}
			out[model][input] = append(out[model][input], n)
		}
	}
	return out, nil
}

// resolve returns the shapes of one model's inputs that vary: what was asked
// for, else an assumption, which is told unless the data have their own.
func (s shapes) resolve(model load.Model, data load.Data) (resolved map[string][]int64, assumed []string) {
	resolved = map[string][]int64{}
	for _, input := range model.Inputs {
		if dims := s[model.Name][input.Name]; dims != nil {
			resolved[input.Name] = dims
		} else if dims := s[""][input.Name]; dims != nil {
			resolved[input.Name] = dims
		} else if dims, varies := fill(input.Shape); varies {
			resolved[input.Name] = dims
			if shaped(data, input.Name) {
				continue
			}
			assumed = append(assumed, fmt.Sprintf("%s/%s:%s", model.Name, input.Name, dimensions(dims)))
		}
	}
	return resolved, assumed
}

func fill(shape []int64) (filled []int64, varies bool) {
	for _, d := range shape {
		if d < 0 {
			d, varies = assumedDim, true
		}
		filled = append(filled, d)
	}
	return filled, varies
}

func dimensions(shape []int64) string {
	parts := make([]string, len(shape))
	for i, d := range shape {
		parts[i] = strconv.FormatInt(d, 10)
	}
	return strings.Join(parts, "x")
}
