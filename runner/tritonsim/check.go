package tritonsim

import (
	"fmt"
	"hash/maphash"
	"math"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/sweep/batcher"
)

// checked is what the scheduler and the answer need of a request that fits the
// model.
type checked struct {
	id       string
	items    int     // the batch dimension, 1 for a model without
	item     []int64 // shape of an item of the model's first input
	datatype string  // of that input
	firsts   []first // of its items
	request  batcher.Request
}

// idPrefix is how Triton begins what it has to say about a request.
func idPrefix(id string) string {
	if id == "" {
		id = "<id_unknown>"
	}
	return "[request id: " + id + "] "
}

// check refuses what Triton refuses, in its words and in its order.
func (m *model) check(r *request) (checked, error) {
	prefix := idPrefix(r.head.Id)
	invalid := func(format string, args ...any) error {
		return status.Error(codes.InvalidArgument, prefix+fmt.Sprintf(format, args...))
	}
	sizes, firsts, err := m.tensors(r)
	if err != nil {
		return checked{}, err
	}
	for _, o := range r.head.Outputs {
		if !slices.ContainsFunc(m.outputs, func(t tensor) bool { return t.name == o.Name }) {
			return checked{}, status.Errorf(codes.InvalidArgument, "unexpected inference output '%s' for model '%s'", o.Name, m.name)
		}
	}
	if text := m.missing(r); text != "" {
		return checked{}, invalid("%s", text)
	}
	c := checked{id: r.head.Id, items: 1, firsts: []first{{}}}
	if m.batches() {
		if c.items, err = m.batch(r, invalid); err != nil {
			return checked{}, err
		}
	}
	for i, in := range r.head.Inputs {
		t, ok := m.input(in.Name)
		if !ok {
			return checked{}, m.unexpected(in.Name)
		}
		item := in.Shape
		if m.batches() {
			item = in.Shape[1:]
		}
		if err := m.checkInput(t, in, item, sizes[i], invalid); err != nil {
			return checked{}, err
		}
		if m.scheduler.config.VariableShape {
			c.request.Shape += maphash.String(shapeSeed, in.Name+dims(item)) // inputs come in any order
		}
		if t.name == m.inputs[0].name && len(firsts[i]) > 0 {
			c.item, c.datatype, c.firsts = item, in.Datatype, firsts[i]
		}
	}
	c.request.Size = int32(c.items)
	c.request.Priority = int32(min(parameter(r, "priority"), math.MaxInt32))
	c.request.Timeout = microseconds(parameter(r, "timeout"))
	return c, nil
}

var shapeSeed = maphash.MakeSeed()

// parameter returns a number among the request's parameters.
func parameter(r *request, name string) uint64 {
	p := r.head.Parameters[name]
	return max(p.GetUint64Param(), uint64(max(0, p.GetInt64Param())))
}
