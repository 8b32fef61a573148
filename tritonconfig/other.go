package tritonconfig

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"tritonsweep/internal/tritonpb"
)

// OtherPaths returns the paths of Other in order.
func (s Settings) OtherPaths() []string { return slices.Sorted(maps.Keys(s.Other)) }

// reserved are the fields that a sweep must not reach by their paths, with the
// reason.
var reserved = map[protoreflect.FullName]string{
	"inference.ModelConfig.max_batch_size":                        "it has a setting of its own",
	"inference.ModelDynamicBatching.preferred_batch_size":         "it has a setting of its own",
	"inference.ModelDynamicBatching.max_queue_delay_microseconds": "it has a setting of its own",
	"inference.ModelInstanceGroup.count":                          "it has a setting of its own",
	"inference.ModelConfig.name":                                  "it is the name of the model's folder",
	"inference.ModelConfig.input":                                 "requests are made for the inputs as they are",
	"inference.ModelConfig.output":                                "requests are made for the outputs as they are",
}

// NewOther checks one entry of Settings.Other: a path that leads to a scalar
// field of a model config, or to a list of them, and a value of its type. It
// returns the path and the value as Settings spells them, so that equal entries
// are equal texts.
func NewOther(path, value string) (canonicalPath, canonicalValue string, err error) {
	steps, literals, err := otherSteps(path, value)
	if err != nil {
		return "", "", err
	}
	canonicalValue = strings.Join(literals, ", ")
	if repeated(steps[len(steps)-1].desc) && steps[len(steps)-1].index < 0 {
		canonicalValue = "[" + canonicalValue + "]"
	}
	return pathText(steps), canonicalValue, nil
}

func otherSteps(path, value string) ([]step, []string, error) {
	steps, err := parsePath(path)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range steps {
		if why := reserved[s.desc.FullName()]; why != "" {
			return nil, nil, &PathError{path, why}
		}
	}
	last := steps[len(steps)-1]
	if last.desc.Message() != nil {
		return nil, nil, &PathError{path, fmt.Sprintf("%s is a message: name one of its fields (%s)",
			last.desc.Name(), strings.Join(fieldNames(last.desc.Message()), ", "))}
	}
	literals, err := literals(last.desc, value)
	if err == nil && last.index >= 0 && len(literals) != 1 {
		err = fmt.Errorf("one element takes one value")
	}
	for _, l := range literals {
		if _, bad := scalarOf(last.desc, l); bad != nil && err == nil {
			err = bad
		}
	}
	if err != nil {
		return nil, nil, &PathError{path, err.Error()}
	}
	return steps, literals, nil
}

// pathText spells steps as a path. The value of a map's entry is a step of its
// own without a name.
func pathText(steps []step) string {
	var parts []string
	for i, s := range steps {
		if i > 0 && steps[i-1].indexed {
			continue
		}
		parts = append(parts, s.String())
	}
	return strings.Join(parts, ".")
}

func (f *File) checkOther(s Settings) error {
	for _, path := range s.OtherPaths() {
		steps, literals, err := otherSteps(path, s.Other[path])
		if err == nil {
			err = lay(proto.CloneOf(f.config), steps, literals)
		}
		if err != nil {
			return rule(RuleOther, "%v", err)
		}
	}
	return nil
}

// planOther adds the changes that Other asks for.
func (f *File) planOther(s Settings, changes []change, want *tritonpb.ModelConfig) ([]change, *tritonpb.ModelConfig) {
	for _, path := range s.OtherPaths() {
		steps, literals, err := otherSteps(path, s.Other[path])
		if err != nil {
			continue // Validate has refused it
		}
		_ = lay(want, steps, literals) // Validate has tried it
		changes = append(changes, change{steps, literals})
	}
	return changes, want
}

// lay sets the field that steps lead to in a message; what is missing on the way
// is made, and a list grows by one element at most.
func lay(config *tritonpb.ModelConfig, steps []step, literals []string) error {
	m := config.ProtoReflect()
	for i, s := range steps {
		if i > 0 && steps[i-1].indexed { // the value of a map's entry: entered already
			continue
		}
		if last := i == len(steps)-1; last {
			return layValue(m, s, literals)
		}
		switch {
		case s.indexed && s.desc.MapValue().Message() == nil:
			v, err := scalarOf(s.desc.MapValue(), literals[0])
			if err == nil {
				m.Mutable(s.desc).Map().Set(protoreflect.ValueOfString(s.key).MapKey(), v)
			}
			return err
		case s.indexed:
			m = m.Mutable(s.desc).Map().Mutable(protoreflect.ValueOfString(s.key).MapKey()).Message()
		case s.index >= 0:
			list := m.Mutable(s.desc).List()
			if s.index > list.Len() {
				return fmt.Errorf("%s: there are only %d", s, list.Len())
			}
			if s.index == list.Len() {
				list.AppendMutable()
			}
			m = list.Get(s.index).Message()
		default:
			m = m.Mutable(s.desc).Message()
		}
	}
	return nil
}

func layValue(m protoreflect.Message, s step, literals []string) error {
	var values []protoreflect.Value
	for _, l := range literals {
		v, err := scalarOf(s.desc, l)
		if err != nil {
			return err
		}
		values = append(values, v)
	}
	if !s.desc.IsList() {
		m.Set(s.desc, values[0])
		return nil
	}
	list := m.Mutable(s.desc).List()
	if s.index < 0 {
		list.Truncate(0)
	}
	for _, v := range values {
		switch {
		case s.index > list.Len():
			return fmt.Errorf("%s: there are only %d", s, list.Len())
		case s.index >= 0 && s.index < list.Len():
			list.Set(s.index, v)
		default:
			list.Append(v)
		}
	}
	return nil
}

// OverlayOther returns a copy of a config with the entries of Other in it.
func (s Settings) OverlayOther(config *tritonpb.ModelConfig) (*tritonpb.ModelConfig, error) {
	out := proto.CloneOf(config)
	for _, path := range s.OtherPaths() {
		steps, literals, err := otherSteps(path, s.Other[path])
		if err == nil {
			err = lay(out, steps, literals)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// otherLaid returns the original with the entries of Other in it, for a
// comparison that looks at what is set, and reports entries that ask for a
// field's default, which such a comparison passes over.
func otherLaid(asked Settings, original, active *tritonpb.ModelConfig, differ func(string, any, any)) *tritonpb.ModelConfig {
	out, err := asked.OverlayOther(original)
	if err != nil {
		differ("other", err, "the original config")
		return original
	}
	for _, path := range asked.OtherPaths() {
		want, got := OtherValue(out, path), OtherValue(active, path)
		steps, _ := parsePath(path) // NewOther has read it
		if _, set := follow(out.ProtoReflect(), steps); !set && want != got {
			differ(path, want, got)
		}
	}
	return out
}

// OtherValue returns the value at a path of Other as NewOther spells it: the
// field's default where the config does not set it, "" for a path that leads
// nowhere.
func OtherValue(config *tritonpb.ModelConfig, path string) string {
	steps, err := parsePath(path)
	if err != nil {
		return ""
	}
	last := steps[len(steps)-1]
	v, ok := follow(config.ProtoReflect(), steps)
	switch {
	case last.desc.IsList() && last.index < 0:
		var parts []string
		for i := 0; ok && i < v.List().Len(); i++ {
			parts = append(parts, literalOf(last.desc, v.List().Get(i)))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case !ok:
		v = last.desc.Default()
	}
	return literalOf(last.desc, v)
}

// follow returns the value that steps lead to, unless something on the way is
// not there.
func follow(m protoreflect.Message, steps []step) (v protoreflect.Value, ok bool) {
	for i, s := range steps {
		if i > 0 && steps[i-1].indexed {
			continue
		}
		if !m.Has(s.desc) {
			return v, false
		}
		v = m.Get(s.desc)
		switch {
		case s.indexed:
			if v = v.Map().Get(protoreflect.ValueOfString(s.key).MapKey()); !v.IsValid() {
				return v, false
			}
		case s.index >= 0:
			if s.index >= v.List().Len() {
				return v, false
			}
			v = v.List().Get(s.index)
		}
		inner := s.desc.Message()
		if s.indexed {
			inner = s.desc.MapValue().Message()
		}
		if inner != nil && i < len(steps)-1 {
			m = v.Message()
		}
	}
	return v, true
}

// literalOf spells a scalar as it stands in a config.
func literalOf(d protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch d.Kind() {
	case protoreflect.StringKind:
		return quote(v.String())
	case protoreflect.EnumKind:
		if x := d.Enum().Values().ByNumber(v.Enum()); x != nil {
			return string(x.Name())
		}
	}
	return v.String()
}
