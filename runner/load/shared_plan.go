package load

// place is where a tensor lies in a region, bytes.
type place struct{ offset, size int64 }

// alignment of tensors in a region, bytes: a cache line.
const alignment = 64

// allot gives out the next place of a size.
func allot(end *int64, size int64) place {
	p := place{*end, size}
	*end += (size + alignment - 1) / alignment * alignment
	return p
}

// mostSharedPayloads bounds the messages of all callers and distinct requests: of
// each pair there is one, since it says where that caller's outputs go.
const mostSharedPayloads = 1 << 16

// sharedPlan says where everything lies in a region.
type sharedPlan struct {
	tensors [][]inputTensor    // by distinct request
	inputs  []map[string]place // the same
	outputs map[string]place   // within a caller's part
	once    int64              // bytes of all inputs
	each    int64              // bytes of a caller's part
}

func planShared(m Model, groups [][]item) (p sharedPlan, err error) {
	for _, group := range groups {
		tensors, _, err := m.tensorsOf(group)
		if err != nil {
			return p, err
		}
		places := map[string]place{}
		for _, t := range tensors {
			places[t.Name] = allot(&p.once, t.size)
		}
		p.tensors, p.inputs = append(p.tensors, tensors), append(p.inputs, places)
	}
	p.outputs = map[string]place{}
	for _, t := range m.Outputs {
		if size := t.bytes(t.Shape); size > 0 {
			p.outputs[t.Name] = allot(&p.each, size*int64(len(groups[0])))
		}
	}
	return p, nil
}

// SharedSize returns how many bytes of shared memory the inputs of all distinct
// requests take, and the outputs of each caller.
func (s Spec) SharedSize(m Model, d Data) (inputs, outputs int64, err error) {
	groups, err := m.groups(d, max(s.Load.BatchSize, 1))
	if err != nil {
		return 0, 0, err
	}
	plan, err := planShared(m, s.rotation(groups))
	return plan.once, plan.each, err
}

// FitsShared is Fits for tensors in shared memory.
func (s Spec) FitsShared(what string, inputs, outputs int64) error {
	s = s.withDefaults()
	return s.fitsBeside(what, inputs, 0, outputs)
}

// rotation leaves out requests where there would be too many messages.
func (s Spec) rotation(groups [][]item) [][]item {
	return groups[:min(len(groups), max(1, mostSharedPayloads/max(s.Callers(), 1)))]
}
