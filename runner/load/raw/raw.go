// Package raw is a codec for gRPC-Go that hands messages through as they are. Who
// has encoded a message already, or only passes it on, has no use for its fields.
package raw

import (
	"fmt"

	"google.golang.org/grpc/mem"
)

// Codec sends a *[]byte as it is, and receives into a *[]byte or, without a copy,
// into a *mem.BufferSlice, which the receiver frees.
type Codec struct{}

// Name is that of protobuf's codec, which the peer uses.
func (Codec) Name() string { return "proto" }

// Marshal implements encoding.CodecV2.
func (Codec) Marshal(v any) (mem.BufferSlice, error) {
	message, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("sending a %T: it is not encoded", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*message)}, nil
}

// Unmarshal implements encoding.CodecV2.
func (Codec) Unmarshal(data mem.BufferSlice, v any) error {
	switch message := v.(type) {
	case *[]byte:
		*message = data.Materialize()
	case *mem.BufferSlice:
		data.Ref() // it is freed on return otherwise
		*message = data
	default:
		return fmt.Errorf("receiving into a %T: it is to be decoded", v)
	}
	return nil
}
