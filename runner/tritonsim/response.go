package tritonsim

import (
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// response is an encoded ModelInferResponse. Tensors are zeros behind the first
// element of each item, and the zeros of all responses are the same memory.
type response struct {
	parts mem.BufferSlice
	tail  []byte // not yet a part
}

// output is one tensor of a response.
type output struct {
	name, datatype string
	shape          []int64
	firsts         []first // of its items; the type is the output's own
	area           *area   // in shared memory, where it goes; else nil
}

// The fields of ModelInferResponse and InferOutputTensor.
const (
	fieldModelName    = 1
	fieldModelVersion = 2
	fieldID           = 3
	fieldOutput       = 5
	fieldRawOutput    = 6
	fieldTensorName   = 1
	fieldTensorType   = 2
	fieldTensorShape  = 3
)

// sharedZeros is what large tensors point to; smaller ones are copied.
var sharedZeros = make([]byte, 256<<10)

const worthSharing = 2 << 10

func newResponse(model, version, id string, outputs []output) *response {
	r := &response{tail: make([]byte, 0, 512)}
	r.text(fieldModelName, model)
	r.text(fieldModelVersion, version)
	r.text(fieldID, id)
	for _, o := range outputs {
		r.describe(o)
	}
	for _, o := range outputs {
		r.raw(o)
	}
	r.flush()
	return r
}

func (r *response) text(number protowire.Number, text string) {
	if text == "" {
		return
	}
	r.tail = protowire.AppendTag(r.tail, number, protowire.BytesType)
	r.tail = protowire.AppendString(r.tail, text)
}

func (r *response) describe(o output) {
	var shape []byte
	for _, d := range o.shape {
		shape = protowire.AppendVarint(shape, uint64(d))
	}
	var tensor response
	tensor.text(fieldTensorName, o.name)
	tensor.text(fieldTensorType, o.datatype)
	tensor.tail = protowire.AppendTag(tensor.tail, fieldTensorShape, protowire.BytesType)
	tensor.tail = protowire.AppendBytes(tensor.tail, shape)
	r.tail = protowire.AppendTag(r.tail, fieldOutput, protowire.BytesType)
	r.tail = protowire.AppendBytes(r.tail, tensor.tail)
}

func (o output) width() int {
	if o.datatype == "BYTES" {
		return 4 // empty strings: each is its length, 0
	}
	return widths[o.datatype]
}

// size is how many bytes the tensor has.
func (o output) size() int { return int(count(o.shape)) * o.width() }

func (r *response) raw(o output) {
	r.tail = protowire.AppendTag(r.tail, fieldRawOutput, protowire.BytesType)
	if o.area != nil { // its place in the list stays empty
		r.tail = protowire.AppendVarint(r.tail, 0)
		return
	}
	r.tail = protowire.AppendVarint(r.tail, uint64(o.size()))
	r.tensor(o)
}

// tensor writes the bytes of an output.
func (r *response) tensor(o output) {
	width, elements := o.width(), int(count(o.shape))
	if elements == 0 {
		return
	}
	rest := elements/len(o.firsts)*width - width
	for _, f := range o.firsts {
		if o.datatype == "BYTES" {
			f = first{}
		}
		r.tail = append(r.tail, f[:width]...)
		r.zeros(rest)
	}
}

func (r *response) zeros(n int) {
	if n < worthSharing {
		r.tail = append(r.tail, sharedZeros[:n]...)
		return
	}
	r.flush()
	for n > 0 {
		part := min(n, len(sharedZeros))
		r.parts = append(r.parts, mem.SliceBuffer(sharedZeros[:part]))
		n -= part
	}
}

// flush makes what was written a part of its own.
func (r *response) flush() {
	if len(r.tail) > 0 {
		r.parts = append(r.parts, mem.SliceBuffer(r.tail))
		r.tail = r.tail[len(r.tail):]
	}
}

// streamed is a ModelStreamInferResponse: a response, or what went wrong.
type streamed struct {
	response *response
	message  string
}

// finalResponse is the parameter triton_final_response: true, as a part of an
// encoded ModelInferResponse.
var finalResponse = "\x22\x1b\x0a\x15triton_final_response\x12\x02\x08\x01"

const (
	fieldErrorMessage  = 1
	fieldInferResponse = 2
)

func (s *streamed) parts() mem.BufferSlice {
	var frame response
	frame.text(fieldErrorMessage, s.message)
	if s.response == nil {
		frame.flush()
		return frame.parts
	}
	frame.tail = protowire.AppendTag(frame.tail, fieldInferResponse, protowire.BytesType)
	frame.tail = protowire.AppendVarint(frame.tail, uint64(len(finalResponse)+s.response.parts.Len()))
	frame.tail = append(frame.tail, finalResponse...)
	frame.flush()
	return append(frame.parts, s.response.parts...)
}
