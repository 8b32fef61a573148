package spec

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"tritonsweep/internal/nearest"
)

// MaxBytes bounds a spec: it holds lists of settings.
const MaxBytes = 256 << 10

// Error refuses a spec. Line and Column count from 1; 0 is unknown.
type Error struct {
	File         string
	Line, Column int
	Reason       string
}

// Error returns "file:line:column: reason".
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Reason
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Reason)
}

// Read reads a spec. The name is for messages; every error is an *Error.
func Read(name string, data []byte) (*Spec, error) {
	if len(data) > MaxBytes {
		return nil, &Error{File: name, Reason: fmt.Sprintf("larger than %d KiB", MaxBytes>>10)}
	}
	r := reader{name: name}
	file, err := parser.ParseBytes(data, 0)
	var syntax yaml.Error
	switch {
	case errors.As(err, &syntax):
		return nil, r.at(syntax.GetToken(), "%s", syntax.GetMessage())
	case err != nil:
		return nil, &Error{File: name, Reason: err.Error()}
	case len(file.Docs) > 1:
		return nil, &Error{File: name, Reason: fmt.Sprintf("%d documents, want one", len(file.Docs))}
	case len(file.Docs) == 0 || file.Docs[0].Body == nil:
		return nil, &Error{File: name, Reason: "it is empty (hint: tritonsweep init writes a spec)"}
	}
	var s Spec
	if err := r.decode(file.Docs[0].Body, reflect.ValueOf(&s).Elem(), "", ""); err != nil {
		return nil, err
	}
	return &s, s.check(name)
}

type reader struct{ name string }

func (r reader) at(t *token.Token, format string, args ...any) error {
	e := &Error{File: r.name, Reason: fmt.Sprintf(format, args...)}
	if t != nil && t.Position != nil {
		e.Line, e.Column = t.Position.Line, t.Position.Column
	}
	return e
}

// decode reads a node into v. The path is for messages, the tag is that of the
// schema and holds the field's bounds.
func (r reader) decode(node ast.Node, v reflect.Value, path, tag string) error {
	fail := func(format string, args ...any) error {
		return r.at(node.GetToken(), "%s: %s", path, fmt.Sprintf(format, args...))
	}
	switch node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.TagNode:
		return fail("anchors, aliases and tags are not read (hint: what all models share stands beside \"models\")")
	case *ast.NullNode:
		return fail("no value")
	}
	switch target := v.Addr().Interface().(type) {
	case *Numbers:
		list, err := numbers(node, bound(tag, "minimum", 0))
		if err != nil {
			return fail("%v", err)
		}
		*target = list
		return nil
	case *Rates:
		list, err := rates(node)
		if err != nil {
			return fail("%v", err)
		}
		*target = list
		return nil
	case *Sets:
		list, err := sets(node)
		if err != nil {
			return fail("%v", err)
		}
		*target = list
		return nil
	case *Values:
		list, err := values(node)
		if err != nil {
			return fail("%v", err)
		}
		*target = list
		return nil
	case *Duration:
		d, err := time.ParseDuration(scalar(node))
		if err != nil || d <= 0 {
			return fail("%q is not a positive time (hint: 20ms, 30s or 1h)", scalar(node))
		}
		*target = Duration(d)
		return nil
	}
	switch v.Kind() {
	case reflect.Struct:
		return r.decodeStruct(node, v, path)
	case reflect.Slice:
		return r.decodeSlice(node, v, path)
	case reflect.Map:
		return r.decodeMap(node, v, path)
	}
	if err := basic(node, v, tag); err != nil {
		return fail("%v", err)
	}
	return nil
}

// entries returns the keys and values of a mapping.
func (r reader) entries(node ast.Node, path string) ([]*ast.MappingValueNode, error) {
	var list []*ast.MappingValueNode
	switch m := node.(type) {
	case *ast.MappingNode:
		list = m.Values
	case *ast.MappingValueNode:
		list = []*ast.MappingValueNode{m}
	default:
		return nil, r.at(node.GetToken(), "%s: want keys and values here, not %q", orSpec(path), scalar(node))
	}
	seen := map[string]bool{}
	for _, e := range list {
		key := keyOf(e)
		if seen[key] {
			return nil, r.at(e.Key.GetToken(), "%s: %q is there twice", orSpec(path), key)
		}
		seen[key] = true
	}
	return list, nil
}

func keyOf(e *ast.MappingValueNode) string { return e.Key.GetToken().Value }

func orSpec(path string) string {
	if path == "" {
		return "the spec"
	}
	return path
}

func (r reader) decodeStruct(node ast.Node, v reflect.Value, path string) error {
	list, err := r.entries(node, path)
	if err != nil {
		return err
	}
	fields := map[string]int{}
	var known []string
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		fields[name] = i
		known = append(known, name)
	}
	for _, e := range list {
		i, ok := fields[keyOf(e)]
		if !ok {
			return r.at(e.Key.GetToken(), "unknown key %q in %s%s", keyOf(e), orSpec(path), hint(keyOf(e), known))
		}
		inner := strings.TrimPrefix(path+"."+keyOf(e), ".")
		if err := r.decode(e.Value, v.Field(i), inner, v.Type().Field(i).Tag.Get("jsonschema")); err != nil {
			return err
		}
		delete(fields, keyOf(e))
	}
	for name, i := range fields {
		if strings.HasPrefix(v.Type().Field(i).Tag.Get("jsonschema"), "required") {
			return r.at(node.GetToken(), "%s has no %q", orSpec(path), name)
		}
	}
	return nil
}

func hint(word string, known []string) string {
	if best := nearest.Likely(word, known); best != "" {
		return fmt.Sprintf(" (hint: did you mean %s?)", best)
	}
	return fmt.Sprintf(" (hint: known are %s)", strings.Join(known, ", "))
}

func (r reader) decodeSlice(node ast.Node, v reflect.Value, path string) error {
	list, ok := node.(*ast.SequenceNode)
	if !ok || len(list.Values) == 0 {
		return r.at(node.GetToken(), "%s: want a list with at least one entry", path)
	}
	v.Set(reflect.MakeSlice(v.Type(), len(list.Values), len(list.Values)))
	for i, n := range list.Values {
		if err := r.decode(n, v.Index(i), fmt.Sprintf("%s[%d]", path, i), ""); err != nil {
			return err
		}
	}
	return nil
}

func (r reader) decodeMap(node ast.Node, v reflect.Value, path string) error {
	list, err := r.entries(node, path)
	if err != nil {
		return err
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, e := range list {
		value := reflect.New(v.Type().Elem()).Elem()
		if err := r.decode(e.Value, value, path+"."+keyOf(e), ""); err != nil {
			return err
		}
		if check := mapCheck[v.Type().Elem()]; check != nil {
			if err := check(keyOf(e), value); err != nil {
				return r.at(e.Key.GetToken(), "%s: %v", path, err)
			}
		}
		v.SetMapIndex(reflect.ValueOf(keyOf(e)), value)
	}
	return nil
}

// basic reads a text or a number and holds it against its bounds.
func basic(node ast.Node, v reflect.Value, tag string) error {
	text := scalar(node)
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		return fmt.Errorf("want one value here")
	}
	var number float64
	var err error
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		if allowed := tags(tag, "enum"); len(allowed) > 0 && !slices.Contains(allowed, text) {
			return fmt.Errorf("unknown value %q%s", text, hint(text, allowed))
		}
		if text == "" {
			return fmt.Errorf("no value")
		}
		return nil
	case reflect.Int:
		var n int64
		n, err = strconv.ParseInt(text, 10, 48)
		v.SetInt(n)
		number = float64(n)
	case reflect.Uint64:
		var n uint64
		n, err = strconv.ParseUint(text, 10, 48) // exact in JSON
		v.SetUint(n)
		number = float64(n)
	case reflect.Float64:
		number, err = strconv.ParseFloat(text, 64)
		v.SetFloat(number)
	}
	if err != nil || number != number {
		return fmt.Errorf("%q is not a number that fits", text)
	}
	return within(number, tag)
}

func within(number float64, tag string) error {
	for _, b := range []struct {
		name string
		ok   func(limit float64) bool
		text string
	}{
		{"minimum", func(l float64) bool { return number >= l }, "at least"},
		{"maximum", func(l float64) bool { return number <= l }, "at most"},
		{"exclusiveMinimum", func(l float64) bool { return number > l }, "above"},
		{"exclusiveMaximum", func(l float64) bool { return number < l }, "below"},
	} {
		for _, limit := range tags(tag, b.name) {
			if l, err := strconv.ParseFloat(limit, 64); err == nil && !b.ok(l) {
				return fmt.Errorf("%g is not %s %s", number, b.text, limit)
			}
		}
	}
	return nil
}

// tags returns the values of name=value in a schema tag.
func tags(tag, name string) []string {
	var out []string
	for part := range strings.SplitSeq(tag, ",") {
		if value, ok := strings.CutPrefix(part, name+"="); ok {
			out = append(out, value)
		}
	}
	return out
}

func bound(tag, name string, otherwise int) int {
	for _, text := range tags(tag, name) {
		if n, err := strconv.Atoi(text); err == nil {
			return n
		}
	}
	return otherwise
}

// scalar returns the text of a node that holds one value.
func scalar(node ast.Node) string {
	if s, ok := node.(*ast.StringNode); ok {
		return s.Value
	}
	if s, ok := node.(*ast.LiteralNode); ok {
		return strings.TrimSpace(s.Value.Value)
	}
	if t := node.GetToken(); t != nil {
		return t.Value
	}
	return node.String()
}
