package tritonsim

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// headLength is the header that says where the JSON of a body ends and its
// tensors begin.
const headLength = "Inference-Header-Content-Length"

// mostRequest bounds the body of an inference request, in bytes.
const mostRequest = 1 << 31

// httpInfer serves an inference request: JSON, with its tensors in it or, by the
// binary tensor extension, behind it; or nothing but the tensor.
func (p *process) httpInfer(w http.ResponseWriter, q *http.Request) {
	// Triton answers when all of a request has come. To close a connection with
	// bytes unread would reset it, and take the answer from whoever still sends.
	defer func() { _, _ = io.Copy(io.Discard, io.LimitReader(q.Body, mostRequest)) }() // an error is the sender's
	m, _, err := p.find(q.PathValue("model"), q.PathValue("version"))
	if err != nil {
		replyError(w, "text/plain", err) // it comes before the request is looked at
		return
	}
	b, err := openBody(q)
	if err != nil {
		replyError(w, "text/plain", err)
		return
	}
	r, form, err := m.readHTTP(b)
	if err == nil {
		r.head.ModelName, r.head.ModelVersion = m.name, q.PathValue("version")
		var answer *answer
		if answer, err = p.serve(q.Context(), r); err == nil {
			err = form.write(w, q, answer)
		}
	}
	if err != nil {
		reply(w, nil, err)
	}
}

// body is a request's body: its JSON, and what comes behind it. A body without
// JSON is one tensor.
type body struct {
	head []byte
	rest io.Reader
	left int64 // bytes in rest
}

// openBody reads the JSON of a body. Of its tensors only as much is read as an
// answer needs, so that a request of megabytes costs as much as a small one.
func openBody(q *http.Request) (*body, error) {
	rest, size := io.Reader(http.MaxBytesReader(nil, q.Body, mostRequest)), q.ContentLength
	if encoding := q.Header.Get("Content-Encoding"); encoding != "" || size < 0 {
		unpacked, err := unpack(rest, encoding)
		if err != nil {
			return nil, err
		}
		rest, size = bytes.NewReader(unpacked), int64(len(unpacked))
	}
	length := size // without the header all of it is JSON
	if text := q.Header.Get(headLength); text != "" {
		length, _ = strconv.ParseInt(text, 10, 64) // no number is 0, as in C
		if length < 0 || length > size {
			return nil, status.Errorf(codes.InvalidArgument, "inference header size should be in range (0, %d), got: %d", size, length)
		}
	}
	head := make([]byte, length)
	if _, err := io.ReadFull(rest, head); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "the request's body is cut off: %v", err)
	}
	return &body{head, rest, size - length}, nil
}

// unpack reads a compressed body. Triton takes one that does not unpack for empty.
func unpack(packed io.Reader, encoding string) ([]byte, error) {
	var err error
	unpacked := packed
	switch encoding {
	case "", "identity":
	case "gzip":
		unpacked, err = gzip.NewReader(packed)
	case "deflate":
		unpacked, err = zlib.NewReader(packed)
	default:
		return nil, status.Error(codes.Unimplemented, "Unsupported compression type")
	}
	if err != nil {
		return nil, nil
	}
	all, err := io.ReadAll(io.LimitReader(unpacked, mostRequest))
	if err != nil {
		return nil, nil
	}
	return all, nil
}

// tensor takes the next bytes for a tensor whose first dimension is items.
func (b *body) tensor(size, items int64) (rawInput, error) {
	items, stride := divide(size, items)
	raw := rawInput{size: int(size), firsts: make([]first, items)}
	for i := range raw.firsts {
		n := min(stride, int64(len(first{})))
		if _, err := io.ReadFull(b.rest, raw.firsts[i][:n]); err != nil {
			return raw, fmt.Errorf("reading the request: %w", err)
		}
		if _, err := io.CopyN(io.Discard, b.rest, stride-n); err != nil {
			return raw, fmt.Errorf("reading the request: %w", err)
		}
	}
	b.left -= size
	return raw, nil
}

// form says how an answer is to be written.
type form struct {
	binary  bool            // where an output does not say
	outputs map[string]bool // of those that do, whether in binary
}

func (f form) isBinary(name string) bool {
	if binary, ok := f.outputs[name]; ok {
		return binary
	}
	return f.binary
}

// write answers over HTTP.
func (f form) write(w http.ResponseWriter, q *http.Request, a *answer) error {
	head, tensors, err := f.encode(a)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	parts := [][]byte{head}
	if tensors != nil {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set(headLength, strconv.Itoa(len(head)))
		for _, part := range tensors.parts {
			parts = append(parts, part.ReadOnlyData())
		}
	}
	if strings.Contains(q.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		for _, part := range parts {
			z.Write(part) // to memory
		}
		z.Close()
		parts = [][]byte{packed.Bytes()}
	}
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	w.Header().Set("Content-Length", strconv.Itoa(size))
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			return nil // the caller is gone
		}
	}
	return nil
}
