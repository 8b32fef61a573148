package tritonconfig

import (
	"regexp"
	"strings"
)

// Many published configs are templates that a script fills in before Triton
// sees them. Some of them are valid text format, so parsing alone does not
// tell: the editor looks for placeholders in four places. Marks that no text
// format can hold (outside), words where a number or an enum value belongs
// (schema.go), words where a field belongs (parse.go), and the contents of
// strings (inString).

// outside matches a placeholder at the start of a token.
var outside = regexp.MustCompile(`^(?:` + strings.Join([]string{
	`\$\{[^}\n]*\}?`,            // ${name}
	`\$\$?\(?[A-Za-z_]\w*\)?`,   // $NAME $(name)
	`\{\{[^\n]*?(?:\}\}|$)`,     // {{ name }}
	`\{%[^\n]*?(?:%\}|$)`,       // {% if %}
	`<%[^\n]*?(?:%>|$)`,         // <%= name %>
	`@[A-Za-z_]\w*@`,            // @NAME@
	`%\(?[A-Za-z_]\w*\)?[%sd]?`, // %NAME% %(name)s
	`\[\[[^\n\]]*\]\]`,          // [[ name ]]
	`<[A-Z][A-Z0-9_]*>`,         // <NAME>
}, "|") + `)`)

// placeholderAt returns the placeholder that b starts with, or "".
func placeholderAt(b []byte) string {
	if len(b) < 2 {
		return ""
	}
	// Braces and brackets are everywhere; their placeholders show in two bytes.
	switch second := b[1]; b[0] {
	case '$', '@', '%':
	case '{':
		if second != '{' && second != '%' {
			return ""
		}
	case '<':
		if second != '%' && (second < 'A' || 'Z' < second) {
			return ""
		}
	case '[':
		if second != '[' {
			return ""
		}
	default:
		return ""
	}
	return string(outside.Find(b[:min(len(b), 256)]))
}

// Placeholders in strings. "$$" stays out: Triton itself reads
// "$$TRITON_MODEL_DIRECTORY" in parameters.
var (
	anywhere = regexp.MustCompile(`\$\{[^}]*\}|\$[A-Z][A-Z0-9_]+|\{\{.*?\}\}|\{%.*?%\}`)
	whole    = regexp.MustCompile(`^(?:\$[A-Za-z_]\w*|#[A-Za-z_]\w*|@[A-Za-z_]\w*@|<%.*%>|%\([A-Za-z_]\w*\)s|INSERT_[A-Z0-9_]+)$`)
	colour   = regexp.MustCompile(`^#(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})$`)
)

// longestString is where a string stops being a name, a path or a number that
// a template could fill in, and is data: a language model's chat template is
// full of {{ }} and {% %}, and it is meant to be.
const longestString = 256

// inString returns the placeholder in the decoded string s, or "".
func inString(s string) string {
	if len(s) > longestString || !strings.ContainsAny(s, "$#@{%<") && !strings.HasPrefix(s, "INSERT_") {
		return ""
	}
	if whole.MatchString(s) && !colour.MatchString(s) {
		return s
	}
	for _, at := range anywhere.FindAllStringIndex(s, -1) {
		if at[0] > 0 && s[at[0]-1] == '$' {
			continue
		}
		return s[at[0]:at[1]]
	}
	return ""
}

// shouts reports whether a word is written as placeholders are: upper case
// only, and long enough to mean something.
func shouts(word string) bool {
	return len(word) > 1 && strings.ToUpper(word) == word && strings.ToLower(word) != word
}
