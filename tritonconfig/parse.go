package tritonconfig

import (
	"bytes"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"tritonsweep/internal/tritonpb"
)

// Limits of Parse: far above any config that a person writes.
const (
	MaxSize  = 1 << 20 // bytes
	MaxDepth = 100     // nested messages
)

// File is a parsed config.pbtxt: its bytes, where each value lies in them, and
// the message that Triton reads. It never changes; Apply and Set return a new
// one.
type File struct {
	name     string
	src      []byte
	root     *block
	comments []span
	config   *tritonpb.ModelConfig
}

// Parse reads a config file. It accepts what Triton's text parser accepts, and
// fields that are newer than our schema; it refuses broken files and templates
// with an *Error. The name is used in errors only.
func Parse(filename string, data []byte) (*File, error) {
	src := bytes.Clone(data)
	f := &File{name: filename, src: src, config: new(tritonpb.ModelConfig)}
	if t := firstLook(src); t != nil {
		return nil, t.in(filename, src)
	}
	p := &parser{lexer: lexer{src: src}}
	p.advance()
	f.root = &block{open: -1, close: len(src)}
	p.fields(f.root)
	if p.fault != nil {
		return nil, p.fault.in(filename, src)
	}
	f.comments = p.comments
	if t := f.build(f.root, f.config.ProtoReflect()); t != nil {
		return nil, t.in(filename, src)
	}
	return f, nil
}

func firstLook(src []byte) *fault {
	if len(src) > MaxSize {
		return &fault{reason: fmt.Sprintf("%d bytes, more than the %d of any sane config", len(src), MaxSize)}
	}
	if bytes.HasPrefix(src, []byte("\xef\xbb\xbf")) {
		return &fault{reason: "byte order mark", hint: "Triton refuses it: save the file as UTF-8 without BOM"}
	}
	if at := bytes.IndexByte(src, 0); at >= 0 {
		return &fault{at: at, reason: "NUL byte", hint: "this is no text file"}
	}
	return nil
}

// Name returns the name given to Parse.
func (f *File) Name() string { return f.name }

// Bytes returns the text: what Parse was given, or what an edit made of it.
func (f *File) Bytes() []byte { return bytes.Clone(f.src) }

// Config returns the message that Triton reads from the file. Fields newer
// than our schema are not in it, and a byte of a string that is not UTF-8
// appears as U+FFFD.
func (f *File) Config() (*tritonpb.ModelConfig, error) {
	return proto.CloneOf(f.config), nil
}

// parser builds the syntax tree. Like the lexer it goes on at the end of the
// file after a fault, so that no step needs an error of its own.
type parser struct {
	lexer
	tok   token // the next one
	last  int   // end of the one before
	depth int
}

func (p *parser) advance() {
	p.last = p.tok.to
	p.tok = p.next()
}

func (p *parser) is(marks ...byte) bool {
	return p.tok.kind == markToken && slices.Contains(marks, p.src[p.tok.from])
}

// fields reads the fields of b up to its closing brace, which stays unread.
func (p *parser) fields(b *block) {
	for p.fault == nil {
		switch {
		case p.tok.kind == wordToken:
			b.fields = append(b.fields, p.field())
		case p.tok.kind == eofToken:
			if b.open >= 0 {
				p.fail(b.open, "message is not closed", "add the missing }")
			}
			return
		case b.open >= 0 && p.is(closing(p.src[b.open])):
			return
		case p.is('['):
			p.fail(p.tok.from, "extension field", "a model config has none")
		case p.is('}', '>', ']'):
			p.fail(p.tok.from, p.tok.text(p.src)+" closes nothing", "")
		default:
			p.fail(p.tok.from, "expected a field name, got "+p.tok.text(p.src), "")
		}
	}
}

func closing(open byte) byte {
	if open == '<' {
		return '>'
	}
	return '}'
}

func (p *parser) field() *field {
	f := &field{span: p.tok.span, name: p.tok.span, colon: -1, after: -1}
	p.advance()
	if p.is(':') {
		f.colon = p.tok.from
		p.advance()
	}
	switch {
	case p.is('{', '<'):
		f.values = append(f.values, p.message())
	case p.is('['):
		p.list(f)
	case f.colon < 0:
		p.nameAlone(f)
	default:
		f.values = append(f.values, p.scalar(f))
	}
	f.to = p.last
	if p.is(',', ';') {
		f.after = p.tok.from
		p.advance()
	}
	return f
}

// nameAlone faults on a word in a field's place that no colon and no brace
// follows: a placeholder, or a typing error.
func (p *parser) nameAlone(f *field) {
	name := f.name.text(p.src)
	if shouts(name) && p.fault == nil {
		p.fault = templateFault(f.from, name)
	}
	p.fail(f.from, name+" has no value", "expected : or { behind it")
}

func (p *parser) message() *value {
	v := &value{span: p.tok.span, block: &block{open: p.tok.from}, kind: markToken, comma: -1}
	if p.depth++; p.depth > MaxDepth {
		p.fail(p.tok.from, fmt.Sprintf("more than %d nested messages", MaxDepth), "")
	}
	p.advance()
	p.fields(v.block)
	v.block.close = p.tok.from
	p.advance()
	p.depth--
	v.to = p.last
	return v
}

const (
	noColon     = " has no colon"
	noColonHint = "only messages may go without"
)

func (p *parser) list(f *field) {
	f.brackets.from = p.tok.from
	p.advance()
	for !p.is(']') && p.fault == nil {
		var v *value
		if p.is('{', '<') {
			v = p.message()
		} else {
			v = p.scalar(f)
		}
		f.values = append(f.values, v)
		if p.is(',') {
			v.comma = p.tok.from
			p.advance()
			if p.is(']') {
				p.fail(v.comma, "comma before ]", "delete it")
			}
		} else if !p.is(']') {
			p.listEnd(f)
		}
	}
	if f.colon < 0 && len(f.values) > 0 && f.values[0].block == nil {
		p.fail(f.name.to, f.name.text(p.src)+noColon, noColonHint)
	}
	p.advance()
	f.brackets.to = p.last
}

func (p *parser) listEnd(f *field) {
	if p.tok.kind == eofToken {
		p.fail(f.brackets.from, "list is not closed", "add the missing ]")
		return
	}
	p.fail(p.tok.from, "expected , or ] in the list, got "+p.tok.text(p.src), "")
}

// scalar reads a number, a word, or one or several adjacent strings.
func (p *parser) scalar(f *field) *value {
	v := &value{span: p.tok.span, kind: p.tok.kind, literal: p.tok.span, comma: -1}
	if p.is('-') {
		v.negative = true
		p.advance()
		v.kind, v.literal = p.tok.kind, p.tok.span
		if v.kind != numberToken && v.kind != wordToken {
			p.fail(v.from, "expected a number behind the minus", "")
		}
	}
	switch v.kind {
	case numberToken:
		p.advance()
	case wordToken:
		p.advance()
		if p.is(':', '{', '<', '[') && !f.isOpenList() {
			p.noValue(f)
		}
	case stringToken:
		for p.tok.kind == stringToken {
			p.advance()
		}
	default:
		p.noValue(f)
	}
	v.to = p.last
	v.literal.to = p.last
	return v
}

func (f *field) isOpenList() bool { return f.brackets.from > 0 }

// noValue faults on a field whose colon nothing follows.
func (p *parser) noValue(f *field) {
	name := f.name.text(p.src)
	if f.isOpenList() {
		if p.tok.kind == eofToken {
			p.fail(f.brackets.from, "list is not closed", "add the missing ]")
		}
		p.fail(p.tok.from, "expected a value in the list of "+name, "")
		return
	}
	if mark := commentMark(p.src, f.colon+1); mark != "" && p.fault == nil {
		p.fault = templateFault(f.colon+1, mark)
	}
	p.fail(f.colon, name+" has no value", "write one behind the colon, or delete the line")
}

// commentMark returns "#WORD" when the value's place holds nothing but that:
// some templates mark their placeholders so, and # starts a comment.
func commentMark(src []byte, at int) string {
	rest := bytes.TrimLeft(src[at:], " \t")
	line, _, _ := bytes.Cut(rest, []byte{'\n'})
	line = bytes.TrimSpace(line)
	if len(line) > 1 && line[0] == '#' && wordLen(line[1:]) == len(line)-1 {
		return string(line)
	}
	return ""
}
