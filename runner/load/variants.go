package load

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
)

// NoVariantsError says why a load's input cannot be told from other input of its
// kind.
type NoVariantsError struct{ Reason string }

func (e *NoVariantsError) Error() string { return e.Reason }

// leastVariety is how many bits the varied inputs hold, so that hardly any two of a
// comparison's requests are equal.
const leastVariety = 16

// variants makes requests like a load's own, with other numbers where the load's are
// made up: a request that no cache can know.
type variants struct {
	model  Model
	how    encoding
	group  []item // of the load's first request
	varied []variedInput
	differ int // items of a group that do
	random *rand.Rand
}

// variedInput is an input and what its numbers are drawn from.
type variedInput struct {
	Tensor
	span *Range
}

func newVariants(spec Spec, group []item, how encoding) (*variants, error) {
	v := &variants{
		model: spec.Model, how: how, group: group, differ: max(1, min(spec.Data.Distinct, len(group))),
		random: rand.New(rand.NewPCG(spec.Seed, 0x76617279)),
	}
	bits := 0.0
	for _, t := range spec.Model.Inputs {
		value, sent := group[0][t.Name]
		span, ok := spec.Data.madeUp(t)
		if !sent || !ok {
			continue
		}
		n, _ := elements(value.shape)
		bits += float64(n) * variety(t.Datatype, span)
		v.varied = append(v.varied, variedInput{t, span})
	}
	switch {
	case len(v.varied) == 0:
		return nil, &NoVariantsError{"no input holds numbers that were made up, so that there is nothing to vary"}
	case bits < leastVariety:
		return nil, &NoVariantsError{fmt.Sprintf("the inputs that could be varied hold %.0f bits, too few for requests that are all different", bits)}
	}
	return v, nil
}

// madeUp reports whether other numbers are as good as a load's own in an input, and
// their range. Those of files are not: nobody knows what they mean. Nor are whole
// numbers where zeros were asked for: they may be places in a table, and one beyond
// its end can cost a GPU server its life.
func (d Data) madeUp(t Tensor) (span *Range, ok bool) {
	feeds := d.Inputs[t.Name]
	if feeds == nil {
		feeds = []Feed{{Source: d.Source, Range: d.rangeOf(t)}}
	}
	_, whole := integers[t.Datatype]
	switch {
	case len(feeds) > 1 || t.Datatype == "BYTES": // strings: their length is part of the work
		return nil, false
	case feeds[0].Source == Random:
		return feeds[0].Range, true
	}
	return nil, (feeds[0].Source == Zeros || feeds[0].Source == "") && !whole
}

// variety is how many bits a random element holds.
func variety(datatype string, span *Range) float64 {
	if _, whole := integers[datatype]; !whole {
		if span != nil && span.Low == span.High {
			return 0
		}
		return 8 // BF16 in a narrow range has no more
	}
	switch {
	case datatype == "BOOL":
		return 1
	case span == nil:
		return math.Log2(mostRandomInteger)
	}
	return math.Log2(max(1, math.Floor(span.High)-math.Ceil(span.Low)+1))
}

// next encodes a request that was never sent. The items of a batch differ as those
// of the load do.
func (v *variants) next() (Payload, error) {
	group := make([]item, len(v.group))
	for i, it := range v.group {
		group[i] = maps.Clone(it)
	}
	for _, t := range v.varied {
		shape := v.group[0][t.Name].shape
		n, _ := elements(shape)
		fresh := make([]value, v.differ)
		for i := range fresh {
			fresh[i] = value{shape, randoms(t.Datatype, n, t.span, v.random)}
		}
		for i := range group {
			group[i][t.Name] = fresh[i%len(fresh)]
		}
	}
	return v.how.payload(v.model, group)
}
