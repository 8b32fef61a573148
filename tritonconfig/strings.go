package tritonconfig

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// tokenizerMaxRune is the largest \U that Triton's tokenizer lets pass: it
// looks at the first three digits only. Above utf8.MaxRune the decoded string
// holds the escape itself.
const tokenizerMaxRune = 0x1fffff

// escapeLen returns the length of the escape sequence that b starts with
// (b[0] is the backslash), or 0 if Triton's tokenizer does not know it.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch c := b[1]; {
	case strings.IndexByte(`abfnrtv\?'"`, c) >= 0:
		return 2
	case isOctal(c):
		return 1 + digits(b[1:], 3, isOctal)
	case c == 'x' || c == 'X':
		if n := digits(b[2:], 2, isHex); n > 0 {
			return 2 + n
		}
	case c == 'u':
		if digits(b[2:], 4, isHex) == 4 {
			return 6
		}
	case c == 'U':
		if digits(b[2:], 8, isHex) == 8 && codePoint(b[2:10]) <= tokenizerMaxRune {
			return 10
		}
	}
	return 0
}

func digits(b []byte, most int, is func(byte) bool) int {
	n := 0
	for n < most && n < len(b) && is(b[n]) {
		n++
	}
	return n
}

func codePoint(hex []byte) rune {
	n, _ := strconv.ParseUint(string(hex), 16, 32)
	return rune(min(n, tokenizerMaxRune+1))
}

// unquote decodes one or several adjacent string literals, which the lexer has
// checked, to the bytes that Triton sees.
func unquote(literals []byte) []byte {
	var out []byte
	x := lexer{src: literals}
	for t := x.next(); t.kind == stringToken; t = x.next() {
		body := literals[t.from+1 : t.to-1]
		for len(body) > 0 {
			if body[0] != '\\' {
				n := bytes.IndexByte(body, '\\')
				if n < 0 {
					n = len(body)
				}
				out, body = append(out, body[:n]...), body[n:]
				continue
			}
			n := escapeLen(body)
			if r := surrogatePair(body, n); r != 0 {
				out, body = utf8.AppendRune(out, r), body[2*n:]
				continue
			}
			out, body = appendEscape(out, body[:n]), body[n:]
		}
	}
	return out
}

// surrogatePair returns the code point of two \u escapes that form one, as
// JavaScript writes them, or 0. n is the length of the first.
func surrogatePair(b []byte, n int) rune {
	if b[1] != 'u' || len(b) < 2*n || b[n] != '\\' || b[n+1] != 'u' || escapeLen(b[n:]) != n {
		return 0
	}
	if r := utf16.DecodeRune(codePoint(b[2:n]), codePoint(b[n+2:2*n])); r != utf8.RuneError {
		return r
	}
	return 0
}

func appendEscape(out, escape []byte) []byte {
	const names, meant = `abfnrtv`, "\a\b\f\n\r\t\v"
	c := escape[1]
	switch {
	case strings.IndexByte(names, c) >= 0:
		return append(out, meant[strings.IndexByte(names, c)])
	case isOctal(c):
		n, _ := strconv.ParseUint(string(escape[1:]), 8, 16)
		return append(out, byte(n))
	case c == 'x' || c == 'X':
		n, _ := strconv.ParseUint(string(escape[2:]), 16, 8)
		return append(out, byte(n))
	case c == 'u' || c == 'U':
		if r := codePoint(escape[2:]); r <= utf8.MaxRune {
			return utf8.AppendRune(out, r)
		}
		return append(append(out, `\U`...), bytes.ToLower(escape[2:])...)
	}
	return append(out, c)
}

// quote returns s as a string literal of the text format.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c == 0x7f:
			b.WriteString(`\` + leftPad(strconv.FormatUint(uint64(c), 8), 3))
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func leftPad(digits string, width int) string {
	return strings.Repeat("0", max(0, width-len(digits))) + digits
}
