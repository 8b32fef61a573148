package tritonsim

import (
	"encoding/binary"
	"math"

	"tritonsweep/internal/tritonpb/service"
)

// contents reads a tensor that is spelled out in the request instead of given
// as raw bytes: how many elements, of which type, and the first of every item.
func contents(c *service.InferTensorContents, items int) (elements int, datatypes []string, firsts []first) {
	switch {
	case len(c.GetBoolContents()) > 0:
		return spread(c.BoolContents, items, func(v bool) first {
			if v {
				return integer(1)
			}
			return first{}
		}, "BOOL")
	case len(c.GetIntContents()) > 0:
		return spread(c.IntContents, items, func(v int32) first { return integer(int64(v)) }, "INT8", "INT16", "INT32")
	case len(c.GetInt64Contents()) > 0:
		return spread(c.Int64Contents, items, integer, "INT64")
	case len(c.GetUintContents()) > 0:
		return spread(c.UintContents, items, func(v uint32) first { return integer(int64(v)) }, "UINT8", "UINT16", "UINT32")
	case len(c.GetUint64Contents()) > 0:
		return spread(c.Uint64Contents, items, func(v uint64) first { return integer(int64(v)) }, "UINT64")
	case len(c.GetFp32Contents()) > 0:
		return spread(c.Fp32Contents, items, func(v float32) (f first) {
			binary.LittleEndian.PutUint32(f[:], math.Float32bits(v))
			return f
		}, "FP32")
	case len(c.GetFp64Contents()) > 0:
		return spread(c.Fp64Contents, items, func(v float64) (f first) {
			binary.LittleEndian.PutUint64(f[:], math.Float64bits(v))
			return f
		}, "FP64")
	case len(c.GetBytesContents()) > 0:
		return spread(c.BytesContents, items, func([]byte) first { return first{} }, "BYTES")
	}
	return 0, nil, nil
}

func spread[T any](values []T, items int, convert func(T) first, datatypes ...string) (int, []string, []first) {
	items = max(1, items)
	if len(values)%items != 0 {
		items = 1
	}
	firsts := make([]first, items)
	for i := range firsts {
		firsts[i] = convert(values[i*(len(values)/items)])
	}
	return len(values), datatypes, firsts
}
