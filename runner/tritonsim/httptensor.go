package tritonsim

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/internal/tritonpb/service"
)

// readData reads a tensor that is spelled out in JSON, flat or nested as its
// shape is: only how many elements there are counts.
func readData(in *service.ModelInferRequest_InferInputTensor, data json.RawMessage, items int64) (rawInput, error) {
	switch in.Datatype {
	case "FP16", "BF16":
		return rawInput{}, status.Errorf(codes.InvalidArgument,
			"receiving %s data via JSON is not supported. Please use the binary data format for input %s", in.Datatype, in.Name)
	}
	width, known := widths[in.Datatype]
	if !known {
		return rawInput{}, status.Errorf(codes.InvalidArgument, "invalid datatype for input %s", in.Name)
	}
	want := count(in.Shape)
	if want <= 0 || want > mostRequest {
		return rawInput{firsts: []first{{}}}, nil // the shape is refused for what it is
	}
	items, stride := divide(want, items)
	raw, n := rawInput{firsts: make([]first, items)}, int64(0)
	err := eachElement(data, func(token json.Token) error {
		f, text, err := element(token, in.Datatype)
		if err != nil {
			return err
		}
		if n%stride == 0 && n/stride < items {
			raw.firsts[n/stride] = f
		}
		n++
		if raw.size += width; width == 0 {
			raw.size += 4 + len(text)
		}
		return nil
	})
	if err == nil && n != want {
		err = unparsed("data", "Shape does not match true shape of 'data' field")
	}
	return raw, err
}

// eachElement calls do with every value in an array of arrays.
func eachElement(data json.RawMessage, do func(json.Token) error) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if !bytes.HasPrefix(data, []byte("[")) {
		return unparsed("data", noArray)
	}
	for {
		token, err := decoder.Token()
		if err != nil {
			return nil // the end: the whole was valid
		}
		if _, bracket := token.(json.Delim); bracket {
			continue
		}
		if err := do(token); err != nil {
			return err
		}
	}
}

// element converts a value of JSON.
func element(token json.Token, datatype string) (f first, text string, err error) {
	number, isNumber := token.(json.Number)
	switch datatype {
	case "BYTES":
		text, ok := token.(string)
		if !ok {
			return f, "", unparsed("data", noString)
		}
		return f, text, nil
	case "BOOL":
		v, ok := token.(bool)
		if !ok {
			return f, "", unparsed("data", noBool)
		}
		if v {
			f = integer(1)
		}
		return f, "", nil
	case "FP32", "FP64":
		v, err := number.Float64()
		if !isNumber || err != nil {
			return f, "", unparsed("data", noDouble)
		}
		return float(v, datatype), "", nil
	case "UINT8", "UINT16", "UINT32", "UINT64":
		v, err := strconv.ParseUint(string(number), 10, 64)
		if !isNumber || err != nil {
			return f, "", unparsed("data", noUnsigned)
		}
		binary.LittleEndian.PutUint64(f[:], v)
		return f, "", nil
	}
	v, err := number.Int64()
	if !isNumber || err != nil {
		return f, "", unparsed("data", noSigned)
	}
	return integer(v), "", nil
}

// encode writes the JSON of an answer, and its tensors if any is in binary.
func (f form) encode(a *answer) (head []byte, tensors *response, err error) {
	head = []byte{'{'}
	if a.id != "" {
		head = appendText(append(head, `"id":`...), a.id)
		head = append(head, ',')
	}
	head = fmt.Appendf(head, `"model_name":%q,"model_version":%q,"outputs":[`, a.model.name, a.model.version)
	for i, o := range a.outputs {
		if i > 0 {
			head = append(head, ',')
		}
		shape, _ := json.Marshal(o.shape)
		head = appendText(append(head, `{"name":`...), o.name)
		head = fmt.Appendf(head, `,"datatype":%q,"shape":%s`, o.datatype, shape)
		if o.area != nil { // of which the answer says nothing
			head = append(head, '}')
			continue
		}
		head = append(head, ',')
		if f.isBinary(o.name) {
			if tensors == nil {
				tensors = new(response)
			}
			tensors.tensor(o)
			head = fmt.Appendf(head, `"parameters":{"binary_data_size":%d}}`, o.size())
			continue
		}
		if head, err = o.appendJSON(append(head, `"data":[`...)); err != nil {
			return nil, nil, err
		}
		head = append(head, "]}"...)
	}
	if tensors != nil {
		tensors.flush()
	}
	return append(head, "]}"...), tensors, nil
}

// appendJSON spells the elements of an output out.
func (o output) appendJSON(out []byte) ([]byte, error) {
	if o.datatype == "FP16" || o.datatype == "BF16" {
		return nil, status.Errorf(codes.InvalidArgument, "sending %s data via JSON is not supported. Please use the binary data format for output %s", o.datatype, o.name)
	}
	elements := int(count(o.shape))
	if elements == 0 {
		return out, nil
	}
	stride := max(1, elements/len(o.firsts))
	for i := range elements {
		if i > 0 {
			out = append(out, ',')
		}
		var f first
		if i%stride == 0 && i/stride < len(o.firsts) {
			f = o.firsts[i/stride]
		}
		out = f.appendJSON(out, o.datatype)
	}
	return out, nil
}

func (f first) appendJSON(out []byte, datatype string) []byte {
	switch datatype {
	case "BYTES":
		return append(out, `""`...)
	case "BOOL":
		return strconv.AppendBool(out, f.integer(datatype) != 0)
	case "FP32", "FP64":
		v := f.float(datatype)
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			return strconv.AppendFloat(out, v, 'f', 1, 64)
		}
		return strconv.AppendFloat(out, v, 'g', -1, 64)
	case "UINT64":
		return strconv.AppendUint(out, uint64(f.integer(datatype)), 10)
	}
	return strconv.AppendInt(out, f.integer(datatype), 10)
}
