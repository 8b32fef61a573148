package docker

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// escapes are terminal sequences: colours, titles, cursor movements.
var escapes = regexp.MustCompile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?|[@-Z\\\\^_])")

// clean makes a text from a container safe to print: no terminal sequences, no
// control or direction characters, valid UTF-8. Line ends and tabs stay.
func clean(text string) string {
	text = escapes.ReplaceAllString(text, "")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == utf8.RuneError:
			return '\uFFFD'
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029':
			return -1
		}
		return r
	}, text)
}

const hidden = "***"

const (
	names = `(?:token|passw(?:or)?d|passphrase|secret|credentials?|authorization|` +
		`(?:api|access|auth|private|account|encryption|restricted)[_-]?key)`
	value = `("[^"\n]*"|'[^'\n]*'|[^\s,;&"']+)`
)

// The patterns err on the side of hiding: a masked word of a log can be looked
// up on the host, a printed password cannot be taken back.
var (
	// named: token=..., "api_key": "...", Authorization: Bearer ...
	named = regexp.MustCompile(`(?i)([\w.-]*` + names + `["']?\s*[=:]\s*)((?:bearer|basic)\s+)?` + value)
	// flagged: --password ...
	flagged = regexp.MustCompile(`(?i)(\s--[\w-]*` + names + `\s+)` + value)
	// keyed: a bare key is a word of its own only with an equals sign.
	keyed = regexp.MustCompile(`(?i)(\b(?:key|pwd|sig|signature)=)` + value)
	// protocols: --grpc-restricted-protocol=health:admin-key=VALUE names its own key.
	protocols = regexp.MustCompile(`(?i)(-restricted-(?:protocol|api)[= ][^\s=]*=)(\S+)`)
	// userinfo: https://user:password@host
	userinfo = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^/\s@]+@`)
	// known: shapes that carry their kind in themselves.
	known = regexp.MustCompile(`\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_\w{20,}|hf_\w{20,}|nvapi-[\w-]{20,}|xox[a-z]-[\w-]{10,}|` +
		`sk-[\w-]{20,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)`)
	pem = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)`)
)

// redact replaces what looks like a credential.
func redact(text []byte) []byte {
	text = pem.ReplaceAllLiteral(text, []byte(hidden))
	text = known.ReplaceAllLiteral(text, []byte(hidden))
	text = userinfo.ReplaceAll(text, []byte("${1}"+hidden+"@"))
	text = protocols.ReplaceAll(text, []byte("${1}"+hidden))
	text = named.ReplaceAll(text, []byte("${1}"+hidden))
	text = flagged.ReplaceAll(text, []byte("${1}"+hidden))
	return keyed.ReplaceAll(text, []byte("${1}"+hidden))
}
