package main

import (
	"fmt"
	"strings"
	"unicode"

	"tritonsweep/internal/nearest"
)

// didYouMean returns a hint that names the known word nearest to name, or all.
func didYouMean(name string, known []string) string {
	if best := nearest.Likely(name, known); best != "" {
		return fmt.Sprintf(" (hint: did you mean %s?)", best)
	}
	return fmt.Sprintf(" (hint: known are %s)", strings.Join(known, ", "))
}

// printable removes what could steer a terminal from a text that may hold
// names or messages of a server. Line feeds and tabs stay.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, text)
}
