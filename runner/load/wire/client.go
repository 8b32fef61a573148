package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2/hpack"
)

// CallersPerConnection spreads callers over connections. Servers commonly allow
// 100 calls on one at a time; a caller beyond that would wait in the client, and
// its wait be taken for the server's.
const CallersPerConnection = 64

// Options say whom to call and how.
type Options struct {
	Address string // HOST:PORT
	Method  string // /package.Service/Method
	Agent   string // names the program to the server
	Callers int
	// TLS is used when not nil.
	TLS *tls.Config
	// Headers go with every call, by name.
	Headers map[string]string
	// Encoding names how messages are compressed; empty: they are not. It is
	// the caller of Call that compresses them. Answers may then
	// be compressed the same way.
	Encoding string
}

// Client makes unary calls of one method on one server.
type Client struct {
	address  string
	tls      *tls.Config
	template template
	slots    []slot
	spare    atomic.Pointer[[]byte] // of a body that was recycled
}

// template is what all calls have in common.
type template struct {
	block []byte // the encoded request headers, the same for every call
	flag  byte   // before a message: 1 when it is compressed
}

// slot is where a connection is, was or will be.
type slot struct {
	mu     sync.Mutex
	conn   *conn
	old    []*conn // that take no calls any more
	closed bool
}

// Answer is what came back.
type Answer struct {
	// Sent is when the last byte of the request had been written.
	Sent time.Time
	// Received is when the end of the answer was read.
	Received time.Time
	// Bytes is the length of the answer's message.
	Bytes int
	// Body is the message, when asked for.
	Body []byte
	// Compressed tells that the message is, as the request was.
	Compressed bool
}

// New prepares a client. It does not connect.
func New(o Options) (*Client, error) {
	if o.Callers < 1 {
		return nil, fmt.Errorf("%d callers: at least 1 is needed", o.Callers)
	}
	host, _, err := net.SplitHostPort(o.Address)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", o.Address, err)
	}
	c := &Client{
		address: o.Address, tls: secure(o.TLS, host), template: template{block: headerBlock(o)},
		slots: make([]slot, (o.Callers+CallersPerConnection-1)/CallersPerConnection),
	}
	if o.Encoding != "" {
		c.template.flag = 1
	}
	if n := len(c.template.block); n > defaultFrame {
		return nil, fmt.Errorf("the headers take %d bytes, at most %d go with a call", n, defaultFrame)
	}
	return c, nil
}

// headerBlock encodes the request headers without touching the dynamic table, so
// that the same bytes are right for every call on every connection.
func headerBlock(o Options) []byte {
	block := sliceWriter{}
	encoder := hpack.NewEncoder(&block)
	scheme := "http"
	if o.TLS != nil {
		scheme = "https"
	}
	fields := []hpack.HeaderField{
		{Name: ":method", Value: "POST"},
		{Name: ":scheme", Value: scheme},
		{Name: ":path", Value: o.Method, Sensitive: true},
		{Name: ":authority", Value: o.Address, Sensitive: true},
		{Name: "content-type", Value: "application/grpc", Sensitive: true},
		{Name: "user-agent", Value: o.Agent, Sensitive: true},
		{Name: "te", Value: "trailers", Sensitive: true},
	}
	if o.Encoding != "" {
		fields = append(fields, hpack.HeaderField{Name: "grpc-encoding", Value: o.Encoding, Sensitive: true})
	}
	for _, name := range slices.Sorted(maps.Keys(o.Headers)) {
		fields = append(fields, hpack.HeaderField{Name: strings.ToLower(name), Value: o.Headers[name], Sensitive: true})
	}
	for _, f := range fields {
		_ = encoder.WriteField(f) // a slice takes everything
	}
	return block
}

type sliceWriter []byte

func (w *sliceWriter) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

// Call sends a message on behalf of a caller (from 0; a caller has one call at a
// time) and waits for the answer or until ctx ends. The message must not change
// meanwhile. Errors have a gRPC status, except those of ctx.
func (c *Client) Call(ctx context.Context, caller int, message []byte, keep bool) (Answer, error) {
	s := &c.slots[caller/CallersPerConnection%len(c.slots)]
	connection, err := s.get(ctx, c)
	if err != nil {
		return Answer{}, err
	}
	call := &call{keep: keep, done: make(chan struct{})}
	if keep {
		if spare := c.spare.Swap(nil); spare != nil {
			call.body = (*spare)[:0]
		}
	}
	return connection.call(ctx, call, message)
}

// Recycle gives the body of an answer back, for the next one that is kept: of
// large answers, now and then one is most of a client's garbage, and its gaps in
// the heap fit nothing else.
func (c *Client) Recycle(body []byte) { c.spare.Store(&body) }

// get returns the slot's connection and makes one where there is none.
func (s *slot) get(ctx context.Context, c *Client) (*conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, unavailable("the client is closed")
	}
	if s.conn != nil && s.conn.usable() {
		return s.conn, nil
	}
	if s.conn != nil {
		s.old = append(slices.DeleteFunc(s.old, (*conn).over), s.conn)
		s.conn = nil
	}
	connection, err := connect(ctx, c.address, c.tls, c.template)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, unavailable("connecting to %s: %v", c.address, err)
	}
	s.conn = connection
	return connection, nil
}

// Close closes all connections and waits for their goroutines. Calls under way
// fail.
func (c *Client) Close() error {
	for i := range c.slots {
		s := &c.slots[i]
		s.mu.Lock()
		s.closed = true
		if s.conn != nil {
			s.old = append(s.old, s.conn)
		}
		for _, connection := range s.old {
			connection.fail(errors.New("the client was closed"))
			connection.group.Wait()
		}
		s.mu.Unlock()
	}
	return nil
}
