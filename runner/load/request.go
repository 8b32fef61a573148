package load

import (
	"fmt"
	"math"

	"tritonsweep/internal/tritonpb/service"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Request is what one point sends: encoded inference requests, sent in rotation.
// It never changes, and all callers share it.
type Request struct {
	model    Model
	batch    int
	payloads []Payload
	opaque   *Opaque // set when it is no inference request
}

// Payload is one encoded inference request.
type Payload struct {
	Bytes []byte // a ModelInferRequest in protobuf's wire format, or what the transport takes instead
	head  int    // for HTTP: how many of them are JSON, before compression
	path  string // for HTTP
	// number is its place in the rotation, for tensors in shared memory.
	number int
}

// rawInputContents is the field of ModelInferRequest that holds the tensors.
const rawInputContents = 7

// mostPayload is what a protobuf message, and so a gRPC message, may hold.
const mostPayload = math.MaxInt32

// mostRotation bounds how many requests a file of many items becomes.
const mostRotation = 1024

// NewRequest encodes the requests for a client batch: with batch b, request i
// carries b consecutive items, in rotation, under a leading batch dimension. A
// model with max_batch_size 0 has no such dimension and takes one item.
func NewRequest(m Model, d Data, batch int) (*Request, error) {
	return newRequest(m, d, batch, encoding{})
}

func newRequest(m Model, d Data, batch int, how encoding) (*Request, error) {
	groups, err := m.groups(d, batch)
	if err != nil {
		return nil, err
	}
	r := &Request{model: m, batch: batch}
	for i, group := range groups {
		payload, err := how.payload(m, group)
		if err != nil {
			return nil, fmt.Errorf("request %d: %w", i, err)
		}
		r.payloads = append(r.payloads, payload)
	}
	return r, nil
}

// Size returns the bytes of the largest request and, where the model's outputs
// have fixed sizes, of its answer, without encoding anything: an error is what a
// run would meet.
func Size(m Model, d Data, batch int) (request, answer int64, err error) {
	groups, err := m.groups(d, batch)
	if err != nil {
		return 0, 0, err
	}
	for i, group := range groups {
		_, _, size, err := m.head(group)
		if err != nil {
			return 0, 0, fmt.Errorf("request %d: %w", i, err)
		}
		request = max(request, size)
	}
	return request, (&Request{model: m, batch: batch}).Answer(), nil
}

// groups returns the items of each distinct request.
func (m Model) groups(d Data, batch int) ([][]item, error) {
	if batch < 1 {
		return nil, fmt.Errorf("client batch %d: at least 1 is needed", batch)
	}
	if batch > max(m.MaxBatch, 1) {
		return nil, fmt.Errorf("client batch %d is above max_batch_size %d of model %s", batch, m.MaxBatch, m.Name)
	}
	items, err := d.items(m)
	if err != nil {
		return nil, err
	}
	for i, it := range items {
		if err := m.complete(it); err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
	}
	var groups [][]item
	for i := range min(len(items)/gcd(len(items), batch), mostRotation) {
		group := make([]item, batch)
		for j := range group {
			group[j] = items[(i*batch+j)%len(items)]
		}
		groups = append(groups, group)
	}
	return groups, nil
}

// Bytes returns the size of the largest encoded request.
func (r *Request) Bytes() int64 {
	var most int64
	for _, p := range r.payloads {
		most = max(most, int64(len(p.Bytes)))
	}
	return most
}

// Distinct returns how many different requests are sent in rotation.
func (r *Request) Distinct() int { return len(r.payloads) }

// Answer returns about how many bytes an answer has, from the model's outputs; 0
// when an output's size is not fixed.
func (r *Request) Answer() int64 {
	if r.opaque != nil {
		return r.opaque.Answer
	}
	var n int64
	for _, t := range r.model.Outputs {
		size := t.bytes(t.Shape)
		if size < 0 {
			return 0
		}
		n += size * int64(r.batch)
	}
	return n
}

// inputTensor is an input as one request carries it.
type inputTensor struct {
	Tensor       // its Shape holds the batch dimension
	size   int64 // raw bytes
}

// tensorsOf describes the inputs of a request of some items, and adds up their bytes.
func (m Model) tensorsOf(items []item) (tensors []inputTensor, total int64, err error) {
	for _, t := range m.Inputs {
		first, ok := items[0][t.Name]
		if !ok {
			continue // optional; items of one batch agree, or it is refused below
		}
		size, err := m.rawSize(t, items)
		if err != nil {
			return nil, 0, err
		}
		t.Shape = first.shape
		if m.MaxBatch > 0 {
			t.Shape = append([]int64{int64(len(items))}, first.shape...)
		}
		tensors = append(tensors, inputTensor{t, size})
		total += size
	}
	return tensors, total, nil
}

// head returns everything of a message but the tensors, and the size of the whole.
func (m Model) head(items []item) (head *service.ModelInferRequest, tensors []inputTensor, size int64, err error) {
	head = &service.ModelInferRequest{ModelName: m.Name, ModelVersion: m.Version}
	if tensors, size, err = m.tensorsOf(items); err != nil {
		return nil, nil, 0, err
	}
	for _, t := range tensors {
		head.Inputs = append(head.Inputs, &service.ModelInferRequest_InferInputTensor{
			Name: t.Name, Datatype: t.Datatype, Shape: t.Shape,
		})
		size += int64(protowire.SizeTag(rawInputContents) + protowire.SizeVarint(uint64(t.size)))
	}
	size += int64(proto.Size(head))
	if size > mostPayload {
		err = fmt.Errorf("%d bytes: a gRPC message holds at most %d (hint: a smaller client batch)", size, int64(mostPayload))
	}
	return head, tensors, size, err
}

// encode writes the message in two parts: everything but the tensors by the
// generated code, and the tensors straight from the items, so that a request of
// hundreds of megabytes exists only once.
func (m Model) encode(items []item) ([]byte, error) {
	head, tensors, size, err := m.head(items)
	if err != nil {
		return nil, err
	}
	out, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(make([]byte, 0, size), head)
	if err != nil {
		return nil, fmt.Errorf("encoding the request: %w", err)
	}
	for _, t := range tensors {
		out = protowire.AppendTag(out, rawInputContents, protowire.BytesType)
		out = protowire.AppendVarint(out, uint64(t.size))
		for _, it := range items {
			out = append(out, it[t.Name].raw...)
		}
	}
	return out, nil
}

// rawSize adds up an input's bytes over a batch whose items must have one shape.
func (m Model) rawSize(t Tensor, items []item) (int64, error) {
	first := items[0][t.Name]
	var n int64
	for i, it := range items {
		v, ok := it[t.Name]
		if !ok || dimensions(v.shape) != dimensions(first.shape) {
			return 0, fmt.Errorf("input %q: items of one batch must have one shape, the first has %v, item %d has %v", t.Name, first.shape, i, v.shape)
		}
		n += int64(len(v.raw))
	}
	return n, nil
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
