package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"tritonsweep/results"
)

// others are the parts of a run's origin that must be unchanged when its advice
// is followed, and the flag that overrides each.
var others = []struct {
	flag  string
	parts []string // results.Change.Part
	usage string
}{
	{"other-config", []string{"config"}, "apply to a config file that is not the one that was measured"},
	{"other-model", []string{"model"}, "apply although the model's files are not those that were measured"},
	{"other-image", []string{"image"}, "apply although the container's image is another one"},
	{"other-server", []string{"server", "simulated"}, "apply although the server is another version, or was a simulated one"},
	{"other-gpu", []string{"gpu", "driver"}, "apply although the GPU or its driver is another one"},
}

func otherFlags() []cli.Flag {
	var flags []cli.Flag
	for _, o := range others {
		flags = append(flags, &cli.BoolFlag{Name: o.flag, Usage: o.usage})
	}
	return flags
}

// fresh refuses a run whose figures were measured on something else than what is
// there now.
func (p *proposal) fresh(c *cli.Context, t *target, o options) error {
	now, err := t.provenance(c, o)
	if err != nil {
		return err
	}
	var stale, flags []string
	for _, change := range p.origin().Changed(now[p.model]) {
		for _, other := range others {
			if slices.Contains(other.parts, change.Part) && !c.Bool(other.flag) {
				stale = append(stale, change.String())
				flags = append(flags, "--"+other.flag)
			}
		}
	}
	if len(stale) == 0 {
		return nil
	}
	return withCode(exitConflict, fmt.Errorf("%s: run %s is stale: %s (hint: sweep again, or %s if you know that it does not matter)",
		p.model, p.run.ID, strings.Join(stale, "; "), strings.Join(slices.Compact(flags), " ")))
}

// origin is where the run's figures come from: the newest that could be used.
func (p *proposal) origin() results.Environment {
	for _, r := range slices.Backward(p.records) {
		if r.Verdict.Usable() {
			return r.Environment
		}
	}
	return results.Environment{}
}
