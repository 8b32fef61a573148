package tritonsim

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// marshalJSON writes a message as Triton's HTTP service does: names as in the
// proto file, in its order, scalars and lists also when they are empty, messages
// only when set, and 64-bit numbers as numbers.
func marshalJSON(m proto.Message) []byte { return appendMessage(nil, m.ProtoReflect()) }

func appendMessage(out []byte, m protoreflect.Message) []byte {
	out = append(out, '{')
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if !m.Has(f) && (f.ContainingOneof() != nil || f.Message() != nil && !f.IsList() && !f.IsMap()) {
			continue
		}
		out = appendKey(out, f.TextName())
		v := m.Get(f)
		switch {
		case f.IsMap():
			out = appendMap(out, f, v.Map())
		case f.IsList():
			out = append(out, '[')
			for j := range v.List().Len() {
				if j > 0 {
					out = append(out, ',')
				}
				out = appendValue(out, f, v.List().Get(j))
			}
			out = append(out, ']')
		default:
			out = appendValue(out, f, v)
		}
	}
	return append(out, '}')
}

// appendKey writes a name, behind a comma unless it is the first.
func appendKey(out []byte, name string) []byte {
	if out[len(out)-1] != '{' {
		out = append(out, ',')
	}
	return append(strconv.AppendQuote(out, name), ':')
}

func appendMap(out []byte, f protoreflect.FieldDescriptor, m protoreflect.Map) []byte {
	values := map[string]protoreflect.Value{}
	m.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		values[k.String()] = v
		return true
	})
	out = append(out, '{')
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if out[len(out)-1] != '{' {
			out = append(out, ',')
		}
		out = append(appendText(out, key), ':')
		out = appendValue(out, f.MapValue(), values[key])
	}
	return append(out, '}')
}

func appendValue(out []byte, f protoreflect.FieldDescriptor, v protoreflect.Value) []byte {
	switch f.Kind() {
	case protoreflect.MessageKind:
		return appendMessage(out, v.Message())
	case protoreflect.EnumKind:
		if d := f.Enum().Values().ByNumber(v.Enum()); d != nil {
			return appendText(out, string(d.Name()))
		}
		return strconv.AppendInt(out, int64(v.Enum()), 10)
	case protoreflect.StringKind:
		return appendText(out, v.String())
	case protoreflect.BytesKind:
		return appendText(out, base64.StdEncoding.EncodeToString(v.Bytes()))
	}
	text, _ := json.Marshal(v.Interface()) // a number or a bool
	return append(out, text...)
}

func appendText(out []byte, text string) []byte {
	quoted, _ := json.Marshal(text)
	return append(out, quoted...)
}
