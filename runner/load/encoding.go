package load

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"

	"tritonsweep/runner/load/wire"
)

const gzipName = "gzip"

// encoding is how a transport wants its payloads.
type encoding struct {
	binary     bool // a JSON head and the raw tensors, for HTTP; else a ModelInferRequest
	compressed bool
}

// encoder is a Transport that says how it wants its payloads. Others take
// ModelInferRequest messages.
type encoder interface{ encoding() encoding }

func encodingOf(t Transport) encoding {
	if e, ok := t.(encoder); ok {
		return e.encoding()
	}
	return encoding{}
}

// payload encodes one request.
func (e encoding) payload(m Model, items []item) (Payload, error) {
	var p Payload
	var err error
	if e.binary {
		p, err = m.encodeBinary(items)
	} else {
		p.Bytes, err = m.encode(items)
	}
	return e.packed(p, err)
}

// packed compresses what was encoded, where that is asked for.
func (e encoding) packed(p Payload, err error) (Payload, error) {
	if err == nil && e.compressed {
		p.Bytes, err = compress(p.Bytes)
	}
	return p, err
}

// compress packs a request at gzip's fastest level: it is what a client in a
// hurry would do, and done before anything is measured.
func compress(message []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err == nil {
		_, err = w.Write(message)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("compressing a request: %w", err)
	}
	return out.Bytes(), nil
}

// decompress unpacks an answer that is to be checked, up to the size that an
// uncompressed one may have.
func decompress(message []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(message))
	var out []byte
	if err == nil {
		out, err = io.ReadAll(io.LimitReader(r, wire.MostAnswer+1))
	}
	if err == nil && len(out) > wire.MostAnswer {
		err = fmt.Errorf("more than %d bytes", wire.MostAnswer)
	}
	if err != nil {
		return nil, fmt.Errorf("unpacking the answer: %w", err)
	}
	return out, nil
}
