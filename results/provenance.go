package results

import (
	"fmt"
	"strings"
)

// provenance are the parts of an environment that decide what a figure is worth
// beside another one: a point is kept by a resumed run, and a recommendation
// applied, only where they are unchanged. Proven parts must be known, too.
var provenance = []struct {
	part   string
	proven bool
	of     func(Environment) string
}{
	{"model", true, func(e Environment) string { return e.ModelSHA256 }},
	{"config", false, func(e Environment) string { return e.ConfigSHA256 }},
	{"image", false, func(e Environment) string { return e.ImageDigest }},
	{"server", true, func(e Environment) string { return e.Server }},
	{"simulated", false, func(e Environment) string { return fmt.Sprint(e.Simulated) }},
	{"gpu", false, func(e Environment) string { return strings.Join(e.GPUModels, ", ") }},
	{"driver", false, func(e Environment) string { return e.GPUDriver }},
	{"client", true, func(e Environment) string { return e.Tool }},
	{"mode", false, func(e Environment) string { return e.Mode }},
	{"transport", false, func(e Environment) string { return e.Transport }},
	{"input", false, func(e Environment) string { return e.InputSource }},
	{"pipeline", false, func(e Environment) string { return e.Pipeline }},
}

// Changed names the parts in which now is not provably what e was, each with
// both values, shortened: "model was 0a1b..., is 2c3d...". None means that a
// point measured in e can stand beside one measured now.
func (e Environment) Changed(now Environment) []Change {
	var changes []Change
	for _, p := range provenance {
		was, is := p.of(e), p.of(now)
		if was != is || p.proven && was == "" {
			changes = append(changes, Change{p.part, was, is})
		}
	}
	return changes
}

// Change is a part of the environment that is not what it was.
type Change struct {
	Part    string `json:"part"` // model, config, image, server, gpu, driver, client, ...
	Was, Is string
}

func (c Change) String() string {
	if c.Was == c.Is {
		return "the " + c.Part + " is not known"
	}
	return fmt.Sprintf("the %s was %s, is %s", c.Part, brief(c.Was), brief(c.Is))
}

// brief shortens hashes: people compare their beginnings.
func brief(text string) string {
	text = strings.TrimPrefix(text, "sha256:")
	switch {
	case text == "":
		return "not known"
	case len(text) == 64 && !strings.ContainsAny(text, " ,"):
		return text[:12]
	}
	return text
}
