package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/urfave/cli/v2"
)

// configName is the file that holds a project's flags, looked for in the
// working directory.
const configName = "tritonsweep.yaml"

// maxConfigFile bounds it: it holds flags.
const maxConfigFile = 64 << 10

// applyConfig gives the flags that neither the command line nor the
// environment set the values of the project's file: a map from flag names,
// without dashes, to values.
func applyConfig(c *cli.Context) error {
	name, named := c.String("config"), c.IsSet("config")
	if !named {
		name = configName
	}
	values, err := readConfig(name)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return nil
	}
	if err != nil {
		return usagef("--config: %w", err)
	}
	known := flagNames(c.App)
	for key, value := range values {
		if !slices.Contains(known, key) {
			return usagef("%s: unknown key %q%s", name, key, didYouMean(key, known))
		}
		if !hasFlag(c.Command, key) || c.IsSet(key) {
			continue
		}
		for _, text := range configTexts(c, key, value) {
			if err := c.Set(key, text); err != nil {
				return usagef("%s: %s: %w", name, key, err)
			}
		}
	}
	return nil
}

func readConfig(name string) (map[string]any, error) {
	data, err := readSmall(name, maxConfigFile)
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	if err := yaml.UnmarshalWithOptions(data, &values, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return values, nil
}

// configTexts are the values that a flag is set to, one after the other, as they
// would stand on the command line.
func configTexts(c *cli.Context, key string, value any) []string {
	list, ok := value.([]any)
	if !ok {
		return []string{fmt.Sprint(value)}
	}
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = fmt.Sprint(v)
	}
	if _, each := c.Generic(key).(*textList); each {
		return texts
	}
	return []string{strings.Join(texts, ",")}
}

// flagNames returns the flags of all commands, without those that make no sense
// in a file.
func flagNames(app *cli.App) []string {
	var names []string
	for _, command := range app.Commands {
		for _, flag := range command.Flags {
			names = append(names, flag.Names()[0])
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return slices.DeleteFunc(names, func(n string) bool { return n == "help" || n == "dry-run" || n == "yes" })
}

func hasFlag(command *cli.Command, name string) bool {
	return slices.ContainsFunc(command.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
}
