package report

import (
	"strings"
	"unicode"
)

// clean makes text from outside safe to print on one line: line breaks and tabs
// become blanks, and whatever could steer a terminal or reverse the reading
// direction is shown as a replacement character.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case steers(r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// cleanLines is clean for a text of several lines; tabs stay.
func cleanLines(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && steers(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// steers reports whether r is a control (C0, C1, DEL) or an invisible format
// character, such as those that change the reading direction.
func steers(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
}
