package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/runner/load/wire"

	"google.golang.org/protobuf/proto"
)

// headLength is the header that says where the JSON ends and the tensors begin.
const headLength = "Inference-Header-Content-Length"

// web is the transport of HTTP with the binary tensor extension. Answers are read
// through one fixed buffer a caller and dropped.
type web struct {
	base      *url.URL
	client    *http.Client
	headers   http.Header
	compress  bool
	buffers   []webBuffer
	transport *http.Transport
	Attempts
}

type webBuffer struct{ once []byte }

// handshakeTimeout bounds a TLS handshake: a server that takes the connection and
// says nothing most likely does not speak TLS.
const handshakeTimeout = 10 * time.Second

// webReadBuffer is how much of an answer is read at a time.
const webReadBuffer = 64 << 10

// mostErrorText bounds what is kept of an error's body.
const mostErrorText = 4 << 10

// parseURL reads the address of the HTTP service.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("HTTP address %q: want http://HOST:PORT", withoutUser(text))
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("HTTP address %q: want http://HOST:PORT, without user or query (hint: secrets go into --header-file)", withoutUser(text))
	}
	return u, nil
}

// withoutUser leaves out of an address what may be a name and a password.
func withoutUser(text string) string {
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		return "***" + text[at:]
	}
	return text
}

func newWeb(o Options) (*web, error) {
	base, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	t := &http.Transport{
		TLSClientConfig: o.TLS, MaxIdleConnsPerHost: o.Callers, DisableCompression: true,
		ReadBufferSize: webReadBuffer, WriteBufferSize: webReadBuffer,
		MaxResponseHeaderBytes: 64 << 10, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: handshakeTimeout,
	}
	w := &web{
		base: base, transport: t, headers: http.Header{}, compress: o.Compression != "",
		client: &http.Client{
			Transport: t,
			// A redirected request would be measured as one slow request.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		buffers: make([]webBuffer, o.Callers),
	}
	for name, value := range o.Headers {
		w.headers.Set(name, value)
	}
	w.headers.Set("User-Agent", agent)
	w.headers.Set("Content-Type", "application/octet-stream")
	if w.compress {
		w.headers.Set("Content-Encoding", gzipName)
	}
	return w, nil
}

func (w *web) encoding() encoding { return encoding{binary: true, compressed: w.compress} }

// Close closes all connections.
func (w *web) Close() error {
	w.transport.CloseIdleConnections()
	return nil
}

// Infer sends one request; see Transport.
func (w *web) Infer(ctx context.Context, caller int, p *Payload, keep bool) (Answer, error) {
	var sent sentTime
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, w.Watch(sent.trace())), http.MethodPost, w.base.JoinPath(p.path).String(), bytes.NewReader(p.Bytes))
	if err != nil {
		return Answer{}, err
	}
	request.Header = w.headers.Clone()
	request.Header.Set(headLength, strconv.Itoa(p.head))
	// A body that could be read again would be sent again on a fresh connection.
	request.GetBody = nil
	response, err := w.client.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return Answer{}, ctx.Err()
		}
		return Answer{}, &webError{kind: "HTTP connection", text: plainError(err)}
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return Answer{}, readWebError(response)
	}
	return w.read(ctx, caller, response, sent.get(), keep)
}

// read counts an answer's bytes, and keeps them where asked.
func (w *web) read(ctx context.Context, caller int, response *http.Response, sent time.Time, keep bool) (Answer, error) {
	var n int64
	var body []byte
	var err error
	if keep {
		body, err = io.ReadAll(io.LimitReader(response.Body, wire.MostAnswer+1))
		n = int64(len(body))
	} else {
		b := &w.buffers[caller%len(w.buffers)]
		if b.once == nil {
			b.once = make([]byte, webReadBuffer)
		}
		n, err = io.CopyBuffer(discard{}, io.LimitReader(response.Body, wire.MostAnswer+1), b.once)
	}
	received := time.Now()
	switch {
	case ctx.Err() != nil:
		return Answer{}, ctx.Err()
	case err != nil:
		return Answer{}, &webError{kind: "HTTP connection", text: "the answer is cut off: " + plainError(err)}
	case n > wire.MostAnswer:
		return Answer{}, &webError{kind: "HTTP endless", text: fmt.Sprintf("the answer has more than %d bytes", wire.MostAnswer)}
	}
	answer := Answer{Sent: sent, Received: received, Bytes: int(n)}
	if keep {
		if answer.Body, err = decodeBinary(response.Header.Get(headLength), body); err != nil {
			// It is an answer, though a wrong one: whoever checks it will say so.
			answer.Body = append([]byte{notAnAnswer}, err.Error()...)
		}
	}
	return answer, nil
}

// discard is io.Discard without its own buffers.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// sentTime is told by the transport's own goroutine.
type sentTime struct {
	mu sync.Mutex
	at time.Time
}

func (s *sentTime) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.at = time.Now()
	}}
}

// get is asked when the answer begins. Where it overtook the word that the request
// was written, that was now at the latest.
func (s *sentTime) get() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() {
		return time.Now()
	}
	return s.at
}

// webError is a failed request over HTTP: a Failure.
type webError struct {
	kind string
	text string
	code int // of the answer; 0 without one
}

func (e *webError) Error() string { return e.kind + ": " + e.text }

// Kind names the failure for counting.
func (e *webError) Kind() string { return e.kind }

// Final reports that the same request cannot work: the server understood it and
// said no, or does not know what it is about.
func (e *webError) Final() bool {
	return e.code >= 400 && e.code < 500 && e.code != http.StatusTooManyRequests && e.code != http.StatusRequestTimeout ||
		e.code == http.StatusNotImplemented || e.code >= 300 && e.code < 400
}

func readWebError(r *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(r.Body, mostErrorText))
	e := &webError{kind: fmt.Sprintf("HTTP %d", r.StatusCode), code: r.StatusCode, text: strings.TrimSpace(string(text))}
	var message struct{ Error string }
	if json.Unmarshal(text, &message) == nil && message.Error != "" {
		e.text = message.Error
	}
	if e.text == "" {
		e.text = http.StatusText(r.StatusCode)
	}
	e.text = strings.ToValidUTF8(e.text, "\ufffd")
	return e
}

// plainError leaves out the method and URL that net/http puts before each error.
func plainError(err error) string {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// binaryHead is the JSON before the tensors of a request or an answer.
type binaryHead struct {
	ID           string         `json:"id,omitempty"`
	ModelName    string         `json:"model_name,omitempty"`
	ModelVersion string         `json:"model_version,omitempty"`
	Parameters   map[string]any `json:"parameters,omitempty"`
	Inputs       []binaryTensor `json:"inputs,omitempty"`
	Outputs      []binaryTensor `json:"outputs,omitempty"`
}

type binaryTensor struct {
	Name       string         `json:"name"`
	Datatype   string         `json:"datatype,omitempty"`
	Shape      []int64        `json:"shape,omitempty"`
	Parameters map[string]any `json:"parameters,omitempty"`
}

// encodeBinary writes a request for HTTP: the JSON head and the tensors as they
// are. The outputs are asked for in binary too.
func (m Model) encodeBinary(items []item) (Payload, error) {
	head := binaryHead{Parameters: map[string]any{"binary_data_output": true}}
	tensors, size, err := m.tensorsOf(items)
	if err != nil {
		return Payload{}, err
	}
	for _, t := range tensors {
		head.Inputs = append(head.Inputs, binaryTensor{
			Name: t.Name, Datatype: t.Datatype, Shape: t.Shape, Parameters: map[string]any{"binary_data_size": t.size},
		})
	}
	text, err := json.Marshal(head)
	if err != nil {
		return Payload{}, fmt.Errorf("encoding the request: %w", err)
	}
	if size += int64(len(text)); size > mostPayload {
		return Payload{}, fmt.Errorf("%d bytes: a request holds at most %d (hint: a smaller client batch)", size, int64(mostPayload))
	}
	p := Payload{Bytes: append(make([]byte, 0, size), text...), head: len(text), path: m.path()}
	for _, t := range tensors {
		for _, it := range items {
			p.Bytes = append(p.Bytes, it[t.Name].raw...)
		}
	}
	return p, nil
}

// path is where the model is asked over HTTP.
func (m Model) path() string {
	path := "/v2/models/" + url.PathEscape(m.Name)
	if m.Version != "" {
		path += "/versions/" + url.PathEscape(m.Version)
	}
	return path + "/infer"
}

// decodeBinary turns an answer into the ModelInferResponse that gRPC would have
// brought, so that one check serves all transports.
func decodeBinary(length string, body []byte) ([]byte, error) {
	at := len(body)
	if length != "" {
		n, err := strconv.Atoi(length)
		if err != nil || n < 0 || n > len(body) {
			return nil, fmt.Errorf("its JSON is said to have %.20q of %d bytes", length, len(body))
		}
		at = n
	}
	var head binaryHead
	if err := json.Unmarshal(body[:at], &head); err != nil {
		return nil, fmt.Errorf("its JSON does not decode: %w", err)
	}
	out := &service.ModelInferResponse{ModelName: head.ModelName, ModelVersion: head.ModelVersion}
	rest := body[at:]
	for _, t := range head.Outputs {
		out.Outputs = append(out.Outputs, &service.ModelInferResponse_InferOutputTensor{Name: t.Name, Datatype: t.Datatype, Shape: t.Shape})
		if t.Parameters["binary_data_size"] == nil { // it lies in shared memory, or its check will fail
			out.RawOutputContents = append(out.RawOutputContents, nil)
			continue
		}
		size, ok := t.Parameters["binary_data_size"].(float64)
		if !ok || size < 0 || size > float64(len(rest)) {
			return nil, fmt.Errorf("output %q does not say how many bytes it has", t.Name)
		}
		out.RawOutputContents = append(out.RawOutputContents, rest[:int(size)])
		rest = rest[int(size):]
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%d bytes behind its last output", len(rest))
	}
	return proto.Marshal(out)
}
