package tritonconfig

import "bytes"

// span is a half-open range of byte offsets in a file.
type span struct{ from, to int }

func (s span) text(src []byte) string { return string(src[s.from:s.to]) }

type tokenKind uint8

const (
	eofToken tokenKind = iota
	wordToken
	numberToken
	stringToken
	markToken // one of { } < > [ ] : , ; -
)

type token struct {
	kind tokenKind
	span
}

// lexer cuts a text into tokens by the rules of Triton's own tokenizer, which
// are a little wider than those of Go's prototext: form feed and vertical tab
// are white space, and comments and strings may hold any byte. The first fault
// sticks: from then on there is only the end of the file.
type lexer struct {
	src      []byte
	pos      int
	comments []span // without their newline
	fault    *fault
}

func (x *lexer) fail(at int, reason, hint string) {
	if x.fault == nil {
		x.fault = &fault{at: at, reason: reason, hint: hint}
	}
}

// next returns the next token; at the end, and after a fault, an eofToken.
func (x *lexer) next() token {
	x.skip()
	if x.fault != nil || x.pos == len(x.src) {
		return token{eofToken, span{x.pos, x.pos}}
	}
	rest := x.src[x.pos:]
	if name := placeholderAt(rest); name != "" {
		x.fault = templateFault(x.pos, name)
		return token{eofToken, span{x.pos, x.pos}}
	}
	t := token{markToken, span{x.pos, x.pos + 1}}
	switch c := rest[0]; {
	case isLetter(c):
		t.kind, t.to = wordToken, x.pos+wordLen(rest)
	case isDigit(c), c == '.' && len(rest) > 1 && isDigit(rest[1]):
		t.kind, t.to = numberToken, x.pos+x.number(rest)
	case c == '"', c == '\'':
		t.kind, t.to = stringToken, x.pos+x.quoted(rest)
	case bytes.IndexByte([]byte("{}<>[]:,;-"), c) < 0:
		x.badByte(c)
	}
	x.pos = t.to
	if x.fault != nil {
		return token{eofToken, span{t.from, t.from}}
	}
	return t
}

// skip passes white space and comments. Only a line feed ends a comment: a
// carriage return alone does not, in Triton either.
func (x *lexer) skip() {
	for x.pos < len(x.src) {
		switch c := x.src[x.pos]; {
		case isSpace(c):
			x.pos++
		case c == '#':
			to := len(x.src)
			if n := bytes.IndexByte(x.src[x.pos:], '\n'); n >= 0 {
				to = x.pos + n
			}
			text := bytes.TrimRight(x.src[x.pos:to], "\r")
			x.comments = append(x.comments, span{x.pos, x.pos + len(text)})
			x.pos = to
		default:
			return
		}
	}
}

func (x *lexer) badByte(c byte) {
	switch {
	case c < ' ':
		x.fail(x.pos, "control character in the text", "delete it")
	case c >= 0x80:
		x.fail(x.pos, "character outside ASCII", "it is allowed in comments and strings only")
	case c == '/':
		x.fail(x.pos, `"/" starts no comment here`, "comments start with #")
	default:
		x.fail(x.pos, "unexpected "+string(c), "")
	}
}

// number returns the length of the literal at the start of b and faults on one
// that Triton's tokenizer refuses, such as 08, 1.2.3 or 8items.
func (x *lexer) number(b []byte) int {
	n := 0
	run := func(is func(byte) bool) (any bool) {
		for n < len(b) && is(b[n]) {
			n++
			any = true
		}
		return any
	}
	ok := true
	switch {
	case len(b) > 1 && b[0] == '0' && b[1]|0x20 == 'x':
		n = 2
		ok = run(isHex)
	case len(b) > 1 && b[0] == '0' && isDigit(b[1]):
		run(isOctal)
	default:
		run(isDigit)
		if n < len(b) && b[n] == '.' {
			n++
			run(isDigit)
		}
		if n < len(b) && b[n]|0x20 == 'e' {
			n++
			if n < len(b) && (b[n] == '-' || b[n] == '+') {
				n++
			}
			ok = run(isDigit)
		}
		if n < len(b) && b[n]|0x20 == 'f' {
			n++
		}
	}
	if !ok || n < len(b) && (isLetter(b[n]) || isDigit(b[n]) || b[n] == '.') {
		run(func(c byte) bool { return isLetter(c) || isDigit(c) || c == '.' })
		x.fail(x.pos, string(b[:n])+" is no number", "decimal, 0x hexadecimal or 0 octal")
	}
	return n
}

// quoted returns the length of the string literal at the start of b.
func (x *lexer) quoted(b []byte) int {
	for n := 1; n < len(b); n++ {
		switch b[n] {
		case b[0]:
			return n + 1
		case '\n':
			x.fail(x.pos, "string is not closed on its line", "add the missing "+string(b[0]))
			return n
		case '\\':
			length := escapeLen(b[n:])
			if length == 0 {
				x.fail(x.pos+n, "unknown escape in the string", `write \\ for a backslash`)
				return n
			}
			n += length - 1
		}
	}
	x.fail(x.pos, "string is not closed", "add the missing "+string(b[0]))
	return len(b)
}

func wordLen(b []byte) int {
	n := 0
	for n < len(b) && (isLetter(b[n]) || isDigit(b[n])) {
		n++
	}
	return n
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isOctal(c byte) bool  { return '0' <= c && c <= '7' }
func isHex(c byte) bool    { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }
func isSpace(c byte) bool  { return c == ' ' || '\t' <= c && c <= '\r' }
