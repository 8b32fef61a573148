package pipeline

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	"tritonsweep/results"
	"tritonsweep/runner/load"
)

// mostAnswer is the largest answer whose JSON is looked at.
const mostAnswer = 8 << 20

// Client sends the requests of one target; it is a load.Transport. It follows no
// redirect and keeps no cookie.
type Client struct {
	request   *Request
	transport *http.Transport
	buffers   sync.Pool
	stages    stages
	load.Attempts
}

// NewClient prepares a client for a number of callers, with a connection for
// each. It does not connect.
func NewClient(r *Request, callers int) *Client {
	return &Client{
		request: r,
		transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout: 10 * time.Second,
			MaxIdleConns:        callers, MaxIdleConnsPerHost: callers,
			DisableCompression: true, // what is measured is the service, not our unpacking
			WriteBufferSize:    64 << 10,
			// One request at a time on a connection, as most clients of such a
			// service do; with HTTP/2 a large upload would hold up the others.
			TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
		},
		buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }},
	}
}

// Close ends idle connections.
func (c *Client) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

// Infer sends one body and reads the answer; see load.Transport. Whatever is no
// success is a *Failure.
func (c *Client) Infer(ctx context.Context, _ int, p *load.Payload, keep bool) (load.Answer, error) {
	var wrote atomic.Int64
	traced := httptrace.WithClientTrace(ctx, c.Watch(&httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { wrote.Store(time.Now().UnixNano()) },
	}))
	request, err := http.NewRequestWithContext(traced, c.request.target.Method, c.request.target.URL, bytes.NewReader(p.Bytes))
	if err != nil {
		return load.Answer{}, &Failure{kind: connection, text: err.Error(), final: true}
	}
	request.Header = c.request.header // never changed: the transport copies what it adds to
	if host := c.request.header.Get("Host"); host != "" {
		request.Host = host
	}
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return load.Answer{}, broken(ctx, err)
	}
	defer response.Body.Close()
	answer, err := c.read(ctx, response, keep)
	if n := wrote.Load(); n != 0 {
		answer.Sent = time.Unix(0, n)
	}
	return answer, err
}

// read takes the answer in and judges it.
func (c *Client) read(ctx context.Context, response *http.Response, keep bool) (load.Answer, error) {
	if response.StatusCode < 200 || response.StatusCode > 299 {
		beginning, _ := io.ReadAll(io.LimitReader(response.Body, 512))
		_, _ = io.CopyN(io.Discard, response.Body, mostAnswer) // to use the connection again
		return load.Answer{}, refused(response.StatusCode, beginning)
	}
	target := c.request.target
	if target.Success.JSON == "" && target.Stages.JSON == "" && !keep {
		n, err := io.Copy(io.Discard, response.Body)
		if err != nil {
			return load.Answer{}, broken(ctx, err)
		}
		return c.success(response, nil, int(n)), nil
	}
	buffer := c.buffers.Get().(*bytes.Buffer)
	defer c.buffers.Put(buffer)
	buffer.Reset()
	n, err := buffer.ReadFrom(io.LimitReader(response.Body, mostAnswer+1))
	switch {
	case err != nil:
		return load.Answer{}, broken(ctx, err)
	case n > mostAnswer:
		return load.Answer{}, wrongAnswer(fmt.Errorf("more than %d bytes", mostAnswer), buffer.Bytes())
	}
	if err := target.Success.obeys(buffer.Bytes()); err != nil {
		return load.Answer{}, wrongAnswer(err, buffer.Bytes())
	}
	answer := c.success(response, buffer.Bytes(), int(n))
	if keep {
		answer.Body = bytes.Clone(buffer.Bytes())
	}
	return answer, nil
}

// success notes what the answer says about the stages.
func (c *Client) success(response *http.Response, document []byte, size int) load.Answer {
	received := time.Now()
	source := c.request.target.Stages
	var told []timing
	if source.ServerTiming {
		told = serverTiming(response.Header)
	}
	if source.JSON != "" {
		told = append(told, jsonTimings(document, source.JSON)...)
	}
	c.stages.add(received, told)
	return load.Answer{Received: received, Bytes: size}
}

// Probe sends one request, as the first of a warm-up would be sent. Its error is
// a *Failure with the service's answer, or that of ctx.
func Probe(ctx context.Context, r *Request) error {
	client := NewClient(r, 1)
	defer client.Close()
	_, err := client.Infer(ctx, 0, &load.Payload{Bytes: r.bodies[0]}, true)
	return err
}

// Measure offers the load to a target and returns what came out, with the
// service's stages in the measured window. The spec's model and data are not
// used.
func Measure(ctx context.Context, r *Request, spec load.Spec) (load.Result, []results.Stage, error) {
	var err error
	if spec.Request, err = r.Load(); err != nil {
		return load.Result{}, nil, err
	}
	client := NewClient(r, spec.Callers())
	defer client.Close()
	outer := spec.Boundary
	spec.Boundary = func(ctx context.Context, at load.Phase) error {
		if at == load.WindowEnd {
			client.stages.end()
		}
		if outer != nil {
			if err := outer(ctx, at); err != nil {
				return err
			}
		}
		if at == load.WindowStart {
			client.stages.begin(time.Now())
		}
		return nil
	}
	result, err := load.Run(ctx, client, spec)
	return result, client.stages.results(), err
}

// Unreachable reports whether err says that the service did not answer at all.
func Unreachable(err error) bool {
	f, ok := errors.AsType[*Failure](err)
	return ok && f.Unreachable()
}
