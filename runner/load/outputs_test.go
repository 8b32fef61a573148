package load

import (
	"context"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"tritonsweep/internal/binary16"
	"tritonsweep/internal/tritonpb/service"
)

// oracle is a model in virtual time whose answers depend on what it is asked: two
// floats, the first element of an item and its double, and the item's element as a
// whole number. bend changes the floats of a row of the n-th request.
type oracle struct {
	n    atomic.Int64
	bend func(n int64, row, rows int, v float32) float32
}

func oracleModel() Model {
	return Model{
		Name: "m", MaxBatch: 8,
		Inputs:  []Tensor{{Name: "in", Datatype: "FP32", Shape: []int64{4}}},
		Outputs: []Tensor{{Name: "pair", Datatype: "FP32", Shape: []int64{2}}, {Name: "whole", Datatype: "INT64", Shape: []int64{1}}},
	}
}

func (o *oracle) Infer(ctx context.Context, _ int, p *Payload, keep bool) (Answer, error) {
	n := o.n.Add(1) - 1
	sleep(ctx, 5*time.Millisecond)
	if ctx.Err() != nil {
		return Answer{}, ctx.Err()
	}
	var request service.ModelInferRequest
	if err := proto.Unmarshal(p.Bytes, &request); err != nil {
		return Answer{}, err
	}
	rows := int(request.GetInputs()[0].GetShape()[0])
	var pair, whole []byte
	for row := range rows {
		v := float32(number("FP32", request.GetRawInputContents()[0][16*row:16*row+4]))
		v = o.bend(n, row, rows, v)
		pair = appendFloat(appendFloat(pair, "FP32", float64(v)), "FP32", 2*float64(v))
		whole = appendInteger(whole, "INT64", uint64(int64(v)))
	}
	body, err := proto.Marshal(&service.ModelInferResponse{ModelName: "m", RawOutputContents: [][]byte{pair, whole},
		Outputs: []*service.ModelInferResponse_InferOutputTensor{
			{Name: "pair", Datatype: "FP32", Shape: []int64{int64(rows), 2}}, {Name: "whole", Datatype: "INT64", Shape: []int64{int64(rows), 1}},
		}})
	answer := Answer{Bytes: len(body)}
	if keep {
		answer.Body = body
	}
	return answer, err
}

// TestRuleOutputs: what a config makes of the model's answers is compared with the
// untouched one. Another value makes a point void, a seldom one suspect, and so does
// any where the model itself has no one answer; the last digits of floats do not.
func TestRuleOutputs(t *testing.T) {
	same := func(_ int64, _, _ int, v float32) float32 { return v }
	for _, c := range []struct {
		name            string
		untouched, then func(n int64, row, rows int, v float32) float32
		passed, suspect bool
		says            string
	}{
		{"the same", same, same, true, false, "compared with those of the untouched config: at most 0 % apart"},
		{"last digits", same, func(_ int64, _, _ int, v float32) float32 { return v * 1.0005 }, true, false, "at most 0.05 % apart"},
		{"another value", same, func(_ int64, _, _ int, v float32) float32 { return v / 2 }, false, true, "differ from those of the untouched config by more than 10 %"},
		{"not a number", same, func(int64, int, int, float32) float32 { return float32(math.NaN()) }, false, true, "by 100 %"},
		{"now and then", same, func(n int64, _, _ int, v float32) float32 {
			if n%997 == 1 { // the probe is one more
				return v / 2
			}
			return v
		}, true, true, "of"},
		{"never the same", same, func(n int64, _, _ int, v float32) float32 { return v * float32(1+n%5) }, true, true, "no one answer: two answers to one request"},
		{"another in a batch", same, func(_ int64, row, rows int, v float32) float32 {
			if rows == 1 {
				return v / 2
			}
			return v * float32(row)
		}, true, true, "no one answer: in a batch of 4"},
		{"untouched never the same", func(n int64, _, _ int, v float32) float32 { return v * float32(1+n%5) }, same, true, true, "no one answer: two answers of the untouched config"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec := quickSpec(4)
				spec.Model = oracleModel()
				spec.Data = Data{Source: Random, Distinct: 3, Seed: 5, Range: &Range{1, 90}}
				spec.Outputs = NewOutputs()
				spec.Untouched = true
				expectRule(t, mustRun(t, &oracle{bend: c.untouched}, spec), "outputs", true, false)
				spec.Untouched = false
				r := mustRun(t, &oracle{bend: c.then}, spec)
				expectRule(t, r, "outputs", c.passed, c.suspect)
				if detail := rule(t, r, "outputs").Detail; !strings.Contains(detail, c.says) {
					t.Errorf("%q does not say %q", detail, c.says)
				}
			})
		})
	}
}

// TestOutputsOfOtherRequests: what was never asked under the untouched config is
// compared with nothing, and without Outputs there is no rule.
func TestOutputsOfOtherRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := quickSpec(1)
		if r := mustRun(t, fixed(time.Millisecond), spec); strings.Contains(checkNames(r), "outputs") {
			t.Errorf("rules %s", checkNames(r))
		}
		spec.Outputs = NewOutputs()
		r := mustRun(t, fixed(time.Millisecond), spec)
		if c := rule(t, r, "outputs"); !c.Passed || c.Suspect || !strings.Contains(c.Detail, "nothing to compare with") {
			t.Errorf("%+v", c)
		}
	})
}

// TestRemember: what a model answers by itself is what it is held to, and its own
// config makes no difference to that.
func TestRemember(t *testing.T) {
	for name, c := range map[string]struct {
		then   func(n int64, row, rows int, v float32) float32
		passed bool
		says   string
	}{
		"the same":      {func(_ int64, _, _ int, v float32) float32 { return v }, true, "compared with those of the model asked by itself: at most 0 %"},
		"another value": {func(_ int64, _, _ int, v float32) float32 { return -v }, false, "differ from those of the model asked by itself"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec := quickSpec(4)
				spec.Model = oracleModel()
				spec.Data = Data{Source: Random, Distinct: 3, Seed: 5, Range: &Range{1, 90}}
				spec.Outputs = NewOutputs()
				same := &oracle{bend: func(_ int64, _, _ int, v float32) float32 { return v }}
				if err := Remember(t.Context(), same, spec); err != nil || same.n.Load() != 3 {
					t.Fatalf("%d requests, %v", same.n.Load(), err)
				}
				r := mustRun(t, &oracle{bend: c.then}, spec)
				expectRule(t, r, "outputs", c.passed, !c.passed)
				if detail := rule(t, r, "outputs").Detail; !strings.Contains(detail, c.says) {
					t.Errorf("%q does not say %q", detail, c.says)
				}
			})
		})
	}
}

func checkNames(r Result) string {
	var names []string
	for _, c := range r.Checks() {
		names = append(names, c.Name)
	}
	return strings.Join(names, " ")
}

// TestEveryRequestIsLookedAt: whatever the length of the rotation, each of its
// requests is among the answers that are decoded early on.
func TestEveryRequestIsLookedAt(t *testing.T) {
	for length := int64(1); length <= 30; length++ {
		seen := map[int64]bool{}
		for n := range int64(checkSoon) {
			if looked(n) {
				seen[n%length] = true
			}
		}
		if int64(len(seen)) != length {
			t.Errorf("of %d requests %d are looked at", length, len(seen))
		}
	}
}

// TestNumbersAreReadAsWritten: number is the inverse of how inputs are written.
func TestNumbersAreReadAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.IntRange(-100, 100).Draw(t, "value")
		for datatype := range datatypes {
			if datatype == "BYTES" {
				continue
			}
			kind, integer := integers[datatype]
			want := float64(v)
			var raw []byte
			switch {
			case datatype == "BOOL":
				want = float64(v & 1)
				raw = appendInteger(nil, datatype, uint64(v&1))
			case integer && !kind.signed:
				want = math.Abs(want)
				raw = appendInteger(nil, datatype, uint64(want))
			case integer:
				raw = appendInteger(nil, datatype, uint64(v))
			default:
				want /= 8 // all of them have so many digits
				raw = appendFloat(nil, datatype, want)
			}
			if got := number(datatype, raw); got != want {
				t.Errorf("%s: %g was read as %g", datatype, want, got)
			}
		}
	})
	for bits, want := range map[uint16]float64{0x0001: 0x1p-24, 0x8200: -0x1p-15, 0x7c00: math.Inf(1), 0xfc00: math.Inf(-1), 0x3c00: 1, 0x7bff: 65504} {
		if got := binary16.Float(bits); got != want {
			t.Errorf("%#04x is %g, want %g", bits, got, want)
		}
	}
	if v := binary16.Float(0x7e00); v == v {
		t.Errorf("NaN was read as %g", v)
	}
}

// TestDistanceOfAnswers: shapes, strings, whole numbers, floats and what is none.
func TestDistanceOfAnswers(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	floats := func(v ...float64) sketch { return sketch{{name: "out", shape: []int64{1}, values: v}} }
	whole := func(v ...float64) sketch { return sketch{{name: "out", shape: []int64{1}, exact: true, values: v}} }
	for name, c := range map[string]struct {
		a, b sketch
		want float64
	}{
		"equal":            {floats(1, -2, 0), floats(1, -2, 0), 0},
		"zeros":            {floats(0, 0), floats(0, 0), 0},
		"nothing written":  {floats(3, 4), floats(0, 0), 1},
		"a fifth":          {floats(3, 4), floats(3, 5), 1 / math.Sqrt(9+25)},
		"same gaps":        {floats(nan, inf, 1), floats(nan, inf, 1), 0},
		"a gap more":       {floats(nan, 1), floats(2, 1), 1},
		"infinite":         {floats(inf, 1), floats(2, 1), 1},
		"one label of two": {whole(1, 2), whole(1, 3), 0.5},
		"another length":   {floats(1, 2), floats(1), 1},
		"another shape":    {sketch{{name: "out", shape: []int64{2}}}, sketch{{name: "out", shape: []int64{3}}}, 1},
		"other strings":    {sketch{{name: "out", hash: 1}}, sketch{{name: "out", hash: 2}}, 1},
		"other outputs":    {sketch{{name: "a", hash: 1}}, sketch{{name: "b", hash: 2}}, 0},
	} {
		got, output := c.a.distance(c.b)
		if back, _ := c.b.distance(c.a); math.Abs(got-c.want) > 1e-12 || math.Abs(back-c.want) > 1e-12 || (output == "out") != (c.want > 0) {
			t.Errorf("%s: %g in %q and back %g, want %g", name, got, output, back, c.want)
		}
	}
}
