package report

import "strings"

// utf8Locale reports whether the environment's locale can show more than ASCII.
// The first variable that is set decides (POSIX.1-2017, section 8.2). In
// containers none is, mostly, while their terminals are today's: then it can.
func utf8Locale(environ []string) bool {
	for _, name := range []string{"LC_ALL=", "LC_CTYPE=", "LANG="} {
		for _, variable := range environ {
			if value, ok := strings.CutPrefix(variable, name); ok && value != "" {
				charset := strings.ToLower(value)
				return strings.Contains(charset, "utf-8") || strings.Contains(charset, "utf8")
			}
		}
	}
	return true
}

// plainForms spells our own signs in ASCII.
var plainForms = strings.NewReplacer("±", "+-", "≈", "~", "µ", "u", "·", "|", "…", "...", "–", "-", "≤", "<=", "≥", ">=", "×", "x")

// toASCII spells our own signs out, and shows what else there is as a question mark.
func toASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r > '~' {
			return '?'
		}
		return r
	}, plainForms.Replace(s))
}
