package tritonsim

import (
	"fmt"
	"io"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"tritonsweep/internal/tritonpb/service"
)

// request is a decoded ModelInferRequest without its tensors: of each raw input
// only the size and the first element of every item are kept. A request of
// megabytes costs as much as a small one.
type request struct {
	head service.ModelInferRequest // without raw_input_contents
	raws []rawInput
}

// rawInput is what is known of one entry of raw_input_contents.
type rawInput struct {
	size   int
	firsts []first // of the items, if they divide the tensor; else of the whole
}

const (
	fieldRawInput = 7
	// mostItems bounds how many items are looked at: no max_batch_size is near.
	mostItems = 1 << 16
)

// span is a part of the encoded request.
type span struct{ from, size int }

// unmarshal reads the request in two passes, since an input's shape, which says
// where its items begin, may stand behind the tensor.
func (r *request) unmarshal(data mem.BufferSlice) error {
	reader := cursor{reader: data.Reader()}
	defer reader.reader.Close()
	var (
		head []byte
		raws []span
	)
	for reader.reader.Remaining() > 0 {
		tag, err := reader.varint()
		if err != nil {
			return err
		}
		number, kind := protowire.DecodeTag(tag)
		if number != fieldRawInput || kind != protowire.BytesType {
			if head, err = reader.field(head, tag, kind); err != nil {
				return err
			}
			continue
		}
		size, err := reader.varint()
		if err != nil {
			return err
		}
		raws = append(raws, span{reader.at, int(size)})
		if err := reader.skip(size); err != nil {
			return err
		}
	}
	if err := proto.Unmarshal(head, &r.head); err != nil {
		return err
	}
	return r.peek(data, raws)
}

// peek reads the first element of every item.
func (r *request) peek(data mem.BufferSlice, raws []span) error {
	reader := cursor{reader: data.Reader()}
	defer reader.reader.Close()
	for i, raw := range raws {
		if err := reader.skip(uint64(raw.from - reader.at)); err != nil {
			return err
		}
		items := int64(1)
		if i < len(r.head.Inputs) {
			items = leading(r.head.Inputs[i].Shape)
		}
		items, part := divide(int64(raw.size), items)
		in, stride := rawInput{size: raw.size, firsts: make([]first, items)}, int(part)
		for j := range in.firsts {
			n := min(stride, len(first{}))
			if err := reader.read(in.firsts[j][:n]); err != nil {
				return err
			}
			if err := reader.skip(uint64(stride - n)); err != nil {
				return err
			}
		}
		r.raws = append(r.raws, in)
	}
	return nil
}

// leading is a shape's first dimension, which counts the items; 1 without any.
func leading(shape []int64) int64 {
	if len(shape) == 0 {
		return 1
	}
	return shape[0]
}

// divide gives each item its part of a tensor, in bytes or elements. A tensor that
// they do not divide, or into too many parts, is one item.
func divide(size, items int64) (n, part int64) {
	if items < 1 || items > mostItems || size%items != 0 {
		items = 1
	}
	return items, size / items
}

// cursor reads protobuf's wire format from buffers that are not joined.
type cursor struct {
	reader *mem.Reader
	at     int
}

var errTruncated = fmt.Errorf("decoding an inference request: %w", io.ErrUnexpectedEOF)

func (c *cursor) varint() (uint64, error) {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b, err := c.reader.ReadByte()
		if err != nil {
			return 0, errTruncated
		}
		c.at++
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, fmt.Errorf("decoding an inference request: a number has more than 64 bits")
}

func (c *cursor) skip(n uint64) error {
	if n > uint64(c.reader.Remaining()) {
		return errTruncated
	}
	if _, err := c.reader.Discard(int(n)); err != nil {
		return errTruncated
	}
	c.at += int(n)
	return nil
}

func (c *cursor) read(p []byte) error {
	n, err := io.ReadFull(c.reader, p)
	c.at += n
	if err != nil {
		return errTruncated
	}
	return nil
}

// field appends a whole field, its tag included, to head.
func (c *cursor) field(head []byte, tag uint64, kind protowire.Type) ([]byte, error) {
	head = protowire.AppendVarint(head, tag)
	var size uint64
	switch kind {
	case protowire.VarintType:
		v, err := c.varint()
		return protowire.AppendVarint(head, v), err
	case protowire.Fixed32Type:
		size = 4
	case protowire.Fixed64Type:
		size = 8
	case protowire.BytesType:
		var err error
		if size, err = c.varint(); err != nil {
			return nil, err
		}
		head = protowire.AppendVarint(head, size)
	default:
		return nil, fmt.Errorf("decoding an inference request: wire type %d", kind)
	}
	if size > uint64(c.reader.Remaining()) {
		return nil, errTruncated
	}
	at := len(head)
	head = append(head, make([]byte, size)...)
	return head, c.read(head[at:])
}
