// Package scenarios holds the scheduler's scenarios: settings, arrivals, and the
// batches that Triton then executes, in files that people can read. README.md
// explains the format, batcher.ParseScenario reads it. The tests of
// sweep/batcher play them in virtual time, those of runner/fidelity on a real
// Triton.
package scenarios

import (
	"embed"
	"strings"
)

//go:embed *.txt
var files embed.FS

// Read returns the file of a scenario, for example of "seven_at_once".
func Read(name string) ([]byte, error) { return files.ReadFile(name + ".txt") }

// Names returns the names of all scenarios, sorted.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".txt"))
	}
	return names
}
