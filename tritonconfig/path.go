package tritonconfig

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"tritonsweep/internal/nearest"
)

// step is one part of a path: a field, with an index for one element of a
// repeated field or a key for one entry of a map.
type step struct {
	desc    protoreflect.FieldDescriptor
	index   int // -1: all elements
	key     string
	indexed bool // of a map: key is set
}

func (s step) String() string {
	switch {
	case s.indexed:
		return fmt.Sprintf("%s[%q]", s.desc.Name(), s.key)
	case s.index >= 0:
		return fmt.Sprintf("%s[%d]", s.desc.Name(), s.index)
	}
	return string(s.desc.Name())
}

// PathError refuses a path that leads to no field of a model config, or to one
// that the file does not have.
type PathError struct {
	Path   string
	Reason string
}

// Error returns "path: reason".
func (e *PathError) Error() string { return e.Path + ": " + e.Reason }

var pathPart = regexp.MustCompile(`^([A-Za-z_]\w*)(?:\[(\d+|"(?:[^"\\]|\\.)*"|[^"\]]+)\])?(?:\.|$)`)

// parsePath resolves "instance_group[0].kind" against the schema. A map wants
// its key: parameters["EXECUTION_ENV_PATH"].string_value.
func parsePath(path string) ([]step, error) {
	fail := func(format string, args ...any) ([]step, error) {
		return nil, &PathError{path, fmt.Sprintf(format, args...)}
	}
	var steps []step
	md, rest := modelConfig, path
	for rest != "" {
		m := pathPart.FindStringSubmatch(rest)
		if m == nil {
			return fail("expected a name, or name[index], at %q", rest)
		}
		if md == nil {
			return fail("%s has no fields", steps[len(steps)-1])
		}
		rest = rest[len(m[0]):]
		d := md.Fields().ByTextName(m[1])
		if d == nil {
			return fail("%s has no field %q; the nearest is %q", md.Name(), m[1], nearest.Of(m[1], fieldNames(md)))
		}
		s, err := newStep(d, m[2], rest == "" && !strings.HasSuffix(m[0], "."))
		if err != nil {
			return fail("%v", err)
		}
		steps, md = append(steps, s), d.Message()
		if d.IsMap() {
			value := d.MapValue()
			steps, md = append(steps, step{desc: value, index: -1}), value.Message()
		}
	}
	if len(steps) == 0 || strings.HasSuffix(path, ".") {
		return fail("expected a field name")
	}
	return steps, nil
}

func newStep(d protoreflect.FieldDescriptor, index string, last bool) (step, error) {
	s := step{desc: d, index: -1}
	switch {
	case d.IsMap() && index == "":
		return s, fmt.Errorf("%s is a map: name an entry, %s[KEY]", d.Name(), d.Name())
	case d.IsMap():
		s.indexed, s.key = true, index
		if index[0] == '"' {
			s.key = string(unquote([]byte(index)))
		}
	case index == "" && d.IsList() && d.Message() != nil && !last:
		return s, fmt.Errorf("%s is a list: name an element, %s[0]", d.Name(), d.Name())
	case index == "":
	case !d.IsList():
		return s, fmt.Errorf("%s is no list", d.Name())
	default:
		n, err := strconv.Atoi(index)
		if err != nil {
			return s, fmt.Errorf("%q is no index of %s", index, d.Name())
		}
		s.index = n
	}
	return s, nil
}

func fieldNames(md protoreflect.MessageDescriptor) []string {
	names := make([]string, md.Fields().Len())
	for i := range names {
		names[i] = md.Fields().Get(i).TextName()
	}
	return names
}

// place is where a path ends in a file.
type place struct {
	block  *block   // the innermost message that exists
	rest   []step   // what is missing in it, from there on; empty: all is there
	fields []*field // the occurrences of the last step
	value  *value   // of one element, or of a singular field
}

// locate follows a path as far as the file goes.
func (f *File) locate(steps []step) (place, error) {
	at := place{block: f.root}
	for i, s := range steps {
		at.fields = at.block.named(f.src, s.desc.TextName())
		all := elements(at.fields)
		at.value = nil
		switch {
		case s.indexed:
			at.value = f.entry(s, all)
		case s.index >= 0:
			if s.index > len(all) {
				return at, fmt.Errorf("%s: there are only %d", s, len(all))
			}
			if s.index < len(all) {
				at.value = all[s.index]
			}
		case !s.desc.IsList() && len(all) > 0:
			at.value = all[0]
		}
		missing := at.value == nil && (s.index >= 0 || s.indexed || len(at.fields) == 0)
		if missing {
			at.rest = steps[i:]
			return at, nil
		}
		if i < len(steps)-1 {
			at.block = at.value.block
		}
	}
	return at, nil
}

// entry returns the entry of a map with the key of s, or nil. Of several with
// one key the last counts, as in Triton.
func (f *File) entry(s step, all []*value) *value {
	var found *value
	for _, v := range all {
		key := ""
		for _, k := range v.block.named(f.src, "key") {
			if key = k.values[0].text(f.src); k.values[0].kind == stringToken {
				key = string(unquote([]byte(key)))
			}
		}
		if key == s.key {
			found = v
		}
	}
	return found
}
