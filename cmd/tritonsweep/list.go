package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// textList is the value of a flag that may be repeated and whose values may hold
// commas, which the library's own lists are cut at. In the environment the
// values stand on lines of their own.
type textList struct{ texts []string }

// Set adds values.
func (l *textList) Set(text string) error {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			l.texts = append(l.texts, line)
		}
	}
	return nil
}

// String is empty: it would be shown as a default value, and may be a secret.
func (l *textList) String() string { return "" }

func listFlag(name, variable, usage string) cli.Flag {
	return &cli.GenericFlag{Name: name, EnvVars: env(variable), Value: &textList{}, Usage: usage}
}

// listOf returns the values of such a flag; nil where the command has none.
func listOf(c *cli.Context, name string) []string {
	l, ok := c.Generic(name).(*textList)
	if !ok {
		return nil
	}
	return slices.Clone(l.texts)
}
