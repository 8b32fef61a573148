package load

import (
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"tritonsweep/internal/tritonpb/service"
)

// besides is a model with numbers and another input.
func besides(datatype string) Model {
	m := testModel()
	m.Inputs = append(m.Inputs, Tensor{Name: "other", Datatype: datatype, Shape: []int64{2}})
	return m
}

// TestVariants: new requests have the shape and the size of the load's, are never
// the same, stay within the range of its numbers, and leave alone what it did not
// make up. The items of a batch differ as the load's do.
func TestVariants(t *testing.T) {
	spec := randomSpec(3)
	spec.Model = besides("INT64")
	spec.Data.Distinct = 2
	spec.Data.Inputs = map[string][]Feed{"other": {{Source: Zeros}}}
	spec.Data.Range = &Range{10, 20}
	groups, err := spec.Model.groups(spec.Data, 3)
	if err != nil {
		t.Fatal(err)
	}
	own, err := spec.Model.encode(groups[0])
	if err != nil {
		t.Fatal(err)
	}
	v, err := newVariants(spec, groups[0], encoding{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{string(own): true}
	for range 100 {
		p, err := v.next()
		if err != nil {
			t.Fatal(err)
		}
		if seen[string(p.Bytes)] || len(p.Bytes) != len(own) {
			t.Fatalf("%d bytes, the load's request has %d; sent before: %t", len(p.Bytes), len(own), seen[string(p.Bytes)])
		}
		seen[string(p.Bytes)] = true
		var request service.ModelInferRequest
		if err := proto.Unmarshal(p.Bytes, &request); err != nil {
			t.Fatal(err)
		}
		in, other := request.GetRawInputContents()[0], request.GetRawInputContents()[1]
		for ; len(in) > 0; in = in[4:] {
			if n := number("FP32", in[:4]); n < 10 || n > 20 {
				t.Errorf("%g is not between 10 and 20", n)
			}
		}
		if strings.Trim(string(other), "\x00") != "" {
			t.Errorf("zeros became %x", other)
		}
		rows := request.GetRawInputContents()[0]
		if string(rows[:16]) == string(rows[16:32]) || string(rows[:16]) != string(rows[32:]) {
			t.Errorf("of three items the first and the last are to be equal: %x", rows)
		}
	}
}

// TestNothingToVary: what was not made up has no variants, nor have numbers of which
// there are few; the error says which it is.
func TestNothingToVary(t *testing.T) {
	for name, c := range map[string]struct {
		model Model
		data  Data
		says  string // empty: there are variants
	}{
		"random":               {testModel(), Data{Source: Random}, ""},
		"zeros":                {testModel(), Data{Source: Zeros}, ""},
		"by default":           {testModel(), Data{}, ""},
		"half precision":       {only("FP16", 2), Data{Source: Random}, ""},
		"an index of zero":     {only("INT64", 4), Data{Source: Zeros}, "nothing to vary"},
		"one of two":           {besides("BYTES"), Data{Source: Random}, ""},
		"strings":              {only("BYTES", 4), Data{Source: Random}, "nothing to vary"},
		"a yes or no":          {only("BOOL", 1), Data{Source: Random}, "hold 1 bits"},
		"a small number":       {only("UINT8", 1), Data{Source: Random, Range: &Range{0, 3}}, "hold 2 bits"},
		"always the same":      {testModel(), Data{Source: Random, Range: &Range{5, 5}}, "hold 0 bits"},
		"several of one input": {testModel(), Data{Inputs: map[string][]Feed{"in": {{Source: Random}, {Source: Zeros}}}}, "nothing to vary"},
	} {
		spec := randomSpec(1)
		spec.Model, spec.Data = c.model, c.data
		_, err := compare(t, &knowing{takes: func(bool, []byte) time.Duration { return time.Millisecond }}, spec)
		missing, none := errors.AsType[*NoVariantsError](err)
		if c.says == "" && err != nil || c.says != "" && (!none || !strings.Contains(missing.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// only is a model with one input.
func only(datatype string, elements int64) Model {
	m := testModel()
	m.Inputs = []Tensor{{Name: "in", Datatype: datatype, Shape: []int64{elements}}}
	return m
}

// TestRepeatedMemory: what is sent counts against the memory limit, and inputs in
// shared memory, or too large ones, are not compared; nothing is sent then.
func TestRepeatedMemory(t *testing.T) {
	small, shared, large := randomSpec(1), randomSpec(1), randomSpec(1)
	small.MemoryLimit = 100
	shared.Regions = new(Regions)
	large.Model, large.Data.Distinct = only("FP32", mostCompared/4), 1
	for want, spec := range map[string]Spec{"above the memory limit of 100 B": small, "shared memory": shared, "too large": large} {
		k := &knowing{takes: func(bool, []byte) time.Duration { return time.Millisecond }}
		if _, err := compare(t, k, spec); err == nil || !strings.Contains(err.Error(), want) || k.n > 0 {
			t.Errorf("%v after %d requests, want %q", err, k.n, want)
		}
	}
}
