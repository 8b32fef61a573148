package tritonsim

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/internal/tritonpb/service"
)

// area is where a tensor lies in a region.
type area struct {
	region       string
	offset, size uint64
}

// The parameters of a tensor in shared memory.
const (
	regionParameter = "shared_memory_region"
	sizeParameter   = "shared_memory_byte_size"
	offsetParameter = "shared_memory_offset"
)

// areaOf reads a tensor's parameters; ok is false where it lies in none.
func areaOf(parameters map[string]*service.InferParameter) (a area, ok bool) {
	p, ok := parameters[regionParameter]
	if !ok {
		return a, false
	}
	number := func(name string) uint64 {
		v := parameters[name]
		return max(v.GetUint64Param(), uint64(max(0, v.GetInt64Param())))
	}
	return area{p.GetStringParam(), number(offsetParameter), number(sizeParameter)}, true
}

// use calls do with the memory and the position of an area, while nobody forgets it.
func (g *regions) use(a area, do func(memory SharedMemory, at int64) error) error {
	g.mu.RLock()
	defer g.mu.RUnlock()
	r := g.byID[a.region]
	switch {
	case r == nil:
		return status.Errorf(codes.NotFound, "Unable to find shared memory region: '%s'", a.region)
	case a.offset > r.size:
		return status.Errorf(codes.InvalidArgument, "Invalid offset for shared memory region: '%s'", a.region)
	case a.size > r.size-a.offset:
		return status.Errorf(codes.InvalidArgument, "Invalid offset + byte size for shared memory region: '%s'", a.region)
	}
	return do(r.memory, int64(r.offset+a.offset))
}

// fetch gives a request what its inputs in shared memory hold. Its other tensors
// lie in r.raws in the order of their inputs.
func (g *regions) fetch(r *request) error {
	var raws []rawInput
	for _, in := range r.head.Inputs {
		a, shared := areaOf(in.Parameters)
		if !shared {
			if len(r.raws) > 0 {
				raws, r.raws = append(raws, r.raws[0]), r.raws[1:]
			}
			continue
		}
		raw, err := g.read(a, in.Shape)
		if err != nil {
			return err
		}
		raws = append(raws, raw)
	}
	r.raws = append(raws, r.raws...)
	return nil
}

func (g *regions) read(a area, shape []int64) (raw rawInput, err error) {
	items, stride := divide(int64(a.size), leading(shape))
	raw = rawInput{size: int(a.size), firsts: make([]first, items)}
	err = g.use(a, func(memory SharedMemory, at int64) error {
		for i := range raw.firsts {
			n := min(stride, int64(len(first{})))
			if _, err := memory.ReadAt(raw.firsts[i][:n], at+int64(i)*stride); err != nil {
				return status.Errorf(codes.Internal, "reading shared memory: %v", err)
			}
		}
		return nil
	})
	return raw, err
}

// places finds the outputs that go to shared memory, and refuses those that do not
// fit before anything is executed.
func (g *regions) places(r *request, outputs []output) error {
	for _, wanted := range r.head.Outputs {
		a, shared := areaOf(wanted.Parameters)
		if !shared {
			continue
		}
		if err := g.use(a, func(SharedMemory, int64) error { return nil }); err != nil {
			return err
		}
		for i := range outputs {
			if o := &outputs[i]; o.name == wanted.Name {
				o.area = &a
			}
		}
	}
	return nil
}

// store writes the outputs that go to shared memory.
func (g *regions) store(outputs []output) error {
	for _, o := range outputs {
		if o.area == nil {
			continue
		}
		if need := uint64(o.size()); o.area.size < need {
			return status.Errorf(codes.Internal, "shared memory size specified with the request for output '%s' (%d bytes) should be at least %d bytes to hold the results",
				o.name, o.area.size, need)
		}
		var encoded response
		encoded.tensor(o)
		encoded.flush()
		err := g.use(*o.area, func(memory SharedMemory, at int64) error {
			for _, part := range encoded.parts {
				n, err := memory.WriteAt(part.ReadOnlyData(), at)
				if err != nil {
					return status.Errorf(codes.Internal, "writing shared memory: %v", err)
				}
				at += int64(n)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readArea reads from JSON where a tensor lies in shared memory.
func readArea(parameters object) (map[string]*service.InferParameter, error) {
	name, err := get[string](parameters, regionParameter, noString)
	if err != nil {
		return nil, err
	}
	size, err := get[uint64](parameters, sizeParameter, noUnsigned)
	if err != nil {
		return nil, err
	}
	offset, err := optional[uint64](parameters, offsetParameter, noUnsigned)
	if err != nil {
		return nil, err
	}
	return map[string]*service.InferParameter{
		regionParameter: {ParameterChoice: &service.InferParameter_StringParam{StringParam: name}},
		sizeParameter:   unsigned(size), offsetParameter: unsigned(offset),
	}, nil
}
