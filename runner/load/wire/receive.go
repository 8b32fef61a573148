package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// MostAnswer bounds one answer, in bytes. It is far above what any model sends,
// and keeps a server that lies about the size from filling the memory.
const MostAnswer = 512 << 20

const (
	readBuffer = 64 << 10
	// mostTrusted is how many bytes of a kept answer are allocated at once, because
	// its length says so; a server may lie about more.
	mostTrusted = 16 << 20
	// mostHeaders bounds the header block of one answer.
	mostHeaders = 256 << 10
	// renewAfter is how much of the connection's receive window may be used up
	// before it is renewed: rarely, it holds 2 GiB.
	renewAfter = 1 << 30
)

// reader is the state of reading that no other goroutine sees.
type reader struct {
	conn    *conn
	in      *bufio.Reader
	decoder *hpack.Decoder
	fields  trailers
	unspent int // received bytes for which the window was not renewed
	settled bool
}

// read handles frames until the connection ends.
func (c *conn) read() {
	r := &reader{conn: c, in: bufio.NewReaderSize(c.net, readBuffer)}
	r.decoder = hpack.NewDecoder(4096, r.field)
	r.decoder.SetMaxStringLength(mostHeaders)
	for {
		if err := r.frame(); err != nil {
			if errors.Is(err, io.EOF) {
				err = errClosed
			}
			c.fail(err)
			return
		}
	}
}

// field keeps what decides about a call.
func (r *reader) field(f hpack.HeaderField) {
	switch f.Name {
	case ":status":
		r.fields.httpStatus = f.Value
	case "grpc-status":
		r.fields.grpcStatus = f.Value
	case "grpc-message":
		r.fields.grpcMessage = f.Value
	}
}

func (r *reader) frame() error {
	head, err := r.in.Peek(headerLength)
	if err != nil {
		return err
	}
	f := parseHeader(head)
	_, _ = r.in.Discard(headerLength)
	if f.length > ourFrame {
		return protocolError("a frame of %d bytes", f.length)
	}
	if !r.settled && f.kind != frameSettings {
		return protocolError("its first frame is of type %d (hint: is it a gRPC port?)", f.kind)
	}
	r.settled = true
	switch f.kind {
	case frameData:
		return r.data(f)
	case frameHeaders:
		return r.headers(f)
	case frameRSTStream, frameSettings, framePing, frameGoAway, frameWindowUpdate:
		return r.small(f)
	case framePushPromise, frameContinuation:
		return protocolError("an unexpected frame of type %d", f.kind)
	}
	_, err = r.in.Discard(f.length) // PRIORITY, and what is yet to be invented
	return err
}

// data counts bytes of an answer and drops them, unless they are to be kept.
func (r *reader) data(f frameHeader) error {
	length := f.length
	padding := 0
	if f.flags&flagPadded != 0 {
		b, err := r.in.ReadByte()
		if err != nil {
			return err
		}
		if padding = int(b); padding+1 > length {
			return protocolError("more padding than data")
		}
		length -= padding + 1
	}
	for length > 0 {
		part, err := r.in.Peek(min(length, max(r.in.Buffered(), 1)))
		if err != nil {
			return err
		}
		r.arrived(f.stream, part)
		length -= len(part)
		_, _ = r.in.Discard(len(part))
	}
	if _, err := r.in.Discard(padding); err != nil {
		return err
	}
	if r.unspent += f.length; r.unspent >= renewAfter {
		r.conn.state.Lock()
		r.conn.queue(appendWindowUpdate(nil, 0, uint32(r.unspent)))
		r.conn.state.Unlock()
		r.unspent = 0
	}
	if f.flags&flagEndStream != 0 {
		r.over(f.stream, status.Error(codes.Internal, "the answer ended without a status"))
	}
	return nil
}

// arrived adds a part of an answer's bytes to its call.
func (r *reader) arrived(id uint32, part []byte) {
	c := r.conn
	c.state.Lock()
	defer c.state.Unlock()
	call, open := c.calls[id]
	if !open {
		return // abandoned
	}
	if call.have < prefixLength {
		n := copy(call.prefix[call.have:], part)
		call.have += n
		part = part[n:]
		if call.have < prefixLength {
			return
		}
		call.length = int(binary.BigEndian.Uint32(call.prefix[1:]))
		if call.length > MostAnswer {
			c.queue(appendReset(nil, id, codeCancel))
			c.finish(call, status.Errorf(codes.ResourceExhausted, "the answer is to have %d bytes, more than %d", call.length, MostAnswer))
			return
		}
		if call.prefix[0] != 0 && c.template.flag == 0 { // with compressed requests, answers may be
			c.queue(appendReset(nil, id, codeCancel))
			c.finish(call, status.Error(codes.Internal, "the answer is compressed, which nobody asked for"))
			return
		}
	}
	call.got += len(part)
	if call.got > call.length {
		c.queue(appendReset(nil, id, codeCancel))
		c.finish(call, status.Error(codes.Internal, "more than one message in the answer to a unary call"))
		return
	}
	if call.keep {
		if call.body == nil {
			call.body = make([]byte, 0, min(call.length, mostTrusted))
		}
		call.body = append(call.body, part...)
	}
}

// headers decodes a header block, wherever it belongs: the decoder's table must
// see every one of them.
func (r *reader) headers(f frameHeader) error {
	end := f.flags&flagEndStream != 0
	length := f.length
	padding := 0
	if f.flags&flagPadded != 0 {
		b, err := r.in.ReadByte()
		if err != nil {
			return err
		}
		padding = int(b)
		length--
	}
	if f.flags&flagPriority != 0 {
		if _, err := r.in.Discard(5); err != nil {
			return err
		}
		length -= 5
	}
	if length -= padding; length < 0 {
		return protocolError("more padding than headers")
	}
	r.fields = trailers{}
	if err := r.block(length); err != nil {
		return err
	}
	if _, err := r.in.Discard(padding); err != nil {
		return err
	}
	total, stream := f.length, f.stream
	for f.flags&flagEndHeaders == 0 {
		head, err := r.in.Peek(headerLength)
		if err != nil {
			return err
		}
		f = parseHeader(head)
		_, _ = r.in.Discard(headerLength)
		if total += f.length; f.kind != frameContinuation || f.stream != stream || total > mostHeaders {
			return protocolError("a header block without end")
		}
		if err := r.block(f.length); err != nil {
			return err
		}
	}
	if err := r.decoder.Close(); err != nil {
		return protocolError("a malformed header block: %v", err)
	}
	r.decoded(stream, end)
	return nil
}

// block feeds a stretch of bytes to the decoder.
func (r *reader) block(length int) error {
	for length > 0 {
		part, err := r.in.Peek(min(length, max(r.in.Buffered(), 1)))
		if err != nil {
			return err
		}
		if _, err := r.decoder.Write(part); err != nil {
			return protocolError("a malformed header block: %v", err)
		}
		length -= len(part)
		_, _ = r.in.Discard(len(part))
	}
	return nil
}

// decoded gives the fields to their call, and completes it when they are the last.
func (r *reader) decoded(id uint32, end bool) {
	c := r.conn
	c.state.Lock()
	defer c.state.Unlock()
	call, open := c.calls[id]
	if !open {
		return
	}
	if r.fields.httpStatus != "" {
		call.trailers.httpStatus = r.fields.httpStatus
	}
	call.trailers.grpcStatus, call.trailers.grpcMessage = r.fields.grpcStatus, r.fields.grpcMessage
	if !end {
		return
	}
	err := call.trailers.err()
	if err == nil && (call.have < prefixLength || call.got < call.length) {
		err = status.Errorf(codes.Internal, "the answer is cut off after %d bytes", call.got)
	}
	c.finish(call, err)
}

// over completes a call that ended without trailers.
func (r *reader) over(id uint32, err error) {
	c := r.conn
	c.state.Lock()
	defer c.state.Unlock()
	if call, open := c.calls[id]; open {
		c.finish(call, err)
	}
}
