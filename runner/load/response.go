package load

import (
	"bytes"
	"fmt"
	"slices"

	"tritonsweep/internal/tritonpb/service"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// AnswerError says that an answer is not what the model's metadata promise.
type AnswerError struct{ Reason string }

func (e *AnswerError) Error() string { return "the answer is wrong: " + e.Reason }

func wrong(format string, args ...any) error { return &AnswerError{fmt.Sprintf(format, args...)} }

// notAnAnswer begins what a transport puts in the place of an answer that it could
// not make sense of: why. No message begins like that.
const notAnAnswer = 0xff

// check judges an answer.
func (r *Request) check(answer []byte) error {
	_, err := r.decode(answer)
	return err
}

// decode decodes an answer and compares it with the metadata: the model, every
// output's name, datatype and shape, and the bytes that the shape needs. Nil is what
// is no inference. Its tensors are parts of the answer, and stand as long as that.
func (r *Request) decode(answer []byte) (*service.ModelInferResponse, error) {
	if r.opaque != nil {
		return nil, r.opaque.Check(answer)
	}
	if text, unfit := bytes.CutPrefix(answer, []byte{notAnAnswer}); unfit {
		return nil, wrong("%s", text)
	}
	var response service.ModelInferResponse
	head, tensors, err := split(answer)
	if err == nil {
		err = proto.Unmarshal(head, &response)
	}
	if err != nil {
		return nil, wrong("it does not decode: %v", err)
	}
	response.RawOutputContents = tensors
	return &response, r.agrees(&response)
}

func (r *Request) agrees(response *service.ModelInferResponse) error {
	if response.GetModelName() != r.model.Name {
		return wrong("it comes from model %q, not %q", response.GetModelName(), r.model.Name)
	}
	outputs := response.GetOutputs()
	raw := response.GetRawOutputContents()
	if len(raw) != len(outputs) {
		return wrong("%d outputs but %d raw tensors", len(outputs), len(raw))
	}
	for _, want := range r.model.Outputs {
		i := slices.IndexFunc(outputs, func(o *service.ModelInferResponse_InferOutputTensor) bool { return o.GetName() == want.Name })
		if i < 0 {
			return wrong("output %q is missing", want.Name)
		}
		if err := r.checkOutput(want, outputs[i], raw[i]); err != nil {
			return err
		}
	}
	if len(outputs) != len(r.model.Outputs) {
		return wrong("%d outputs, the metadata name %d", len(outputs), len(r.model.Outputs))
	}
	return nil
}

// rawOutputContents is the tensors' field in ModelInferResponse.
const rawOutputContents = 6

// split takes the tensors, as parts of the answer, from all the rest. Decoding
// would copy them, and a megabyte now and then is most of a client's garbage.
func split(answer []byte) (head []byte, tensors [][]byte, err error) {
	for len(answer) > 0 {
		number, kind, n := protowire.ConsumeField(answer)
		if n < 0 {
			return nil, nil, protowire.ParseError(n)
		}
		if number == rawOutputContents && kind == protowire.BytesType {
			_, _, tag := protowire.ConsumeTag(answer)
			tensor, _ := protowire.ConsumeBytes(answer[tag:n])
			tensors = append(tensors, tensor)
		} else {
			head = append(head, answer[:n]...)
		}
		answer = answer[n:]
	}
	return head, tensors, nil
}

func (r *Request) checkOutput(want Tensor, got *service.ModelInferResponse_InferOutputTensor, raw []byte) error {
	if got.GetDatatype() != want.Datatype {
		return wrong("output %q is %s, not %s", want.Name, got.GetDatatype(), want.Datatype)
	}
	expected := want.Shape
	if r.model.MaxBatch > 0 {
		expected = append([]int64{int64(r.batch)}, expected...)
	}
	shape := got.GetShape()
	if !matches(shape, expected) {
		return wrong("output %q has shape %v, not %v", want.Name, shape, expected)
	}
	count, ok := elements(shape)
	if !ok {
		return wrong("output %q has the absurd shape %v", want.Name, shape)
	}
	if width := int64(datatypes[want.Datatype]); width > 0 {
		if int64(len(raw)) != count*width {
			return wrong("output %q holds %d bytes, %s %v needs %d", want.Name, len(raw), want.Datatype, shape, count*width)
		}
	} else if n, ok := countBytes(raw); !ok || n != count {
		return wrong("output %q does not hold %d strings", want.Name, count)
	}
	return nil
}
